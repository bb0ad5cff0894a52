//! What is written, told and logged of an entry.

use crate::engine::Engine;
use crate::{
    Activity, ActivityEvent, Change, Effect, Now, RegisterError, Step, StorageKey, SyncKind, SyncRegistered,
    SyncRegistrationId, Tag, WorkerRegistrationId,
};

/// So much of a refused tag is logged.
const REFUSED_TAG_BYTES_MAX: usize = 256;

impl Engine {
    /// Writes the entry as it is now. Several writes of one entry in a row become one.
    pub(crate) fn put(&self, id: SyncRegistrationId, step: &mut Step) {
        let Some(entry) = self.entries.get(&id) else { return };
        let change = Change::PutSyncRegistration(entry.record(id));
        let recent = step.changes.iter_mut().rev().take(3);
        for earlier in recent {
            match earlier {
                Change::PutSyncRegistration(record) if record.id == id => {
                    *earlier = change;
                    return;
                }
                Change::Record(_) => {}
                _ => break,
            }
        }
        step.changes.push(change);
    }

    /// Tells the host that a script made or changed an entry (R187, R188).
    pub(crate) fn announce(&self, id: SyncRegistrationId, reregistration: bool, step: &mut Step) {
        if let Some(entry) = self.entries.get(&id) {
            let registration = entry.record(id);
            step.effects.push(Effect::Announce(SyncRegistered { registration, reregistration }));
        }
    }

    /// Notes an activity of an entry.
    pub(crate) fn record_of(
        &mut self,
        now: Now,
        id: SyncRegistrationId,
        event: ActivityEvent,
        step: &mut Step,
    ) {
        if let Some(entry) = self.entries.get(&id) {
            let (owner, sync) = (entry.owner, (entry.kind, entry.tag.clone()));
            self.record(now, Some(owner), Some(sync), event, step);
        }
    }

    /// Notes an activity of a worker registration or one of its entries.
    pub(crate) fn record(
        &mut self,
        now: Now,
        registration: Option<WorkerRegistrationId>,
        sync: Option<(SyncKind, Tag)>,
        event: ActivityEvent,
        step: &mut Step,
    ) {
        let storage_key = registration.and_then(|id| self.storage_key_of(id));
        self.write_activity(Activity { time: now.wall, storage_key, registration, sync, event }, step);
    }

    /// Notes that a script was refused an entry. Whatever it asked for, the note is short: the log of refusals is no
    /// place for a script to write as much as it likes.
    pub(crate) fn record_refusal(
        &mut self,
        now: Now,
        owner: WorkerRegistrationId,
        (kind, tag): (SyncKind, &Tag),
        error: &RegisterError,
        step: &mut Step,
    ) {
        let event = ActivityEvent::RegistrationRefused { error: error.dom_exception_name() };
        self.record(now, Some(owner), Some((kind, tag.shortened(REFUSED_TAG_BYTES_MAX))), event, step);
    }

    /// Notes an activity of an origin.
    pub(crate) fn record_of_origin(
        &mut self,
        now: Now,
        storage_key: StorageKey,
        event: ActivityEvent,
        step: &mut Step,
    ) {
        let storage_key = Some(storage_key);
        self.write_activity(
            Activity { time: now.wall, storage_key, registration: None, sync: None, event },
            step,
        );
    }

    fn write_activity(&mut self, activity: Activity, step: &mut Step) {
        self.audit.note(&activity);
        step.changes.push(Change::Record(activity));
    }
}
