//! `navigator.locks`.

use super::super::realm::Realm;
use super::super::task::{HostError, Task};
use super::{HostObject, throw};
use crate::locks::{Manner, Request, Verdict};
use crate::script::Text;
use crate::shared::Shared;
use rquickjs::{Ctx, Result};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One run of a worker as an owner of locks; dropping it releases them.
pub(crate) struct LockOwner {
    shared: Arc<Shared>,
    id: u64,
}

impl LockOwner {
    pub(crate) fn new(shared: &Arc<Shared>) -> LockOwner {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        LockOwner { shared: shared.clone(), id: NEXT.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for LockOwner {
    fn drop(&mut self) {
        self.shared.locks.forget(self.id);
    }
}

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function(
        "lockRequest",
        move |ctx: Ctx<'_>, id: u32, name: Text, exclusive: bool, manner: Text| -> Result<()> {
            request(&state, id, name.into_string(), exclusive, &manner.into_string())
                .map_err(|error| throw(&ctx, &error))
        },
    )?;
    let state = realm.clone();
    host.function("lockRelease", move |id: u32| state.shared.locks.release(state.lock_owner.id, id))?;
    let state = realm.clone();
    host.function("lockQuery", move || state.shared.locks.query(&state.worker.storage_key))
}

/// Requests that one worker may have, held and waiting.
const LOCKS_MAX: usize = 1_000;

fn request(
    realm: &Realm,
    id: u32,
    name: String,
    exclusive: bool,
    manner: &str,
) -> std::result::Result<(), HostError> {
    let manner = match manner {
        "steal" => Manner::Steal,
        "ifAvailable" => Manner::IfAvailable,
        _ => Manner::Wait,
    };
    let (locks, owner) = (&realm.shared.locks, realm.lock_owner.id);
    if locks.count(owner) >= LOCKS_MAX {
        let message =
            format!("the worker has asked for {LOCKS_MAX} locks, which is the limit; release some first");
        return Err(HostError::new("QuotaExceededError", message));
    }
    let run = realm.run.clone();
    let tell = Box::new(move |verdict: Verdict| {
        let verdict = match verdict {
            Verdict::Granted => "granted",
            Verdict::Unavailable => "unavailable",
            Verdict::Aborted => "aborted",
            Verdict::Stolen => "stolen",
        };
        // A run that ends takes its promises with it.
        let _ = run.queue.push(Task::Lock { id, verdict });
    });
    let client = format!("worker-{}", realm.worker.id);
    locks.request(&realm.worker.storage_key, name, manner, Request { owner, id, exclusive, client, tell });
    Ok(())
}
