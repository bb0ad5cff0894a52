//! The thread of a running worker: start, event loop, end.

use super::console::ConsoleLevel;
use super::event_init::init_of;
use super::host::{self, adopt_ports};
use super::limits::{StopReason, Watch};
use super::modules;
use super::realm::{Realm, Rejection, RunningEvent};
use super::task::{EventKind, EventOutcome, EventTask, Next, Task};
use super::traffic::Written;
use super::watchdog::{Watchdog, note_thread};
use super::{Run, StartError, Started, Worker, lock};
use crate::WorkerType;
use crate::script::{LimitedAllocator, Script, describe_exception, layer, new_buffer, run as run_bytecode};
use crate::shared::Shared;
use crate::socket::{Content, Notice};
use rquickjs::{Context, Ctx, Error, Function, Object, Persistent, Runtime};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Starts the thread of a run; gives `started` back if the system has no thread.
pub(crate) fn spawn(
    shared: &Arc<Shared>,
    worker: &Arc<Worker>,
    run: &Arc<Run>,
    started: Option<Started>,
) -> Result<(), (Option<Started>, String)> {
    let (shared, worker, run) = (shared.clone(), worker.clone(), run.clone());
    let token = shared.threads.enter(&shared.time);
    // The engine counts its own frames; conversions and host functions need room beyond them.
    let stack_bytes = shared.config.stack_bytes_max.saturating_mul(2) + 1024 * 1024;
    let slot = Arc::new(Mutex::new(started));
    let started = slot.clone();
    let alive = Arc::new(());
    Watchdog::watch(&shared, &worker, &run, &alive);
    let spawned = std::thread::Builder::new()
        .name(format!("worker-{}", worker.id))
        .stack_size(stack_bytes)
        .spawn(move || {
            let started = lock(&started).take();
            note_thread(&run.pulse);
            shared.watchdog.wake();
            live(&shared, &worker, &run, started);
            drop(alive);
            drop((shared, worker, run));
            drop(token);
        });
    match spawned {
        Ok(_) => Ok(()),
        Err(error) => {
            Err((lock(&slot).take(), format!("a thread for the worker cannot be started: {error}")))
        }
    }
}

fn live(shared: &Arc<Shared>, worker: &Arc<Worker>, run: &Arc<Run>, mut started: Option<Started>) {
    shared.worker_started(worker);
    let ended = catch_unwind(AssertUnwindSafe(|| life(shared, worker, run, &mut started)));
    let failed = match ended {
        // Everybody has been told already, and went on.
        _ if run.pulse.is_given_up() => return,
        Ok(Ok(StopReason::Idle)) => None,
        Ok(Ok(reason)) => {
            worker.run_ended(shared, run, None);
            Some((
                reason.text().to_owned(),
                matches!(reason, StopReason::Asked | StopReason::Redundant | StopReason::Shutdown),
            ))
        }
        Ok(Err(error)) => {
            let (outcome, text) = match &error {
                StartError::Script(text) => (EventOutcome::ScriptError(text.clone()), text.clone()),
                StartError::Failed(text) => (EventOutcome::StartFailed(text.clone()), text.clone()),
            };
            if let Some(started) = started.take() {
                started(Err(error));
            }
            worker.run_ended(shared, run, Some(outcome));
            Some((format!("the worker could not be started: {text}"), false))
        }
        Err(_) => {
            worker.run_ended(shared, run, None);
            Some(("the worker was stopped by an internal error of the runtime".to_owned(), false))
        }
    };
    if let Some((text, expected)) = failed
        && !expected
    {
        shared.warn(worker.id, text);
    }
    shared.worker_stopped(worker);
}

