//! Limits on what scripts may register (R33, R173).

use crate::engine::Engine;
use crate::{RegisterError, RegistrationLimit, Tag, WorkerRegistrationId};

/// Whether a tag is short enough (R33, D4).
pub(crate) fn check_tag(engine: &Engine, tag: &Tag) -> Result<(), RegisterError> {
    match engine.config.tag_bytes_max {
        Some(bytes_max) if tag.len_bytes() > bytes_max => {
            Err(RegisterError::TagTooLong { bytes: tag.len_bytes(), bytes_max })
        }
        _ => Ok(()),
    }
}

/// Whether there is room for one more entry (R173). A tag that exists already needs none.
pub(crate) fn check_room(engine: &Engine, owner: WorkerRegistrationId) -> Result<(), RegisterError> {
    let Some(worker) = engine.workers.get(&owner) else { return Err(RegisterError::NoRegistration) };
    let of_origin = engine.origin(&worker.record.storage_key).map_or(0, |origin| origin.entries);
    let limits = [
        (
            RegistrationLimit::PerWorkerRegistration,
            worker.entry_count(),
            engine.config.entries_per_worker_registration_max,
        ),
        (RegistrationLimit::PerOrigin, of_origin, engine.config.entries_per_origin_max),
    ];
    for (limit, entries, entries_max) in limits {
        if let Some(entries_max) = entries_max
            && entries >= entries_max
        {
            return Err(RegisterError::TooManyRegistrations { limit, entries_max });
        }
    }
    Ok(())
}
