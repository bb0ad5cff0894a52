//! `serve`: starts the gateway and runs it until it is told to stop.

use crate::args::{Grant, ServeArgs, parse_server_url};
use crate::control::metrics::Rounds;
use crate::extensions::Extensions;
use crate::failure::{Failure, with_causes};
use crate::gateway::{
    self, Connections, Cookies, FileTree, Gateway, GatewayFetcher, OwnHosts, Pages, ReverseProxy, Upstream,
    Upstreams,
};
use crate::output;
use crate::profile::{ControlFile, Profile};
use axum::Router;
use serde_json::json;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use wakeworker::network::{
    Expected, ManualNetwork, NetworkMonitor, OfflineSwitch, Probe, ProbedNetwork, SystemNetwork,
};
use wakeworker::power::SystemPower;
use wakeworker::store::{SqliteStore, StoreError};
use wakeworker::{Host, core::Config};
use wakeworker_core::{Connection, PermissionName, PermissionState, StorageKey};
use wakeworker_quickjs::{Clients, HttpFetcher, NotificationChange, Runtime, RuntimeConfig, RuntimeStorage};

/// How long open connections may take to end when the gateway is stopped.
const GOODBYE_DURATION_MAX: Duration = Duration::from_secs(3);

/// Longest text of a notification in the terminal.
const NOTIFICATION_CHARS_MAX: usize = 200;

/// Serves until a signal comes.
pub(crate) async fn run(mut args: ServeArgs) -> Result<(), Failure> {
    if !args.app.contains("://") {
        args.app = app_folder(&args.app)?;
    }
    let signal = StopSignal::listen()?;
    let upstreams = Arc::new(upstreams(&args)?);
    let profile = Profile::locate(args.profile.clone())?;
    profile.prepare()?;
    let store = open_store(&profile)?;
    let listeners = listen(args.port, &profile)?;
    let port = listeners.port;
    let hosts = OwnHosts::new(port);
    let (stop, stopped) = watch::channel(false);

    let offline = OfflineSwitch::new();
    offline.force_offline(args.offline);
    let cookies = Arc::new(Cookies::default());
    let pages = Arc::new(Pages::default());
    let extensions = Extensions::new(&args.enable);
    let (mut engine_config, mut config) = (Config::default(), RuntimeConfig::default());
    extensions.apply(&mut engine_config, &mut config);
    let fetcher = GatewayFetcher {
        hosts: hosts.clone(),
        upstreams: Arc::clone(&upstreams),
        network: HttpFetcher::new(&config).map_err(|e| Failure::new(e.to_string()))?,
        offline: offline.clone(),
        cookies: Arc::clone(&cookies),
        tasks: Handle::current(),
    };
    let storage = RuntimeStorage::Dir(profile.worker_storage());
    let clients: Arc<dyn Clients> = Arc::<Pages>::clone(&pages);
    let runtime = Runtime::open(config, storage, Arc::new(fetcher), clients)
        .map_err(|e| Failure::new(e.to_string()))?;
    runtime.damage_found().iter().for_each(output::warning);
    runtime.on_console(|line| output::remark(format!("worker {}: {}", line.level.name(), line.text)));
    runtime.on_notification(remark_notification);
    gateway::connect_lifecycle(&runtime, &pages);
    let store =
        store.join().map_err(|_| Failure::new("the profile could not be opened: the thread failed"))?;
    let mut builder = Host::builder(Box::new(store.map_err(|e| Failure::new(e.to_string()))?))
        .backend(Arc::new(runtime.clone()))
        .network(offline.over(network(&args)?))
        .config(engine_config);
    // Where the system gives no notices of its power supply, it counts as plugged in (R227).
    if let Ok(power) = SystemPower::new() {
        builder = builder.power(Box::new(power));
    }
    let host = builder.open().map_err(|e| Failure::new(e.to_string()))?;
    gateway::connect_activity(&host, &pages, &extensions);
    runtime.set_online(!args.offline);
    grant(&host, &hosts, &args.grant);

    let control =
        ControlFile { pid: std::process::id(), url: format!("http://127.0.0.1:{port}/"), token: token()? };
    let gateway = Arc::new(Gateway {
        hosts,
        upstreams,
        offline,
        cookies,
        pages,
        runtime,
        host: host.handle(),
        shared_storage: !args.no_shared_storage,
        extensions,
        rounds: Rounds::follow(&host),
        token: control.token.clone(),
        shutdown: stopped,
    });
    profile.write_control(&control)?;
    announce(&args, &control, &profile)?;
    let result = serve_until_stopped(listeners, gateway::router(gateway), stop, signal).await;
    // Stopping waits for the engine thread, which is no task of the executor.
    let closed = tokio::task::spawn_blocking(move || drop(host)).await;
    profile.remove_control(&control);
    closed.map_err(|e| Failure::new(format!("the engine could not be stopped: {e}")))?;
    result
}