fn life(
    shared: &Arc<Shared>,
    worker: &Arc<Worker>,
    run: &Arc<Run>,
    started: &mut Option<Started>,
) -> Result<StopReason, StartError> {
    let config = &shared.config;
    let fail = |error: Error| StartError::Failed(format!("the JavaScript engine cannot be started: {error}"));
    let allocator = LimitedAllocator::new(config.memory_bytes_max, run.memory.clone());
    let runtime = Runtime::new_with_alloc(allocator).map_err(fail)?;
    runtime.set_max_stack_size(config.stack_bytes_max);
    runtime.set_gc_threshold(FIRST_COLLECTION_BYTES.min(config.memory_bytes_max / 4));
    let watch = Rc::new(Watch::new(run.clone(), config.task_cpu_ms_max));
    let interrupt = watch.clone();
    runtime.set_interrupt_handler(Some(Box::new(move || interrupt.verdict().is_some())));
    let context = Context::full(&runtime).map_err(fail)?;
    let realm = Rc::new(Realm::new(shared, worker, run, watch));
    // A panic must not leave values behind: the heap would abort the process when it is freed.
    let _values = ReleaseValues(realm.clone());
    modules::install(&runtime, &realm);
    track_rejections(&runtime, &realm);
    let ended = context.with(|ctx| {
        let hooks = start(&ctx, &realm)?;
        if let Some(started) = started.take() {
            started(Ok(()));
        }
        Ok(event_loop(&ctx, &realm, &hooks))
    });
    realm.console.close();
    // What is still running fails now, before the heap is freed.
    let events = std::mem::take(&mut *realm.events.borrow_mut());
    if let Ok(reason) = &ended {
        for (_, event) in events {
            event.done.finish(EventOutcome::Terminated(reason.text().to_owned()));
        }
    }
    realm.traffic.borrow_mut().clear();
    realm.sockets.borrow_mut().clear();
    realm.responders.borrow_mut().clear();
    ended
}

/// The heap at which garbage is first collected; afterwards the engine waits each time until it has grown by half. Most of
/// what the layer and a worker's script allocate while they load stays, and to look through it is a tenth of a start.
const FIRST_COLLECTION_BYTES: usize = 3 << 19;

struct ReleaseValues(Rc<Realm>);

impl Drop for ReleaseValues {
    fn drop(&mut self) {
        self.0.release_values();
    }
}

fn track_rejections(runtime: &Runtime, realm: &Rc<Realm>) {
    let realm = Rc::downgrade(realm);
    runtime.set_host_promise_rejection_tracker(Some(Box::new(move |ctx, promise, reason, is_handled| {
        let Some(realm) = realm.upgrade() else { return };
        let mut rejections = realm.rejections.borrow_mut();
        let promise = Persistent::save(&ctx, promise);
        if is_handled {
            rejections.retain(|rejection| rejection.promise != promise);
        } else {
            rejections.push(Rejection { promise, reason: Persistent::save(&ctx, reason) });
        }
    })));
}

/// Hides the engine's own clock and random numbers.
const VIRTUAL_TIME: &str = include_str!("virtual_time.js");

/// The functions that the JavaScript layer gave.
struct Hooks<'js> {
    object: Object<'js>,
}

impl<'js> Hooks<'js> {
    fn get(&self, name: &str) -> Result<Function<'js>, Error> {
        self.object.get(name)
    }
}

/// Makes the global scope and evaluates the worker's scripts in it ("Run Service Worker").
fn start<'js>(ctx: &Ctx<'js>, realm: &Rc<Realm>) -> Result<Hooks<'js>, StartError> {
    let internal = |what: &str, error: Error| {
        let text = match error {
            Error::Exception => describe_exception(&ctx.catch()),
            other => other.to_string(),
        };
        match realm.watch.verdict() {
            Some(reason) => StartError::Failed(reason.text().to_owned()),
            None => StartError::Failed(format!("{what}: {text}")),
        }
    };
    host::install(ctx, realm).map_err(|error| internal("host functions", error))?;
    if realm.shared.time.driven().is_some() {
        ctx.eval::<(), _>(VIRTUAL_TIME).map_err(|error| internal("virtual time", error))?;
    }
    run_bytecode(ctx, layer()).map_err(|error| internal("runtime layer", error))?;
    let hooks = realm.hooks.borrow_mut().take();
    let Some(hooks) = hooks else {
        return Err(StartError::Failed("the runtime layer did not connect".to_owned()));
    };
    let hooks = Hooks { object: hooks.restore(ctx).map_err(|error| internal("runtime layer", error))? };
    for script in &realm.worker.main {
        realm.watch.begin_task();
        let result = match realm.worker.worker_type {
            WorkerType::Classic => evaluate_script(ctx, realm, script),
            WorkerType::Module => modules::evaluate(ctx, realm, script),
        };
        if let Err(text) = result {
            // The failure itself is what is told; the module's promise is not an unhandled rejection beside it.
            realm.rejections.borrow_mut().clear();
            checkpoint(ctx, realm, &hooks);
            return Err(match realm.watch.verdict() {
                Some(reason) => StartError::Failed(reason.text().to_owned()),
                None => StartError::Script(text),
            });
        }
        checkpoint(ctx, realm, &hooks);
    }
    if let Some(reason) = realm.watch.verdict() {
        return Err(StartError::Failed(reason.text().to_owned()));
    }
    let types = hooks
        .get("listenedTypes")
        .and_then(|function| function.call::<_, String>(()))
        .map_err(|error| internal("runtime layer", error))?;
    realm.worker.set_listened(serde_json::from_str(&types).unwrap_or_default());
    Ok(hooks)
}

