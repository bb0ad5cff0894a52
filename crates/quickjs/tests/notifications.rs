//! Notifications, from `showNotification()` to the person's click, and push messages (Notifications API Standard; Push API,
//! section "Receiving a Push Message"; `spec.md` 7.1).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::mpsc::channel;
use support::{Answer, Log, Server, World, wait};
use wakeworker_core::{
    AttemptOutcome, FailureReason, PermissionName, PermissionState, WorkerId, WorkerRegistrationId,
};
use wakeworker_quickjs::{
    LifecycleEvent, NotificationChange, NotificationCloseReason, NotificationId, RuntimeConfig,
};

const HANDLED: AttemptOutcome = AttemptOutcome::Succeeded { handled: true };

/// Evaluates the data of every push message, and says what happens to its notifications.
const WORKER: &str = "
    onpush = (event) => event.waitUntil((async () => {
        try { console.log(await eval(event.data.text())); } catch (error) { console.log(error.name, error.message); }
    })());
    const told = (event) => console.log(event.type, event.notification.title, event.action, event.notification.data?.n,
                                        event instanceof NotificationEvent, event.isTrusted);
    onnotificationclick = (event) => { event.notification.close(); told(event); };
    onnotificationclose = told;
";

struct Stage {
    world: World,
    id: WorkerRegistrationId,
    worker: WorkerId,
    changes: Arc<Log<NotificationChange>>,
}

impl Stage {
    fn new(limits: RuntimeConfig, permission: PermissionState) -> Stage {
        Stage::of(World::with(Server::with_worker(WORKER), limits, Default::default()), permission)
    }

    fn of(world: World, permission: PermissionState) -> Stage {
        let stage = Stage::follow(world);
        stage.permit(permission);
        stage
    }

    fn follow(world: World) -> Stage {
        let changes = Arc::new(Log::default());
        let seen = changes.clone();
        world.runtime.on_notification(move |change| seen.push(change.clone()));
        let (id, worker) = match world.runtime.registrations(&world.key()).first() {
            Some(known) => (known.id, known.active.as_ref().unwrap().id),
            None => world.activate("sw.js"),
        };
        Stage { world, id, worker, changes }
    }

    fn permit(&self, state: PermissionState) {
        self.world.host.set_permission(self.world.key(), PermissionName::Notifications, state);
        // The engine takes its inputs in order.
        self.world.host.next_wakeup().wait().unwrap();
    }

    fn push(&self, data: Option<&[u8]>) -> AttemptOutcome {
        let (sender, receiver) = channel();
        self.world.runtime.push(self.id, data.map(<[u8]>::to_vec), move |outcome| {
            sender.send(outcome).unwrap();
        });
        wait(&receiver)
    }

    /// Lets the worker evaluate something; gives what it printed.
    fn run(&self, script: &str) -> String {
        let before = self.world.console.len();
        assert_eq!(self.push(Some(script.as_bytes())), HANDLED);
        self.world.console.wait_after(before, |line| Some(line.clone()))
    }

    fn shown(&self) -> Vec<(String, String)> {
        let all = self.world.runtime.notifications(Some(&self.world.key()));
        all.into_iter().map(|shown| (shown.options.title, shown.options.tag)).collect()
    }

    fn last(&self) -> NotificationId {
        self.world.runtime.notifications(None).last().unwrap().id
    }

    fn click(&self, id: NotificationId, action: &str) -> AttemptOutcome {
        let (sender, receiver) = channel();
        self.world.runtime.click_notification(id, action, move |outcome| sender.send(outcome).unwrap());
        wait(&receiver)
    }

    fn dismiss(&self, id: NotificationId) -> AttemptOutcome {
        let (sender, receiver) = channel();
        self.world.runtime.close_notification(id, move |outcome| sender.send(outcome).unwrap()).unwrap();
        wait(&receiver)
    }
}

fn granted() -> Stage {
    Stage::new(RuntimeConfig::default(), PermissionState::Granted)
}

