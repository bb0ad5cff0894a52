//! The story, in four chapters. Whatever it claims is checked against what the processes really did.

use super::DemoError;
use super::page::{Answer, Page};
use super::stage::Stage;
use super::timeline::{Actor, Timeline};
use serde_json::{Value, json};

/// One message goes out with a network, the others without.
const MESSAGES: [&str; 6] = ["👋", "🚀", "🌈", "☕", "🐙", "🎉"];
/// The tag that Workbox registers for the queue of examples/outbox.
const TAG: &str = "workbox-background-sync:outbox";
const INBOX_PATH: &str = "/inbox/messages";

/// Tells the story to its end, or to the point where it cannot go on.
pub(super) async fn tell(stage: &mut Stage, timeline: &mut Timeline) -> Result<(), DemoError> {
    let page = online(stage, timeline).await?;
    timeline.pause();
    offline(stage, timeline, page).await?;
    timeline.pause();
    killed_and_back(stage, timeline).await?;
    timeline.pause();
    accounts(stage, timeline).await
}

/// Chapter 1: everything works, and one message arrives.
async fn online(stage: &mut Stage, timeline: &mut Timeline) -> Result<Page, DemoError> {
    stage.start_inbox().await?;
    timeline.tell(Actor::Inbox, "inbox-up", "is up, a server in a process of its own");
    let url = stage.start_host(false).await?;
    let text = format!("is up at {url} as process {}, by `wakeworker serve`", stage.host_pid());
    timeline.tell(Actor::Host, "host-up", &text);
    let mut page = Page::open(&url).await?;
    timeline.tell(
        Actor::Page,
        "page-open",
        "opens and registers sw.js, which is built with unmodified Workbox",
    );
    page.register_worker("sw.js").await?;
    let script = page.controlled().await?;
    let own = script == format!("{url}sw.js");
    timeline.check(Actor::Worker, "worker-controls", "is installed and active, and controls the page", own);

    let sent = message(1);
    let answer = page.post(INBOX_PATH, &sent).await?;
    timeline.tell(Actor::Page, "page-sends", &format!("sends {}", MESSAGES[0]));
    let held = stage.arrival().await? == sent["id"] && matches!(answer, Answer::Status(200..=299));
    timeline.check(Actor::Inbox, "first-arrives", &format!("has {} at once", MESSAGES[0]), held);
    Ok(page)
}

/// Chapter 2: the network is lost, five messages are queued, and the page is closed.
async fn offline(stage: &mut Stage, timeline: &mut Timeline, mut page: Page) -> Result<(), DemoError> {
    stage.stop_inbox().await?;
    timeline.tell(Actor::Inbox, "inbox-stopped", "is stopped");
    stage.ask("offline", &["offline", "on"]).await?;
    timeline.tell(Actor::Host, "host-offline", "is told that there is no network");

    for number in 2..=MESSAGES.len() {
        let sent = message(number);
        let answer = page.post(INBOX_PATH, &sent).await?;
        let kind = page.message("hear what became of a message", |notice| about(notice, &sent)).await?;
        let held = answer == Answer::NetworkError && kind == "pending";
        let text = format!("sends {} and hears from its worker: \"{kind}\"", MESSAGES[number - 1]);
        timeline.check(Actor::Page, "message-pending", &text, held);
    }
    let tags = registered_tags(stage).await?;
    let text = format!("has one sync registered for all of them: {}", tags.join(", "));
    timeline.check(Actor::Host, "sync-registered", &text, tags == [TAG]);
    page.close().await?;
    timeline.tell(Actor::Page, "page-closed", "is closed and stays closed");
    Ok(())
}

/// Chapter 3: the host is killed and started again, the network returns, and the worker sends without a page.
async fn killed_and_back(stage: &mut Stage, timeline: &mut Timeline) -> Result<(), DemoError> {
    let killed = stage.host_pid();
    let ended = stage.kill_host().await?;
    timeline.tell(Actor::Host, "host-killed", &format!("is killed: process {killed} ends by {ended}"));
    stage.start_host(true).await?;
    let text = format!("is started again on the same profile as process {}", stage.host_pid());
    timeline.check(Actor::Host, "host-restarted", &text, stage.host_pid() != killed);
    let tags = registered_tags(stage).await?;
    timeline.check(Actor::Host, "sync-survived", "still has the registered sync", tags == [TAG]);

    let mut log = stage.follow("log", &["log", "--follow"])?;
    stage.start_inbox().await?;
    timeline.tell(Actor::Inbox, "inbox-up-again", "is up again");
    stage.ask("offline", &["offline", "off"]).await?;
    timeline.tell(Actor::Host, "host-online", "is told that there is a network, and fires the sync event");
    for number in 2..=MESSAGES.len() {
        let held = stage.arrival().await? == message(number)["id"];
        let text = format!("has {}, sent by the worker without a page", MESSAGES[number - 1]);
        timeline.check(Actor::Inbox, "message-arrives", &text, held);
    }
    let succeeded = log.line("the end of the sync event", sync_ended).await?;
    timeline.check(Actor::Worker, "sync-completed", "has handled the sync event with success", succeeded);
    log.kill().await?;
    Ok(())
}