fn evaluate_script(ctx: &Ctx<'_>, realm: &Realm, script: &Script) -> Result<(), String> {
    let result = realm.shared.bytecode.get(ctx, script).and_then(|code| run_bytecode(ctx, &code).map(drop));
    result.map_err(|error| match error {
        Error::Exception => describe_exception(&ctx.catch()),
        other => other.to_string(),
    })
}

fn event_loop<'js>(ctx: &Ctx<'js>, realm: &Rc<Realm>, hooks: &Hooks<'js>) -> StopReason {
    realm.idle_since.set(realm.shared.time.now());
    loop {
        realm.watch.begin_task();
        if let Some(reason) = realm.watch.verdict() {
            return reason;
        }
        realm.queue_due_timers();
        // Read first: a task that comes while the realm is looked at makes this number an old one.
        let pushed = realm.run.queue.pushed();
        if realm.is_quiet() {
            realm.shared.became_quiet(pushed);
        }
        let wakeup = realm.next_wakeup();
        // Also while there is always something else to do: a flood of short tasks is no way around a time limit.
        if wakeup.is_some_and(|moment| moment <= realm.shared.time.now()) {
            end_overdue_events(ctx, realm, hooks);
            if realm.is_idle_long_enough() && realm.worker.try_retire_run(&realm.run) {
                return StopReason::Idle;
            }
        }
        realm.run.pulse.set_waiting(true);
        let next = realm.run.queue.next(wakeup);
        realm.run.pulse.set_waiting(false);
        match next {
            Next::Task(task) => {
                realm.shared.watchdog.wake();
                realm.watch.begin_task();
                if let Err(error) = deliver(ctx, realm, hooks, task) {
                    report(ctx, realm, error);
                }
                checkpoint(ctx, realm, hooks);
            }
            Next::Nothing => {
                end_overdue_events(ctx, realm, hooks);
                if realm.is_idle_long_enough() && realm.worker.try_retire_run(&realm.run) {
                    return StopReason::Idle;
                }
            }
        }
    }
}

/// Performs a microtask checkpoint, then tells of unhandled rejections (HTML, "notify about rejected promises").
fn checkpoint<'js>(ctx: &Ctx<'js>, realm: &Rc<Realm>, hooks: &Hooks<'js>) {
    run_jobs(ctx, &realm.watch);
    if realm.wants_clean_up.take()
        && let Err(error) = hooks.get("microtasksDone").and_then(|function| function.call::<_, ()>(()))
    {
        report(ctx, realm, error);
    }
    for _ in 0..REJECTION_ROUNDS_MAX {
        let rejections = std::mem::take(&mut *realm.rejections.borrow_mut());
        if rejections.is_empty() || realm.watch.quick_verdict().is_some() {
            return;
        }
        for rejection in rejections {
            let told = (|| {
                let reason = rejection.reason.restore(ctx)?;
                let promise = rejection.promise.restore(ctx)?;
                hooks.get("unhandledRejection")?.call::<_, ()>((reason, promise))
            })();
            if let Err(error) = told {
                report(ctx, realm, error);
            }
            run_jobs(ctx, &realm.watch);
        }
    }
}

/// A handler of `unhandledrejection` may reject again; after this many rounds the rest waits for the next task.
const REJECTION_ROUNDS_MAX: usize = 16;

/// Runs microtasks until none is left, or the worker must stop.
pub(crate) fn run_jobs(ctx: &Ctx<'_>, watch: &Watch) {
    let mut jobs = 0u32;
    loop {
        // Short jobs may never reach the engine's own interrupt counter, so the loop looks as well.
        jobs = jobs.wrapping_add(1);
        let stop = if jobs.is_multiple_of(64) { watch.verdict() } else { watch.quick_verdict() };
        if stop.is_some() || !ctx.execute_pending_job() {
            return;
        }
    }
}

/// An exception that a hook let through: a defect of the layer, or the end of the worker.
fn report(ctx: &Ctx<'_>, realm: &Rc<Realm>, error: Error) {
    let text = match error {
        Error::Exception => describe_exception(&ctx.catch()),
        other => other.to_string(),
    };
    if realm.watch.verdict().is_none() {
        realm.console.print(ConsoleLevel::Error, format!("internal error of the runtime: {text}"));
    }
}