/// Takes the profile on a thread of its own: the workers' storage is opened meanwhile, and both wait for the disk.
fn open_store(profile: &Profile) -> Result<JoinHandle<Result<SqliteStore, StoreError>>, Failure> {
    let store = SqliteStore::new(profile.dir());
    thread::Builder::new()
        .name("wakeworker-store".into())
        .spawn(|| store.acquire_ahead())
        .map_err(|e| Failure::new(format!("a thread could not be started: {e}")))
}

struct Listeners {
    port: u16,
    v4: TcpListener,
    v6: Option<TcpListener>,
}

/// Listens on 127.0.0.1, and on `::1` where that is possible.
fn listen(port: u16, profile: &Profile) -> Result<Listeners, Failure> {
    let v4 =
        bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).map_err(|e| cannot_listen(port, &e, profile))?;
    let port = v4.local_addr().map_err(|e| cannot_listen(port, &e, profile))?.port();
    let v6 = match bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))) {
        Ok(listener) => Some(listener),
        Err(error) => {
            // A machine without IPv6 is nothing to speak of; a stranger on the same port is.
            if error.kind() == io::ErrorKind::AddrInUse {
                output::warning(format!(
                    "another program has port {port} of [::1]; use http://127.0.0.1:{port}/, not http://localhost:{port}/"
                ));
            }
            None
        }
    };
    Ok(Listeners { port, v4, v6 })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn cannot_listen(port: u16, error: &io::Error, profile: &Profile) -> Failure {
    Failure::new(match error.kind() {
        io::ErrorKind::AddrInUse => {
            let own = profile.read_control().ok().flatten().filter(|c| c.url.ends_with(&format!(":{port}/")));
            let who = match own {
                Some(control) => format!("`wakeworker serve` with this profile, process {}", control.pid),
                None => "another program".into(),
            };
            format!(
                "port {port} is in use by {who}; choose another port with --port N, or any free one with --port 0"
            )
        }
        io::ErrorKind::PermissionDenied => {
            format!("port {port} may not be used by this user; choose one above 1023 with --port N")
        }
        _ => format!("cannot listen on port {port}: {error}"),
    })
}

fn upstreams(args: &ServeArgs) -> Result<Upstreams, Failure> {
    let proxy = |server| {
        ReverseProxy::new(server, args.upstream_timeout)
            .map_err(|problem| Failure::new(format!("cannot make an HTTP client: {problem}")))
    };
    let app = if args.app.contains("://") {
        Upstream::Proxy(proxy(parse_server_url(&args.app).map_err(Failure::usage)?)?)
    } else {
        let files = FileTree::open(Path::new(&args.app)).map_err(|e| {
            Failure::new(format!(
                "the folder {} cannot be served: {e}; name a folder with the app's files, or a URL",
                args.app
            ))
        })?;
        Upstream::Files(files)
    };
    let prefixes = args
        .proxy
        .iter()
        .map(|rule| Ok((rule.prefix.clone(), proxy(rule.server.clone())?)))
        .collect::<Result<_, Failure>>()?;
    Ok(Upstreams::new(app, prefixes))
}

/// The folder with the app's files: a project's folder stands for the `dist` that its build makes.
fn app_folder(named: &str) -> Result<String, Failure> {
    let folder = Path::new(named);
    let built = folder.join("dist");
    if folder.join("index.html").exists() || !folder.join("package.json").exists() {
        return Ok(named.to_owned());
    }
    if built.join("index.html").exists() {
        return Ok(built.display().to_string());
    }
    Err(Failure::new(format!(
        "the folder {named} has no index.html, and its project is not built; run `npm ci && npm run build` there, or \
         name the folder with the built files"
    )))
}

