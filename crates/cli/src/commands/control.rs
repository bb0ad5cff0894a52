//! The commands that ask a running `serve`: `list`, `explain`, `log`, `offline`, `dispatch`.

use crate::args::{ControlArgs, DispatchArgs, ExplainArgs, LogArgs, OfflineArgs, Switch};
use crate::control::client::ControlClient;
use crate::control::shapes::{
    ActivityLine, ActivityList, DispatchOrder, DispatchResult, OfflineState, RegistrationList,
    SyncRegistrationLine,
};
use crate::failure::Failure;
use crate::output::{self, printable, shortened};
use crate::simulate::units::{about, duration_text};
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::Value;
use std::pin::pin;

/// Longest tag that a table shows.
const TAG_CHARS_MAX: usize = 40;
/// How far back `explain` looks for the end of a registration that is gone.
const HISTORY_MAX: usize = 10_000;

/// `list`
pub(crate) async fn list(args: ControlArgs) -> Result<(), Failure> {
    let client = ControlClient::for_profile(args.profile)?;
    let list: RegistrationList = client.get("registrations").await?;
    if args.json {
        return output::json(&list);
    }
    if list.registrations.is_empty() {
        return output::line("no sync registrations");
    }
    let rows: Vec<[String; 8]> = list.registrations.iter().map(row).collect();
    output::table(["TAG", "EVENT", "STATE", "ATTEMPTS", "INTERVAL", "NEXT", "REGISTERED", "SCOPE"], &rows)
}

/// `explain`
pub(crate) async fn explain(args: ExplainArgs) -> Result<(), Failure> {
    let client = ControlClient::for_profile(args.control.profile)?;
    let mut list: RegistrationList = client.get("registrations").await?;
    if let Some(tag) = &args.tag {
        list.registrations.retain(|registration| registration.tag == *tag);
        if list.registrations.is_empty() {
            return Err(Failure::new(what_became_of(&client, tag).await?));
        }
    }
    if args.control.json {
        return output::json(&list);
    }
    if list.registrations.is_empty() {
        return output::line("no sync registrations: nothing waits to be fired");
    }
    for registration in &list.registrations {
        output::line(format!("{} ({}) {}", shown(&registration.tag), registration.scope, why(registration)))?;
    }
    Ok(())
}

/// `log`
pub(crate) async fn log(args: LogArgs) -> Result<(), Failure> {
    let client = ControlClient::for_profile(args.control.profile)?;
    let json = args.control.json;
    if !args.follow {
        let list: ActivityList = client.get(&format!("activities?limit={}", args.limit)).await?;
        if json {
            return output::json(&list);
        }
        return list.activities.iter().try_for_each(|activity| output::line(sentence(activity)));
    }
    let mut lines = pin!(client.lines(&format!("activities/follow?limit={}", args.limit)).await?);
    while let Some(line) = lines.next().await {
        let line = line?;
        if json {
            output::line(line)?;
        } else {
            let activity: ActivityLine = serde_json::from_str(&line).map_err(|e| {
                Failure::new(format!("`serve` sent a line that cannot be read ({e}): {line}"))
            })?;
            output::line(sentence(&activity))?;
        }
    }
    Err(Failure::new("`serve` has ended"))
}

/// `offline`
pub(crate) async fn offline(args: OfflineArgs) -> Result<(), Failure> {
    let client = ControlClient::for_profile(args.control.profile)?;
    let wanted = OfflineState { offline: args.state == Switch::On };
    let state: OfflineState = client.send_json(Method::PUT, "offline", &wanted).await?;
    if args.control.json {
        return output::json(&state);
    }
    output::line(if state.offline {
        "offline: sync events wait, and requests of pages and workers fail"
    } else {
        "no longer offline: the real network counts"
    })
}