fn end_overdue_events<'js>(ctx: &Ctx<'js>, realm: &Rc<Realm>, hooks: &Hooks<'js>) {
    let now = realm.shared.time.now();
    let mut overdue = Vec::new();
    for (id, event) in realm.events.borrow_mut().iter_mut() {
        if event.deadline.is_some_and(|deadline| deadline <= now) {
            event.deadline = None;
            overdue.push(*id);
        }
    }
    for id in overdue {
        time_out(ctx, realm, hooks, id);
        realm.run.control.stop_by(realm.shared.config.terminate_grace_ms);
    }
}

fn time_out<'js>(ctx: &Ctx<'js>, realm: &Rc<Realm>, hooks: &Hooks<'js>, id: u32) {
    if let Err(error) = hooks.get("timedOut").and_then(|function| function.call::<_, ()>((id,))) {
        report(ctx, realm, error);
    }
    checkpoint(ctx, realm, hooks);
}

fn deliver<'js>(ctx: &Ctx<'js>, realm: &Rc<Realm>, hooks: &Hooks<'js>, task: Task) -> Result<(), Error> {
    match task {
        Task::Timer(id) => {
            let set = realm.timers.borrow_mut().fire(id);
            if set { hooks.get("timer")?.call((id,)) } else { Ok(()) }
        }
        Task::Settled { id, result } => {
            realm.operations.set(realm.operations.get().saturating_sub(1));
            let (error, value) = match result {
                Ok(value) => (None, Some(value)),
                Err(error) => (Some(error.json()), None),
            };
            hooks.get("settled")?.call((id, Nullable(error), Nullable(value)))
        }
        Task::Crypto { id, result } => {
            realm.operations.set(realm.operations.get().saturating_sub(1));
            let hook = hooks.get("cryptoSettled")?;
            match result {
                Ok(output) => {
                    let buffer =
                        |bytes: Option<Vec<u8>>| bytes.map(|bytes| new_buffer(ctx, &bytes)).transpose();
                    let (first, second) = (buffer(output.first)?, buffer(output.second)?);
                    hook.call((
                        id,
                        Nullable(None::<String>),
                        output.info.to_string(),
                        Nullable(first),
                        Nullable(second),
                    ))
                }
                Err(error) => hook.call((id, error.json())),
            }
        }
        Task::FetchHead { id, head, body } => {
            let wanted = realm.traffic.borrow_mut().answered(id, body);
            if wanted { hooks.get("fetchHead")?.call((id, head)) } else { Ok(()) }
        }
        Task::FetchFailed { id, message } => {
            let known = realm.traffic.borrow_mut().failed(id);
            if known { hooks.get("fetchFailed")?.call((id, message)) } else { Ok(()) }
        }
        Task::FetchOver(id) => {
            let told = realm.traffic.borrow_mut().over(id);
            host::begin_waiting_fetches(realm);
            if told { hooks.get("fetchOver")?.call((id,)) } else { Ok(()) }
        }
        Task::BodyReadable(id) => {
            let wanted = realm.traffic.borrow_mut().readable(id);
            if wanted { hooks.get("bodyReadable")?.call((id,)) } else { Ok(()) }
        }
        Task::BodyWritable(id) => {
            let written = realm.traffic.borrow_mut().writable(id);
            match written {
                Written::Wait => Ok(()),
                Written::Room => hooks.get("bodyWritable")?.call((id, true)),
                Written::Unwanted | Written::TooLarge => hooks.get("bodyWritable")?.call((id, false)),
            }
        }
        Task::Socket(id) => tell_socket(realm, hooks, ctx, id),
        Task::FetchEventAborted(responder) => {
            let event =
                realm.responders.borrow().iter().find(|(_, own)| own.is(&responder)).map(|(id, _)| *id);
            match event {
                Some(id) => hooks.get("fetchEventAborted")?.call((id,)),
                None => Ok(()),
            }
        }
        Task::Event(event) => dispatch(ctx, realm, hooks, *event),
        Task::TimedOut(attempt) => {
            let id = realm
                .events
                .borrow()
                .iter()
                .find(|(_, event)| event.attempt == Some(attempt))
                .map(|(id, _)| *id);
            match id {
                Some(id) => time_out(ctx, realm, hooks, id),
                None if realm.events.borrow().is_empty() && !realm.run.queue.has_events() => {
                    realm.run.control.forgive();
                }
                None => {}
            }
            Ok(())
        }
        Task::IndexedDb(notice) => hooks.get("idbNotice")?.call((notice,)),
        Task::RegistrationChanged(state) => hooks.get("registrationChanged")?.call((state,)),
        Task::OnLine(on_line) => hooks.get("onLineChanged")?.call((on_line,)),
        Task::PermissionChanged(name, state) => {
            hooks.get("permissionChanged")?.call((name.as_str(), state.as_str()))
        }
        Task::Lock { id, verdict } => hooks.get("lockTold")?.call((id, verdict)),
        Task::PortMessage { port, message } => {
            let (data, ports) = adopt_ports(realm, message);
            hooks.get("portMessage")?.call((port.0, data, serde_json::json!(ports).to_string()))
        }
        Task::PortClosed(port) => hooks.get("portClosed")?.call((port.0,)),
        Task::Broadcast { name, data } => hooks.get("broadcast")?.call((name, data)),
        Task::WebMessage(json) => hooks.get("webMessage")?.call((json,)),
    }
}