/// Chapter 4: the books are balanced.
async fn accounts(stage: &Stage, timeline: &mut Timeline) -> Result<(), DemoError> {
    let arrivals = stage.arrivals()?;
    let count = |id: &Value| arrivals.iter().filter(|arrival| arrival["id"] == *id).count();
    let sent: Vec<Value> = (1..=MESSAGES.len()).map(|number| message(number)["id"].clone()).collect();
    let all = sent.iter().all(|id| count(id) >= 1);
    timeline.check(Actor::Inbox, "all-arrived", &format!("holds all {} messages", MESSAGES.len()), all);
    let once = arrivals.len() == MESSAGES.len() && sent.iter().all(|id| count(id) == 1);
    timeline.check(Actor::Inbox, "none-twice", "holds none of them twice", once);
    let in_order = arrivals.iter().map(|arrival| &arrival["id"]).eq(&sent);
    timeline.check(Actor::Inbox, "in-order", "holds them in the order in which they were written", in_order);

    let tags = registered_tags(stage).await?;
    timeline.check(
        Actor::Host,
        "list-empty",
        "has nothing left to do: `wakeworker list` is empty",
        tags.is_empty(),
    );
    let log = stage.ask("log", &["log", "--limit", "1000"]).await?;
    let missing = missing_steps(&log);
    let text = if missing.is_empty() {
        "remembers every step: see `wakeworker log`".to_owned()
    } else {
        format!("does not remember these steps: {}", missing.join(", "))
    };
    timeline.check(Actor::Host, "log-complete", &text, missing.is_empty());
    Ok(())
}

/// The message with this number, from 1.
fn message(number: usize) -> Value {
    json!({
        "id": format!("00000000-0000-4000-8000-{number:012}"), "seq": number, "from": "demo",
        "text": MESSAGES[number - 1], "sent_at": number,
    })
}

/// What the worker says about this message.
fn about(notice: &Value, sent: &Value) -> Option<String> {
    (notice["message"]["id"] == sent["id"]).then(|| notice["type"].as_str().unwrap_or("?").to_owned())
}

async fn registered_tags(stage: &Stage) -> Result<Vec<String>, DemoError> {
    let answer = stage.ask("list", &["list"]).await?;
    let registrations = answer.first().and_then(|list| list["registrations"].as_array());
    let registrations = registrations.ok_or_else(|| {
        DemoError::Part(format!("`wakeworker list --json` answered {answer:?}, without registrations"))
    })?;
    Ok(registrations.iter().filter_map(|entry| Some(entry["tag"].as_str()?.to_owned())).collect())
}

/// Whether the sync event has ended, and whether its listener succeeded.
fn sync_ended(activity: &Value) -> Option<bool> {
    let ended = activity["tag"] == TAG && matches!(activity["event"].as_str(), Some("completed" | "failed"));
    ended.then(|| activity["event"] == "completed" && activity["handled"] == true)
}

/// A step's name, and how to know it in the activity log.
type Step = (&'static str, fn(&Value) -> bool);

/// The steps of the story that the activity log does not have, or not in this order.
fn missing_steps(log: &[Value]) -> Vec<&'static str> {
    let steps: [Step; 9] = [
        ("engine started", |it| it["event"] == "started"),
        ("worker registered", |it| it["event"] == "worker-registered"),
        ("worker activated", |it| it["event"] == "worker-activated"),
        ("network lost", |it| it["event"] == "network-changed" && it["online"] == false),
        ("sync registered", |it| it["event"] == "registered" && it["tag"] == TAG),
        ("engine started again with it", |it| it["event"] == "started" && it["entries"] == 1),
        ("network returned", |it| it["event"] == "network-changed" && it["online"] == true),
        ("event dispatched without a page", |it| {
            it["event"] == "dispatched" && it["tag"] == TAG && it["background"] == true && it["attempt"] == 1
        }),
        ("event completed", |it| sync_ended(it) == Some(true)),
    ];
    let activities: Vec<&Value> =
        log.iter().filter_map(|answer| answer["activities"].as_array()).flatten().collect();
    let mut missing = Vec::new();
    let mut rest = activities.as_slice();
    for (name, is_step) in steps {
        // Each step is looked for after the one before it.
        match rest.iter().position(|activity| is_step(activity)) {
            Some(index) => rest = &rest[index + 1..],
            None => missing.push(name),
        }
    }
    missing
}
