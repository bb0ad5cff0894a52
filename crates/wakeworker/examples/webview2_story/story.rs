//! What happens in the example; a test runs it too.

use bytes::Bytes;
use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use wakeworker::core::{
    Config, FrameType, PeriodicDispatch, PermissionName, PermissionState, StorageKey, SyncKind,
    SyncOperationStatus,
};
use wakeworker::store::MemoryStore;
use wakeworker::{Host, ServiceWorkerRegistration, SyncRegistrationInfo};
use wakeworker_quickjs::{
    AbortHandle, FetchRequest, Fetcher, NoClients, RegisterJob, ResponseHead, ResponseSink, Runtime,
    RuntimeConfig, RuntimeStorage, UpdateViaCache, WorkerType,
};

/// How each dispatched event ended, by tag, in the order of the dispatches.
pub(crate) type Statuses = Vec<(String, SyncOperationStatus)>;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ORIGIN: &str = "https://appassets.example";
const COMMAND: &str = "DispatchAllPeriodicSyncEvents ";

/// Nothing that the story waits for takes longer, unless something is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tells the story, line by line, and gives how every event ended.
pub(crate) fn tell(say: impl Fn(String)) -> Result<Statuses> {
    let (host, runtime) = open()?;
    let key = StorageKey::first_party(ORIGIN);
    host.set_permission(key.clone(), PermissionName::PeriodicBackgroundSync, PermissionState::Granted);
    // Only workers that are installed from now on have `chrome.webview`.
    host.set_are_web_view_script_apis_enabled_for_service_workers(true);
    let _window = host.open_client(key.clone(), FrameType::TopLevel);

    // The page registers its worker; the host hears of it, and of its activation.
    let (sender, activated) = channel();
    let _registered = host.service_worker_manager().on_service_worker_registered(move |args| {
        let sender = sender.clone();
        let subscription = args.service_worker_registration().on_service_worker_activated(move |args| {
            drop(sender.send(args.active_service_worker().clone()));
        });
        subscription.forget();
    });
    let (sender, answer) = channel();
    runtime.register(page_registers(key)?, move |result| drop(sender.send(result)));
    wait(&answer)?.map_err(|error| error.to_string())?;
    let worker = wait(&activated)?;
    say(format!("ServiceWorkerActivated   {}", worker.script_uri()));

    // GetServiceWorkerRegistration gives null without a worker for that scope.
    let manager = host.service_worker_manager();
    let registration =
        manager.registration(ORIGIN).wait()?.ok_or("no worker is registered for this scope")?;
    say(format!("ScopeUri                 {}", registration.scope_uri()));
    let syncs = registration.sync_registration_manager();

    // BackgroundSyncRegistered, PeriodicSyncRegistered and WebMessageReceived, all told in the order in which they happen.
    let (sender, told) = channel();
    let (background, periodic, message) = (sender.clone(), sender.clone(), sender);
    let _background = syncs.on_background_sync_registered(move |args| {
        let info = args.registration_info();
        drop(background.send(Told::Line(format!("BackgroundSyncRegistered Tag: {}", info.tag()))));
    });
    let _periodic = syncs.on_periodic_sync_registered(move |args| {
        let line = format!("PeriodicSyncRegistered   {}", describe(args.registration_info()));
        drop(periodic.send(Told::Line(line)));
    });
    let _messages = worker.on_web_message_received(move |args| {
        if let Ok(text) = args.try_web_message_as_string() {
            drop(message.send(Told::Message(text)));
        }
    });

    // The user presses a button in the page, which calls `registration.sync.register("subscribe")`.
    registration.sync().register("subscribe".into()).wait()?;
    let times = loop {
        match wait(&told)? {
            Told::Line(line) => say(line),
            Told::Message(text) => {
                if let Some(times) = text.strip_prefix(COMMAND) {
                    say(format!("WebMessageReceived       {text}"));
                    break times.parse()?;
                }
            }
        }
    };
    dispatch_all(&registration, times, say)
}