/// `dispatch`
pub(crate) async fn dispatch(args: DispatchArgs) -> Result<(), Failure> {
    let client = ControlClient::for_profile(args.control.profile)?;
    let order = DispatchOrder {
        tag: args.tag,
        kind: if args.periodic { "periodicsync" } else { "sync" }.into(),
        last_chance: args.last_chance,
        scope: args.scope,
    };
    let result: DispatchResult = client.send_json(Method::POST, "dispatch", &order).await?;
    finish_event(&result, args.control.json)
}

/// Prints how an event ended, and fails if it did not succeed.
pub(super) fn finish_event(result: &DispatchResult, json: bool) -> Result<(), Failure> {
    if json {
        output::json(result)?;
    } else {
        output::line(outcome(result))?;
    }
    if result.outcome == "succeeded" { Ok(()) } else { Err(Failure::shown()) }
}

fn row(registration: &SyncRegistrationLine) -> [String; 8] {
    [
        shown(&registration.tag),
        registration.kind.clone(),
        registration.state.clone(),
        match registration.min_interval_ms {
            // A failure never ends a periodic registration (R127), so its attempts count up to nothing.
            Some(_) => registration.attempts.to_string(),
            None => format!("{}/{}", registration.attempts, registration.attempts_max),
        },
        registration.min_interval_ms.map_or_else(|| "-".into(), duration_text),
        registration.next_in_ms.map_or_else(|| "-".into(), |ms| format!("in {}", about(ms))),
        registration.registered_at.clone(),
        registration.scope.clone(),
    ]
}

/// The answer to "why has it not fired?" as the end of a sentence.
fn why(registration: &SyncRegistrationLine) -> String {
    let reasons: Vec<&str> = registration.reasons.iter().map(|reason| reason.text.as_str()).collect();
    let mut text = if reasons.is_empty() {
        "is ready: it fires at the next moment".to_owned()
    } else {
        format!("has not fired: {}", reasons.join("; "))
    };
    if let Some(time) = &registration.not_before {
        text.push_str(&format!(" (not before {time})"));
    }
    text
}

/// A tag without registration has either never been registered, or its story has ended; the log tells which.
async fn what_became_of(client: &ControlClient, tag: &str) -> Result<String, Failure> {
    let log: ActivityList = client.get(&format!("activities?limit={HISTORY_MAX}")).await?;
    Ok(match log.activities.iter().rfind(|activity| activity.tag.as_deref() == Some(tag)) {
        Some(last) => format!(
            "`{}` is not registered any more; the last that happened to it: {}",
            printable(tag),
            sentence(last)
        ),
        None => format!(
            "`{}` is not registered, and the log does not know it; `wakeworker list` shows what is",
            printable(tag)
        ),
    })
}

/// One activity as a line for people.
fn sentence(activity: &ActivityLine) -> String {
    let subject = match (&activity.tag, &activity.storage_key) {
        (Some(tag), _) => format!("{} ", shown(tag)),
        (None, Some(key)) => format!("{key} "),
        (None, None) => String::new(),
    };
    format!("{}  {subject}{}", activity.time, happened(activity))
}