#[test] // "show steps", "activating a notification", "closing a notification"
fn a_notification_is_shown_clicked_and_closed_and_the_host_hears_of_it() {
    let stage = granted();
    let said = stage.run(
        "registration.showNotification('Mail', {
             body: 'three new', tag: 'mail', icon: '/i.png', data: { n: 7 }, vibrate: [1, 2, 70000], lang: 'en', timestamp: 5,
             actions: [{ action: 'read', title: 'Read' }, { action: 'later', title: 'Later' }, { action: 'x', title: 'X' }],
         })",
    );
    assert_eq!(said, "undefined");
    let shown = stage.changes.wait_for(|change| match change {
        NotificationChange::Shown { notification, replaces: None } => Some(notification.clone()),
        _ => None,
    });
    assert_eq!(stage.world.runtime.notification(shown.id), Some(shown.clone()));
    assert_eq!((shown.registration, &shown.storage_key), (stage.id, &stage.world.key()));
    let options = &shown.options;
    assert_eq!((options.title.as_str(), options.body.as_str(), options.timestamp), ("Mail", "three new", 5));
    assert_eq!(options.icon.as_deref(), Some(stage.world.server.url("/i.png").as_str()));
    assert_eq!(options.vibrate, [1, 2, 10_000]);
    let actions: Vec<_> = options.actions.iter().map(|action| action.action.as_str()).collect();
    assert_eq!(actions, ["read", "later"]);

    assert_eq!(stage.click(shown.id, "later"), HANDLED);
    assert_eq!(stage.world.console.all().last().unwrap(), "notificationclick Mail later 7 true true");
    // The listener has closed it; that is no dismissal.
    assert_eq!(stage.shown(), []);
    assert_eq!(
        stage.changes.all().last().unwrap(),
        &NotificationChange::Closed { notification: shown.clone(), reason: NotificationCloseReason::Script }
    );
    assert_eq!(stage.click(shown.id, ""), AttemptOutcome::NotDispatched);

    stage.run("registration.showNotification('News')");
    let second = stage.last();
    assert!(second > shown.id, "numbers are never given twice");
    assert_eq!(stage.dismiss(second), HANDLED);
    assert_eq!(
        stage.world.console.all().last().unwrap(),
        "notificationclose News  undefined true true",
        "the event of a dismissed notification"
    );
    assert_eq!(stage.dismiss(second), AttemptOutcome::NotDispatched);
}

#[test] // "list of notifications": persistent notifications outlive workers and the program
fn notifications_survive_a_restart_and_wake_a_worker_that_sleeps() {
    let stage = granted();
    stage.run("registration.showNotification('Kept', { data: { n: new Map([[1, 2]]).get(1) } })");
    let id = stage.last();
    let stage = Stage::follow(stage.world.reopen());
    assert_eq!(stage.last(), id);
    assert!(!stage.world.runtime.is_worker_running(stage.worker));
    assert_eq!(stage.click(id, ""), HANDLED);
    assert_eq!(stage.world.console.all(), ["notificationclick Kept  2 true true"]);
}

#[test] // "getNotifications", "replacement notification"
fn a_tag_replaces_and_lists_are_of_the_registration() {
    let stage = granted();
    stage.run("registration.showNotification('one', { tag: 't' })");
    let first = stage.last();
    stage.run("registration.showNotification('other')");
    stage.run("registration.showNotification('two', { tag: 't', renotify: true })");
    assert_eq!(stage.shown(), [("other".into(), String::new()), ("two".into(), "t".into())]);
    stage.changes.wait_for(|change| {
        matches!(change, NotificationChange::Shown { replaces: Some(old), .. } if *old == first).then_some(())
    });
    let list = "registration.getNotifications({ tag: 't' }).then((all) => all.map((n) => n.title + n.renotify).join())";
    assert_eq!(stage.run(list), "twotrue");
    assert_eq!(stage.run("registration.getNotifications().then((all) => all.length)"), "2");
    // Another registration of the origin has none, but shares the tags.
    stage.world.server.put("/sub/sw.js", Answer::script(WORKER));
    let (other, _) = stage.world.activate("sub/sw.js");
    let stage = Stage { id: other, ..stage };
    assert_eq!(stage.run("registration.getNotifications().then((all) => all.length)"), "0");
    stage.run("registration.showNotification('three', { tag: 't' })");
    assert_eq!(stage.shown(), [("other".into(), String::new()), ("three".into(), "t".into())]);
    assert!(stage.world.unregister(other));
    assert_eq!(stage.shown(), [("other".into(), String::new())]);
    let gone = |change: &NotificationChange| match change {
        NotificationChange::Closed { notification, reason: NotificationCloseReason::Unregistered } => {
            Some(notification.options.title.clone())
        }
        _ => None,
    };
    assert_eq!(stage.changes.wait_for(gone), "three");
}

