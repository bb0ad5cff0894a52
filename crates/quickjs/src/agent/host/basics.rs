//! Connection, facts, console, time and randomness.

use super::super::console::ConsoleLevel;
use super::super::realm::Realm;
use super::super::task::{HostError, Task};
use super::super::thread::run_jobs;
use super::{Answer, HostObject, Reply, throw};
use crate::script::{Text, layer_part, run};
use rquickjs::{Ctx, Object, Persistent, Result, Value};
use std::rc::Rc;
use std::sync::atomic::Ordering;

pub(super) fn install<'js>(host: &HostObject<'js>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function("connect", move |hooks: Object<'_>| {
        let ctx = hooks.ctx().clone();
        *state.hooks.borrow_mut() = Some(Persistent::save(&ctx, hooks));
    })?;
    host.value("facts", facts(realm))?;
    host.function("readPart", |ctx: Ctx<'js>, name: String| -> Result<Value<'js>> {
        let missing = || HostError::new("TypeError", format!("the runtime layer has no part `{name}`"));
        let part = layer_part(&name).ok_or_else(|| throw(&ctx, &missing()))?;
        run(&ctx, part)
    })?;

    let state = realm.clone();
    host.function("log", move |level: Text, text: Text| {
        state.console.print(ConsoleLevel::from_name(&level.into_string()), text.into_string());
    })?;
    let state = realm.clone();
    host.function("reportException", move |kind: Text, text: Text| {
        let kind = kind.into_string();
        let text = text.into_string();
        state.shared.exception_reported(&text);
        let prefix = if kind == "rejection" { "Uncaught (in promise) " } else { "Uncaught " };
        state.console.print(ConsoleLevel::Error, format!("{prefix}{text}"));
    })?;

    let state = realm.clone();
    host.function("runMicrotasks", move |ctx: Ctx<'_>| run_jobs(&ctx, &state.watch))?;

    let state = realm.clone();
    host.function("now", move || {
        let since = state.shared.time.now().saturating_duration_since(state.started);
        // High Resolution Time, "coarsen time": a context that is not isolated from other origins sees steps of 100 µs.
        (since.as_micros() / 100) as f64 / 10.0
    })?;
    let state = realm.clone();
    host.function("setTimer", move |id: u32, delay_ms: f64| Reply(set_timer(&state, id, delay_ms)))?;
    let state = realm.clone();
    host.function("clearTimer", move |id: u32| state.timers.borrow_mut().clear(id))?;
    if realm.shared.time.driven().is_some() {
        let state = realm.clone();
        host.function("wallNow", move || state.shared.time.wall().0 as f64)?;
    }
    let state = realm.clone();
    host.function("randomBytes", move |length: usize| Reply(random_bytes(&state, length)))
}

fn facts(realm: &Realm) -> String {
    let worker = &realm.worker;
    serde_json::json!({
        "origin": worker.storage_key.origin(),
        "scriptUrl": worker.script_url,
        "scope": worker.scope,
        "registrationId": worker.registration.0,
        "workerId": worker.id.0,
        "userAgent": realm.shared.config.user_agent,
        "language": realm.shared.config.language,
        "onLine": realm.shared.fetch.online.load(Ordering::Acquire),
        "isSecureContext": true,
        "extensions": realm.shared.config.script_extensions.names(),
        "workerType": worker.worker_type.name(),
        "webMessages": worker.has_web_messages(&realm.shared),
        "connectionMessageBytesMax": realm.shared.config.connection_message_bytes_max,
    })
    .to_string()
}

fn set_timer(realm: &Realm, id: u32, delay_ms: f64) -> std::result::Result<Answer, HostError> {
    let mut timers = realm.timers.borrow_mut();
    let limit = realm.shared.config.timers_max;
    if timers.len() >= limit {
        let message = format!("the worker has set {limit} timers, which is the limit; clear some first");
        return Err(HostError::new("QuotaExceededError", message));
    }
    if delay_ms > 0.0 {
        timers.set(id, realm.shared.time.now(), delay_ms);
    } else {
        timers.set_immediate(id);
        let _ = realm.run.queue.push(Task::Timer(id));
    }
    Ok(Answer::Undefined)
}

fn random_bytes(realm: &Realm, length: usize) -> std::result::Result<Answer, HostError> {
    random(realm, length).map(|bytes| Answer::Bytes(bytes.into()))
}

/// Random bytes: the system's, or in virtual time those of the seed.
pub(super) fn random(realm: &Realm, length: usize) -> std::result::Result<Vec<u8>, HostError> {
    // The Web Crypto standard's limit for getRandomValues.
    if length > 65_536 {
        let message = format!("{length} random bytes were asked for; at most 65536 are given at once");
        return Err(HostError::new("QuotaExceededError", message));
    }
    if let Some(time) = realm.shared.time.driven() {
        let draw = realm.random_draws.get();
        realm.random_draws.set(draw + 1);
        // The wall clock tells the runs of one worker apart.
        let name = [realm.worker.id.0, time.wall().0.cast_unsigned(), draw];
        return Ok(time.random_bytes(name, length));
    }
    let mut bytes = vec![0; length];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            Err(HostError::new("OperationError", format!("the system gave no random bytes: {error}")))
        }
    }
}