/// Tells the script the next thing that happened to one of its WebSockets.
fn tell_socket<'js>(realm: &Realm, hooks: &Hooks<'js>, ctx: &Ctx<'js>, id: u32) -> Result<(), Error> {
    let next = realm.sockets.borrow_mut().next(id);
    match next {
        None => Ok(()),
        Some((Notice::Opened(protocol), _)) => hooks.get("socketOpened")?.call((id, protocol)),
        Some((Notice::Message(Content::Text(text)), _)) => {
            hooks.get("socketMessage")?.call((id, text.as_str()))
        }
        Some((Notice::Message(Content::Binary(bytes)), _)) => {
            hooks.get("socketMessage")?.call((id, new_buffer(ctx, &bytes)?))
        }
        Some((Notice::Sent(bytes), _)) => hooks.get("socketSent")?.call((id, bytes as f64)),
        Some((Notice::Closed(ending), url)) => {
            if let Some(problem) = &ending.problem {
                realm.console.print(ConsoleLevel::Error, format!("WebSocket: {url}: {problem}"));
            }
            let failed = ending.problem.is_some();
            hooks.get("socketClosed")?.call((id, ending.clean, failed, ending.code, ending.reason))
        }
    }
}

fn dispatch<'js>(
    ctx: &Ctx<'js>,
    realm: &Rc<Realm>,
    hooks: &Hooks<'js>,
    event: EventTask,
) -> Result<(), Error> {
    let id = realm.draw_id();
    let name = event.kind.name();
    if let EventKind::Fetch { responder, .. } = &event.kind
        && responder.is_aborted()
    {
        // The page went away while the event waited.
        event.done.finish(EventOutcome::Terminated("the page did not wait".to_owned()));
        return Ok(());
    }
    let (init, body, responder) = init_of(realm, id, event.kind);
    let body = match body {
        Some(bytes) => match new_buffer(ctx, &bytes) {
            Ok(buffer) => Some(buffer),
            Err(error) => {
                event.done.finish(EventOutcome::Terminated(
                    "the body does not fit into the worker's memory".to_owned(),
                ));
                return Err(error);
            }
        },
        None => None,
    };
    let deadline = event.duration_max_ms.map(|ms| realm.shared.time.now() + Duration::from_millis(ms));
    if let Some(responder) = responder {
        realm.run.open.add_answer(responder.open());
        realm.responders.borrow_mut().insert(id, responder);
    }
    realm.run.open.add_event(event.done.open());
    let running = RunningEvent { done: event.done, attempt: event.attempt, deadline };
    realm.events.borrow_mut().insert(id, running);
    let called = hooks.get("dispatch")?.call::<_, ()>((id, name, init, Nullable(body)));
    if called.is_err()
        && let Some(event) = realm.end_event(id)
    {
        let text = "the worker was stopped, or the runtime failed, while the event was dispatched";
        event.done.finish(EventOutcome::Terminated(match realm.watch.verdict() {
            Some(reason) => reason.text().to_owned(),
            None => text.to_owned(),
        }));
    }
    called
}

/// `null` where a plain `Option` would give `undefined`.
struct Nullable<T>(Option<T>);

impl<'js, T: rquickjs::IntoJs<'js>> rquickjs::IntoJs<'js> for Nullable<T> {
    fn into_js(self, ctx: &Ctx<'js>) -> rquickjs::Result<rquickjs::Value<'js>> {
        match self.0 {
            Some(value) => value.into_js(ctx),
            None => Ok(rquickjs::Value::new_null(ctx.clone())),
        }
    }
}
