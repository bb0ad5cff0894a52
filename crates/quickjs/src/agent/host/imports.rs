//! `importScripts`: fetched and stored while the worker installs, served from the store ever after (R156).

use super::super::realm::Realm;
use super::super::task::HostError;
use super::{HostObject, throw};
use crate::fetch::{Credentials, FetchOrder, Mode, fetch_whole};
use crate::script::{Script, Text, run};
use crate::{WorkerType, mime};
use ::url::Url;
use rquickjs::{Ctx, Result};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function("importScript", move |ctx: Ctx<'_>, url: Text| -> Result<()> {
        let script = match find_import(&state, &url.into_string(), ScriptKind::Classic) {
            Ok(script) => script,
            Err(error) => return Err(throw(&ctx, &error)),
        };
        let code = state.shared.bytecode.get(&ctx, &script)?;
        run(&ctx, &code).map(drop)
    })
}

/// How an imported script is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScriptKind {
    /// By `importScripts`, from anywhere.
    Classic,
    /// By an `import` declaration: other origins must allow it.
    Module,
}

impl From<WorkerType> for ScriptKind {
    fn from(worker_type: WorkerType) -> ScriptKind {
        match worker_type {
            WorkerType::Classic => ScriptKind::Classic,
            WorkerType::Module => ScriptKind::Module,
        }
    }
}

/// The stored script of this URL, or while the worker installs the one that the network gives.
pub(crate) fn find_import(
    realm: &Realm,
    url: &str,
    kind: ScriptKind,
) -> std::result::Result<Arc<Script>, HostError> {
    let (stored, may_fetch, count) = realm.worker.import(url);
    if let Some(script) = stored {
        return Ok(script);
    }
    if !may_fetch {
        let message =
            format!("`{url}` was not imported while the worker was installed, so it cannot be imported now");
        return Err(HostError::new("NetworkError", message));
    }
    let limit = realm.shared.config.imported_scripts_max;
    if count >= limit {
        return Err(HostError::new(
            "NetworkError",
            format!("`{url}` is one script too many: the limit is {limit}"),
        ));
    }
    // The thread waits for a server here, which has a limit of its own.
    realm.run.pulse.set_waiting(true);
    let origin = realm.worker.storage_key.origin();
    let bypasses = realm.shared.bypasses_caches_for_imports(realm.worker.registration);
    let fetched = fetch_import(&realm.shared, origin, &realm.worker.script_url, url, kind, bypasses);
    realm.run.pulse.set_waiting(false);
    let script = Arc::new(fetched?);
    realm.worker.add_import(script.clone());
    Ok(script)
}

/// Fetches an imported script, past the caches on the way if `bypasses_caches`; the error is what the script sees.
pub(crate) fn fetch_import(
    shared: &Arc<crate::shared::Shared>,
    origin: &str,
    referrer: &str,
    url: &str,
    kind: ScriptKind,
    bypasses_caches: bool,
) -> std::result::Result<Script, HostError> {
    let network = |message: String| HostError::new("NetworkError", message);
    let parsed = Url::parse(url)
        .map_err(|error| HostError::new("SyntaxError", format!("`{url}` is no URL: {error}")))?;
    let mut order = FetchOrder::get(parsed, origin);
    (order.mode, order.credentials) = match kind {
        ScriptKind::Classic => (Mode::NoCors, Credentials::Include),
        ScriptKind::Module => (Mode::Cors, Credentials::SameOrigin),
    };
    order.referrer = referrer.to_owned();
    order.destination = "script";
    if bypasses_caches {
        order.bypass_caches();
    }
    let timeout = Duration::from_millis(shared.config.start_duration_max_ms);
    let response =
        fetch_whole(&shared.fetch, order, shared.config.script_bytes_max, timeout).map_err(network)?;
    let head = &response.head.head;
    if !(200..300).contains(&head.status) {
        return Err(network(format!(
            "importing `{url}` failed: the server answered with status {}",
            head.status
        )));
    }
    let content_type = head.get("content-type").unwrap_or_default();
    if !mime::is_javascript(&content_type) {
        let message =
            format!("importing `{url}` failed: its MIME type is `{content_type}`, not a JavaScript one");
        return Err(network(message));
    }
    Ok(Script::new(url.to_owned(), mime::decode_script(&response.body)))
}