fn happened(activity: &ActivityLine) -> String {
    let text = |name: &str| match &activity.details.get(name) {
        Some(Value::String(text)) => printable(text),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let is = |name: &str| activity.details.get(name) == Some(&Value::Bool(true));
    let kind = activity.kind.as_deref().unwrap_or("sync");
    match activity.event.as_str() {
        "started" => format!("the engine started with {} sync registrations", text("entries")),
        "network-changed" => {
            (if is("online") { "the network is there" } else { "the network is gone" }).into()
        }
        "worker-registered" => format!("registered a service worker for {}", text("scope")),
        "worker-activated" => "has an active service worker".into(),
        "worker-unregistered" => "unregistered its service worker".into(),
        "registered" => match activity.details.get("min_interval_ms").and_then(Value::as_u64) {
            Some(ms) => format!("registered for {kind}, at least {} apart", duration_text(ms)),
            None => format!("registered for {kind}"),
        },
        "reregistered" => format!("registered again for {kind}"),
        "registration-refused" => format!("was refused with {}", text("error")),
        "unregistered" => "unregistered".into(),
        "dispatched" => format!(
            "dispatched: {kind} event, attempt {}{}{}",
            text("attempt"),
            if is("last_chance") { ", the last chance" } else { "" },
            if is("background") { ", no page open" } else { "" },
        ),
        "completed" if is("handled") => "completed".into(),
        "completed" => format!("completed, although the worker has no listener for {kind}"),
        "failed" => {
            let said = text("message");
            let said = if said.is_empty() { said } else { format!(" ({})", shortened(&said, 200)) };
            let next = match activity.details.get("next_attempt_ms").and_then(Value::as_u64) {
                Some(ms) => format!("; next attempt in {} s", ms.div_ceil(1000)),
                None => "; no further attempt".into(),
            };
            format!("failed: {}{said}{next}", text("reason"))
        }
        "not-dispatched" => "could not be dispatched; this does not count as an attempt".into(),
        "gave-up" => "was removed after its last attempt failed".into(),
        "removed" => "was removed with its service worker or its site's data".into(),
        "interrupted" => format!("was interrupted by the end of the program ({} in a row)", text("times")),
        "cancelled" => "was cancelled by the host".into(),
        "expired" => "was dropped: its latest time has passed".into(),
        "suspended" => "is suspended: the host lets this site have no periodic events".into(),
        "revived" => "may fire again".into(),
        "round" => format!("a round of periodic events: {}", text("events")),
        "power-changed" => format!(
            "the power supply changed: {}{}{}",
            if is("charging") { "charging" } else { "on battery" },
            if is("battery_saver") { ", battery saver" } else { "" },
            if is("data_saver") { ", data saver" } else { "" },
        ),
        "permission-changed" => format!("has the permission {}: {}", text("permission"), text("state")),
        other => format!("{other} {}", printable(&Value::Object(activity.details.clone()).to_string())),
    }
}

fn outcome(result: &DispatchResult) -> String {
    match (result.outcome.as_str(), &result.reason) {
        ("succeeded", _) if result.handled == Some(false) => {
            "succeeded, although the worker has no listener".into()
        }
        ("failed", Some(reason)) => match &result.message {
            Some(message) => format!("failed: {reason} ({})", printable(message)),
            None => format!("failed: {reason}"),
        },
        ("not-dispatched", _) => "not dispatched: the event did not reach the worker".into(),
        (other, _) => other.to_owned(),
    }
}

/// A tag in a line: quoted if it would be hard to see, cut if it is long.
fn shown(tag: &str) -> String {
    let safe = shortened(&printable(tag), TAG_CHARS_MAX);
    if safe.is_empty() || safe.contains(char::is_whitespace) { format!("\"{safe}\"") } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn activity(value: Value) -> ActivityLine {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn activities_read_as_sentences() {
        let failed = activity(json!({
            "id": 1, "time": "T", "kind": "sync", "tag": "out box", "event": "failed",
            "reason": "rejected", "message": "TypeError: \u{1b}[2J", "next_attempt_ms": 299_001,
        }));
        assert_eq!(
            sentence(&failed),
            "T  \"out box\" failed: rejected (TypeError: \\u{1b}[2J); next attempt in 300 s"
        );
        let dispatched = activity(json!({
            "id": 1, "time": "T", "kind": "sync", "tag": "a", "event": "dispatched",
            "attempt": 3, "last_chance": true, "background": true,
        }));
        assert_eq!(
            sentence(&dispatched),
            "T  a dispatched: sync event, attempt 3, the last chance, no page open"
        );
        let unknown = activity(json!({ "id": 1, "time": "T", "event": "new-thing", "x": 1 }));
        assert_eq!(sentence(&unknown), "T  new-thing {\"x\":1}");
    }
}