#[test] // "showNotification" steps 2-6
fn what_may_not_be_shown_is_refused() {
    let mut limits = RuntimeConfig::default();
    limits.notification_bytes_max = 2_000;
    limits.notifications_per_origin_max = 2;
    let stage = Stage::new(limits, PermissionState::Denied);
    let refused = "TypeError showNotification: the origin has no permission to show notifications";
    assert_eq!(stage.run("registration.showNotification('x')"), refused);
    assert_eq!(stage.run("Notification.permission"), "denied");
    stage.permit(PermissionState::Prompt);
    assert_eq!(stage.run("Notification.permission"), "default");
    assert_eq!(stage.run("registration.showNotification('x')"), refused);
    stage.permit(PermissionState::Granted);
    assert_eq!(stage.run("Notification.permission"), "granted");
    for (call, problem) in [
        ("registration.showNotification()", "TypeError"),
        ("registration.showNotification('x', 1)", "TypeError"),
        ("registration.showNotification('x', { silent: true, vibrate: 1 })", "TypeError"),
        ("registration.showNotification('x', { renotify: true })", "TypeError"),
        ("registration.showNotification('x', { dir: 'up' })", "TypeError"),
        ("registration.showNotification('x', { actions: [{ action: 'a' }] })", "TypeError"),
        ("registration.showNotification('x', { data: () => {} })", "DataCloneError"),
        ("registration.showNotification('x', { body: 'y'.repeat(3000) })", "QuotaExceededError"),
        ("new Notification('x')", "TypeError"),
        ("registration.pushManager.subscribe({ userVisibleOnly: true })", "NotSupportedError"),
    ] {
        let said = stage.run(call);
        assert!(said.starts_with(problem), "{call}: {said}");
    }
    assert_eq!(stage.shown(), []);
    for title in ["one", "two", "three"] {
        stage.run(&format!("registration.showNotification('{title}')"));
    }
    let titles: Vec<_> = stage.shown().into_iter().map(|(title, _)| title).collect();
    assert_eq!(titles, ["two", "three"], "the oldest makes room");
    stage.changes.wait_for(|change| {
        let NotificationChange::Closed { notification, reason } = change else { return None };
        (*reason == NotificationCloseReason::Crowded && notification.options.title == "one").then_some(())
    });
    stage.permit(PermissionState::Denied);
    assert_eq!(stage.run("registration.showNotification('x')"), refused);
}

#[test] // R175
fn a_worker_sees_nothing_of_another_origins_notifications() {
    let stage = granted();
    stage.run("registration.showNotification('mine')");
    let other = World::with(Server::with_worker(WORKER), RuntimeConfig::default(), Default::default());
    assert!(stage.world.runtime.notifications(Some(&other.key())).is_empty());
    assert_eq!(stage.world.runtime.notifications(Some(&stage.world.key())).len(), 1);
}

#[test] // R60, R149, R150
fn a_push_message_starts_the_worker_and_keeps_it_until_its_promises_are_settled() {
    let server = Server::with_worker(
        "onpush = (event) => {
             const { data } = event;
             console.log(data === null, data?.text(), data?.bytes().length, data?.arrayBuffer().byteLength, data?.blob().size);
             try { console.log(JSON.stringify(data?.json())); } catch (error) { console.log(error.name); }
             try { new PushEvent('push').waitUntil(0); } catch (error) { console.log(error.name); }
             event.waitUntil(new Promise((resolve) => setTimeout(resolve, 5)).then(() => console.log('done')));
         };",
    );
    let stage = Stage::follow(World::new(server));
    stage.world.runtime.stop_worker(stage.worker);
    let stopped =
        |event: &LifecycleEvent| matches!(event, LifecycleEvent::WorkerStopped { .. }).then_some(());
    stage.world.events.wait_for(stopped);
    assert_eq!(stage.push(Some("{\"a\":\"\u{e9}\"}".as_bytes())), HANDLED);
    let said = stage.world.console.all();
    assert_eq!(
        said,
        ["false {\"a\":\"\u{e9}\"} 10 10 10", "{\"a\":\"\u{e9}\"}", "InvalidStateError", "done"]
    );
    assert_eq!(stage.push(Some(&[0xFF])), HANDLED);
    assert_eq!(stage.world.console.all()[4..6], ["false \u{FFFD} 1 1 1", "SyntaxError"]);
    assert_eq!(stage.push(Some(&[])), HANDLED);
    assert_eq!(stage.world.console.all()[8], "false  0 0 0");
    assert_eq!(stage.push(None), HANDLED);
    assert_eq!(stage.world.console.all()[12], "true undefined undefined undefined undefined");
}

#[test] // R67, R89, R150
fn a_push_event_that_fails_or_takes_too_long_says_so() {
    let mut limits = RuntimeConfig::default();
    limits.event_duration_max_ms = 50;
    limits.terminate_grace_ms = 10;
    let server = Server::with_worker(
        "onpush = (event) => event.waitUntil(event.data ? Promise.reject(new Error('no')) : new Promise(() => {}))",
    );
    let stage = Stage::follow(World::with(server, limits, Default::default()));
    let reason = |outcome| match outcome {
        AttemptOutcome::Failed { reason, message } => (reason, message.unwrap_or_default().to_string()),
        other => panic!("{other:?}"),
    };
    let (why, text) = reason(stage.push(Some(b"x")));
    assert_eq!(why, FailureReason::Rejected);
    assert!(text.contains("Error: no"), "{text}");
    let (why, text) = reason(stage.push(None));
    assert_eq!(why, FailureReason::Terminated);
    assert!(text.contains("took too long"), "{text}");
    assert!(stage.world.unregister(stage.id));
    assert_eq!(stage.push(None), AttemptOutcome::NotDispatched);
}