/// The sample's `DispatchPeriodicBackgroundSyncTasks`: each registration so many times, an interval apart.
fn dispatch_all(
    registration: &ServiceWorkerRegistration,
    times: usize,
    say: impl Fn(String),
) -> Result<Statuses> {
    let mut statuses = Statuses::new();
    let mut dispatch = |tag: &str| -> Result<()> {
        let worker = registration.active_service_worker().ok_or("the registration has no active worker")?;
        let (sender, destroyed) = channel();
        let _destroying = worker.on_destroying(move || {
            let _ = sender.send(());
        });
        let status = worker.dispatch_periodic_sync_event(tag).wait()?;
        say(format!("DispatchPeriodicSyncEvent {tag}: {status:?}"));
        statuses.push((tag.to_owned(), status));
        if status == SyncOperationStatus::Timeout {
            // The worker is stopped for it. An event that came before would be cut off with it.
            wait(&destroyed)?;
        }
        Ok(())
    };
    let syncs = registration.sync_registration_manager();
    for info in syncs.sync_registrations(SyncKind::PeriodicSync).wait()? {
        let interval = Duration::from_millis(u64::try_from(info.min_interval_in_milliseconds())?);
        for _ in 0..times {
            dispatch(&info.tag().to_string_lossy())?;
            timer(interval);
        }
    }
    dispatch("nobody-asked-for-this")?;
    Ok(statuses)
}

/// The statuses of each tag, as a table.
pub(crate) fn table(statuses: &Statuses) -> String {
    let mut rows: Vec<(&str, Vec<String>)> = Vec::new();
    for (tag, status) in statuses {
        let cell = format!("{status:?} ({})", *status as u8);
        match rows.iter_mut().find(|(of, _)| of == tag) {
            Some((_, cells)) => cells.push(cell),
            None => rows.push((tag, vec![cell])),
        }
    }
    let mut table = String::from("tag                    status of each dispatch\n");
    for (tag, cells) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(table, "{tag:<22} {}", cells.join(", "));
    }
    table
}

enum Told {
    Line(String),
    Message(String),
}

fn open() -> Result<(Host, Runtime)> {
    let mut limits = RuntimeConfig::default();
    limits.memory_bytes_max = 16 << 20;
    limits.terminate_grace_ms = 50;
    let runtime = Runtime::open(limits, RuntimeStorage::Memory, Arc::new(Assets), Arc::new(NoClients))?;
    let config = Config {
        // As in WebView2: the runtime never dispatches a periodic event by itself.
        periodic_dispatch: PeriodicDispatch::HostDriven,
        periodic_event_duration_max_ms: 1_500,
        ..Config::default()
    };
    let host = Host::builder(Box::new(MemoryStore::new()))
        .backend(Arc::new(runtime.clone()))
        .config(config)
        .open()?;
    Ok((host, runtime))
}

/// What `navigator.serviceWorker.register("sw.js")` in the page asks for.
fn page_registers(storage_key: StorageKey) -> Result<RegisterJob> {
    Ok(RegisterJob {
        storage_key,
        client_url: format!("{ORIGIN}/index.html").parse()?,
        script_url: "sw.js".to_owned(),
        scope: None,
        update_via_cache: UpdateViaCache::Imports,
        worker_type: WorkerType::Classic,
    })
}

/// The app's own files, served without a socket.
struct Assets;

impl Fetcher for Assets {
    fn fetch(&self, request: FetchRequest, mut sink: ResponseSink) -> AbortHandle {
        if request.url.as_str() == format!("{ORIGIN}/sw.js") {
            let headers = vec![("content-type".to_owned(), "text/javascript".to_owned())];
            sink.head(ResponseHead { status: 200, status_text: "OK".to_owned(), headers });
            sink.chunk(Bytes::from_static(include_bytes!("sw.js")));
            sink.end();
        } else {
            sink.error(format!("`{}` is not part of the app", request.url));
        }
        AbortHandle::ended()
    }
}

fn describe(info: &SyncRegistrationInfo) -> String {
    format!("Tag: {} MinInterval: {}", info.tag(), info.min_interval_in_milliseconds())
}

fn wait<T>(receiver: &Receiver<T>) -> Result<T> {
    Ok(receiver.recv_timeout(PATIENCE)?)
}

/// The native timer of a program without an event loop.
fn timer(interval: Duration) {
    let (_nobody_sends, timer) = channel::<()>();
    // The only way for this to end is that the time is over.
    let _ = timer.recv_timeout(interval);
}