fn network(args: &ServeArgs) -> Result<Box<dyn NetworkMonitor>, Failure> {
    if args.assume_online {
        return Ok(Box::new(ManualNetwork::new(Connection::Unknown)));
    }
    let hint = SystemNetwork::new()
        .map_err(|e| Failure::new(format!("the system does not tell what networks there are: {e}")))?;
    let Some(url) = &args.probe else { return Ok(Box::new(hint)) };
    let probe = Probe::new(url.as_str(), Expected::NoContent)
        .map_err(|e| Failure::usage(format!("--probe {url}: {}", with_causes(&e))))?;
    Ok(Box::new(ProbedNetwork::over(Box::new(hint), probe)))
}

fn grant(host: &Host, hosts: &OwnHosts, grants: &[Grant]) {
    for grant in grants {
        let name = match grant {
            Grant::PeriodicBackgroundSync => PermissionName::PeriodicBackgroundSync,
            Grant::Notifications => PermissionName::Notifications,
        };
        for origin in hosts.origins() {
            host.set_permission(StorageKey::first_party(&origin), name, PermissionState::Granted);
        }
    }
}

/// Whoever looks at the terminal sees what workers show; `wakeworker notifications` lists it.
fn remark_notification(change: &NotificationChange) {
    if let NotificationChange::Shown { notification, .. } = change {
        let text = format!("{} {}", notification.options.title, notification.options.body);
        let text = output::shortened(&output::printable(text.trim()), NOTIFICATION_CHARS_MAX);
        output::remark(format!("notification {}: {text}", notification.id));
    }
}

fn token() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|e| Failure::new(format!("this system gives no random numbers: {e}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn announce(args: &ServeArgs, control: &ControlFile, profile: &Profile) -> Result<(), Failure> {
    if args.json {
        return output::json(&json!({
            "event": "listening",
            "url": control.url,
            "profile": profile.dir().display().to_string(),
            "pid": control.pid,
            "token": control.token,
        }));
    }
    output::line(format!("serving  {} at {}", args.app, control.url))?;
    output::line(format!("profile  {}", profile.dir().display()))?;
    output::line(format!(
        "token    in {} (for the control API)",
        profile.dir().join("control.json").display()
    ))
}

/// Runs the service on all listeners. A signal ends it; open connections get a moment to finish.
async fn serve_until_stopped(
    listeners: Listeners,
    router: Router,
    stop: watch::Sender<bool>,
    signal: StopSignal,
) -> Result<(), Failure> {
    let mut servers = JoinSet::new();
    let connections = Connections::new();
    for listener in std::iter::once(listeners.v4).chain(listeners.v6) {
        let listener = tokio::net::TcpListener::from_std(listener)
            .map_err(|e| Failure::new(format!("cannot listen: {e}")))?;
        servers.spawn(connections.clone().serve(listener, router.clone(), stop.subscribe()));
    }
    let ended = tokio::select! {
        received = signal.received() => received,
        Some(ended) = servers.join_next() => {
            ended.map_err(|error| Failure::new(format!("the gateway failed: {error}")))
        }
    };
    stop.send_replace(true);
    let goodbye = async { while servers.join_next().await.is_some() {} };
    // Whoever is still not done is cut off; the apps' data is safe either way.
    let _ = tokio::time::timeout(GOODBYE_DURATION_MAX, goodbye).await;
    ended
}

/// The operator's wish that the program stops. Heard from the moment it is made.
struct StopSignal {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

impl StopSignal {
    #[cfg(unix)]
    fn listen() -> Result<StopSignal, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|e| Failure::new(format!("cannot listen for signals: {e}")));
        Ok(StopSignal { signals: [listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?] })
    }

    #[cfg(unix)]
    async fn received(mut self) -> Result<(), Failure> {
        let [interrupt, terminate] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn listen() -> Result<StopSignal, Failure> {
        Ok(StopSignal {})
    }

    #[cfg(not(unix))]
    async fn received(self) -> Result<(), Failure> {
        tokio::signal::ctrl_c().await.map_err(|e| Failure::new(format!("cannot listen for ctrl-c: {e}")))
    }
}
