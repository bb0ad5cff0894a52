//! Background Sync, periodic sync and their permissions, as scripts ask for them.

use super::super::realm::Realm;
use super::super::task::HostError;
use super::HostObject;
use crate::json::{self, Wtf8};
use crate::script::Text;
use rquickjs::Result;
use serde::Deserialize;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wakeworker::HostHandle;
use wakeworker_core::{
    Conditions, NetworkCondition, OneShotOptions, PeriodicOptions, PermissionName, PowerCondition,
    RegisterError, SyncKind, Tag,
};

// R24: answers are put on this worker's queue by the engine thread, before any event that follows from them.

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function("syncRegister", move |id: u32, tag: Text, options: Text| {
        let settle = state.operation(id);
        let asked = (|| Ok((engine(&state)?, read_tag(tag)?, read_options(options)?.one_shot())))();
        match asked {
            Ok((host, tag, options)) => {
                host.sync_manager(state.worker.registration)
                    .register_with_then(tag, options, move |result| settle(done(result)))
            }
            Err(error) => settle(Err(error)),
        }
    })?;
    let state = realm.clone();
    host.function("periodicSyncRegister", move |id: u32, tag: Text, options: Text| {
        let settle = state.operation(id);
        let asked = (|| Ok((engine(&state)?, read_tag(tag)?, read_options(options)?.periodic())))();
        match asked {
            Ok((host, tag, options)) => host.periodic_sync_manager(state.worker.registration).register_then(
                tag,
                options,
                move |result| settle(done(result)),
            ),
            Err(error) => settle(Err(error)),
        }
    })?;
    let state = realm.clone();
    host.function("syncGetTags", move |id: u32, event: Text| {
        let settle = state.operation(id);
        let (host, kind) = match (|| Ok((engine(&state)?, read_kind(event)?)))() {
            Ok(asked) => asked,
            Err(error) => return settle(Err(error)),
        };
        let answer = move |result: std::result::Result<Vec<Tag>, RegisterError>| {
            settle(result.map(|tags| json::tags(&tags)).map_err(|error| refusal(&error)));
        };
        let registration = state.worker.registration;
        match kind {
            SyncKind::BackgroundSync => host.sync_manager(registration).get_tags_then(answer),
            SyncKind::PeriodicSync => host.periodic_sync_manager(registration).get_tags_then(answer),
        }
    })?;
    let state = realm.clone();
    host.function("syncUnregister", move |id: u32, event: Text, tag: Text| {
        let settle = state.operation(id);
        let (host, kind, tag) = match (|| Ok((engine(&state)?, read_kind(event)?, read_tag(tag)?)))() {
            Ok(asked) => asked,
            Err(error) => return settle(Err(error)),
        };
        // The answer is a boolean, which only the extensions show: whether there was an entry. Both questions are sent by
        // this thread, one after the other, so that the first is answered before the second is acted on.
        let existed = Arc::new(AtomicBool::new(false));
        let (found, wanted) = (existed.clone(), tag.clone());
        let note = move |tags: std::result::Result<Vec<Tag>, RegisterError>| {
            found.store(tags.is_ok_and(|tags| tags.contains(&wanted)), Ordering::Release);
        };
        let answer = move |result: std::result::Result<(), RegisterError>| {
            let existed = existed.load(Ordering::Acquire);
            settle(result.map(|()| existed.to_string()).map_err(|error| refusal(&error)));
        };
        let registration = state.worker.registration;
        match kind {
            SyncKind::BackgroundSync => {
                let manager = host.sync_manager(registration);
                manager.get_tags_then(note);
                manager.unregister_then(tag, answer);
            }
            SyncKind::PeriodicSync => {
                let manager = host.periodic_sync_manager(registration);
                manager.get_tags_then(note);
                manager.unregister_then(tag, answer);
            }
        }
    })?;
    let state = realm.clone();
    host.function("syncRegistrations", move |id: u32, event: Text| {
        let settle = state.operation(id);
        match (|| Ok((engine(&state)?, read_kind(event)?)))() {
            Ok((host, kind)) => {
                host.sync_registrations_of_then(state.worker.registration, kind, move |found| {
                    settle(Ok(json::sync_registrations(&found)));
                });
            }
            Err(error) => settle(Err(error)),
        }
    })?;
    let state = realm.clone();
    host.function("permissionState", move |id: u32, name: Text| {
        let settle = state.operation(id);
        let name = name.into_string();
        let asked = (|| {
            let unknown = || HostError::new("TypeError", format!("there is no permission `{name}`"));
            Ok((engine(&state)?, PermissionName::from_name(&name).ok_or_else(unknown)?))
        })();
        match asked {
            Ok((host, name)) => {
                let key = state.worker.storage_key.clone();
                host.permission_state_then(key, name, move |found| {
                    settle(Ok(format!("\"{}\"", found.as_str())))
                });
            }
            Err(error) => settle(Err(error)),
        }
    })
}

/// What a script asked for, as the JavaScript layer has checked it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SyncOptions {
    #[serde(default)]
    min_interval: u64,
    #[serde(default)]
    min_delay: u64,
    #[serde(default)]
    max_delay: Option<u64>,
    power_state: String,
    network_state: String,
}

impl SyncOptions {
    fn one_shot(&self) -> OneShotOptions {
        OneShotOptions {
            conditions: self.conditions(),
            earliest_ms: self.min_delay,
            latest_ms: self.max_delay,
        }
    }

    fn periodic(&self) -> PeriodicOptions {
        PeriodicOptions { min_interval_ms: self.min_interval, conditions: self.conditions() }
    }

    fn conditions(&self) -> Conditions {
        Conditions {
            network: match self.network_state.as_str() {
                "any" => NetworkCondition::Any,
                "avoid-cellular" => NetworkCondition::AvoidCellular,
                _ => NetworkCondition::Online,
            },
            power: match self.power_state.as_str() {
                "avoid-draining" => PowerCondition::AvoidDraining,
                _ => PowerCondition::Auto,
            },
        }
    }
}

fn engine(realm: &Realm) -> std::result::Result<HostHandle, HostError> {
    let missing =
        || HostError::new("InvalidStateError", "Background Sync is not available: the runtime has no host");
    realm.shared.host.get().cloned().ok_or_else(missing)
}

fn read_tag(text: Text) -> std::result::Result<Tag, HostError> {
    let tag = Wtf8::from_json(&text.into_string()).ok().and_then(|tag| Tag::from_wtf8(&tag.0));
    tag.ok_or_else(|| HostError::new("TypeError", "the tag is no string"))
}

fn read_kind(text: Text) -> std::result::Result<SyncKind, HostError> {
    match text.into_string().as_str() {
        "sync" => Ok(SyncKind::BackgroundSync),
        "periodicsync" => Ok(SyncKind::PeriodicSync),
        other => Err(HostError::new("TypeError", format!("`{other}` is no sync event"))),
    }
}

fn read_options(text: Text) -> std::result::Result<SyncOptions, HostError> {
    serde_json::from_str(&text.into_string())
        .map_err(|error| HostError::new("TypeError", format!("the options cannot be read: {error}")))
}

fn done(result: std::result::Result<(), RegisterError>) -> std::result::Result<String, HostError> {
    result.map(|()| "null".to_owned()).map_err(|error| refusal(&error))
}

fn refusal(error: &RegisterError) -> HostError {
    HostError::new(error.dom_exception_name(), error.to_string())
}
