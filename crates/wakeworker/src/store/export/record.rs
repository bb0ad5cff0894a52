//! The JSON form of a profile. Names and fields are never changed, only added; a new version is for what an older program
//! would misunderstand.

use super::Imported;
use crate::store::{RecordedActivity, activity_record};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use wakeworker_core::{
    ActiveWorker, Activity, Change, Conditions, LastRound, NetworkCondition, NetworkId, PowerCondition,
    Snapshot, StorageKey, SyncKind, SyncOptions, SyncRegistration, SyncRegistrationId, Tag, Timestamp,
    WorkerId, WorkerRegistration, WorkerRegistrationId,
};

pub(super) const FORMAT: &str = "wakeworker-profile";
pub(super) const VERSION: u32 = 1;

/// Enough to tell whether the rest can be read.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) version: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ExportRecord {
    format: String,
    version: u32,
    worker_registrations: Vec<WorkerRecord>,
    sync_registrations: Vec<SyncRecord>,
    origin_fires: Vec<OriginFireRecord>,
    last_round: Option<LastRoundRecord>,
    activities: Vec<ActivityRecord>,
}

#[derive(Serialize, Deserialize)]
struct WorkerRecord {
    id: u64,
    storage_key: String,
    scope: String,
    script_url: String,
    active_worker: Option<u64>,
    active_activated: bool,
}

#[derive(Serialize, Deserialize)]
struct SyncRecord {
    id: u64,
    worker_registration: u64,
    tag: TagRecord,
    registered_at_ms: i64,
    attempts: u32,
    interrupted_starts: u32,
    attempts_max: u32,
    not_before_ms: Option<i64>,
    not_after_ms: Option<i64>,
    network_condition: NetworkRecord,
    power_condition: PowerRecord,
    network: Option<String>,
    reregistered_while_firing: bool,
    periodic: Option<PeriodicRecord>,
}

#[derive(Serialize, Deserialize)]
struct PeriodicRecord {
    min_interval_ms: u64,
    anchor_ms: i64,
    last_success_ms: Option<i64>,
}

/// Text where it is text; the 16-bit units where lone surrogates are among them (R12).
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum TagRecord {
    Text(String),
    Units(Vec<u16>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum NetworkRecord {
    Any,
    Online,
    AvoidCellular,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PowerRecord {
    Auto,
    AvoidDraining,
}

#[derive(Serialize, Deserialize)]
struct OriginFireRecord {
    storage_key: String,
    last_fire_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct LastRoundRecord {
    time_ms: i64,
    drift_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct ActivityRecord {
    time_ms: i64,
    storage_key: Option<String>,
    registration: Option<u64>,
    periodic: Option<bool>,
    tag: Option<TagRecord>,
    event: Value,
}

impl ExportRecord {
    pub(super) fn new(
        snapshot: &Snapshot,
        activities: &[RecordedActivity],
    ) -> Result<ExportRecord, serde_json::Error> {
        let fires = snapshot.origin_fires.iter().map(|(key, time)| OriginFireRecord {
            storage_key: key.as_str().to_owned(),
            last_fire_ms: time.0,
        });
        Ok(ExportRecord {
            format: FORMAT.to_owned(),
            version: VERSION,
            worker_registrations: snapshot.worker_registrations.iter().map(WorkerRecord::new).collect(),
            sync_registrations: snapshot.sync_registrations.iter().map(SyncRecord::new).collect(),
            origin_fires: fires.collect(),
            last_round: snapshot
                .last_round
                .map(|round| LastRoundRecord { time_ms: round.time.0, drift_ms: round.drift_ms }),
            activities: activities
                .iter()
                .map(|recorded| ActivityRecord::new(&recorded.activity))
                .collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn counts(&self) -> Imported {
        Imported {
            worker_registrations: self.worker_registrations.len(),
            sync_registrations: self.sync_registrations.len(),
            activities: self.activities.len(),
        }
    }

    pub(super) fn into_changes(self) -> Result<Vec<Change>, String> {
        let mut changes = Vec::new();
        let workers: BTreeSet<u64> = self.worker_registrations.iter().map(|worker| worker.id).collect();
        for worker in self.worker_registrations {
            changes.push(Change::PutWorkerRegistration(worker.into_registration()));
        }
        for sync in self.sync_registrations {
            if !workers.contains(&sync.worker_registration) {
                let (id, owner) = (sync.id, sync.worker_registration);
                return Err(format!("sync registration {id} belongs to {owner}, which is not in the text"));
            }
            changes.push(Change::PutSyncRegistration(sync.into_registration()));
        }
        for fire in self.origin_fires {
            let storage_key = StorageKey::from(fire.storage_key.as_str());
            changes.push(Change::PutOriginFire { storage_key, last_fire: Timestamp(fire.last_fire_ms) });
        }
        changes.extend(self.last_round.map(|round| {
            Change::PutLastRound(LastRound { time: Timestamp(round.time_ms), drift_ms: round.drift_ms })
        }));
        for activity in self.activities {
            changes.push(Change::Record(activity.into_activity()?));
        }
        Ok(changes)
    }
}

impl WorkerRecord {
    fn new(worker: &WorkerRegistration) -> WorkerRecord {
        WorkerRecord {
            id: worker.id.0,
            storage_key: worker.storage_key.as_str().to_owned(),
            scope: worker.scope.clone(),
            script_url: worker.script_url.clone(),
            active_worker: worker.active.map(|active| active.id.0),
            active_activated: worker.active.is_some_and(|active| active.activated),
        }
    }

    fn into_registration(self) -> WorkerRegistration {
        let activated = self.active_activated;
        WorkerRegistration {
            id: WorkerRegistrationId(self.id),
            storage_key: StorageKey::from(self.storage_key.as_str()),
            scope: self.scope,
            script_url: self.script_url,
            active: self.active_worker.map(|id| ActiveWorker { id: WorkerId(id), activated }),
        }
    }
}

impl SyncRecord {
    fn new(sync: &SyncRegistration) -> SyncRecord {
        SyncRecord {
            id: sync.id.0,
            worker_registration: sync.worker_registration.0,
            tag: TagRecord::new(&sync.tag),
            registered_at_ms: sync.registered_at.0,
            attempts: sync.attempts,
            interrupted_starts: sync.interrupted_starts,
            attempts_max: sync.attempts_max,
            not_before_ms: sync.not_before.map(|time| time.0),
            not_after_ms: sync.not_after.map(|time| time.0),
            network_condition: match sync.conditions.network {
                NetworkCondition::Any => NetworkRecord::Any,
                NetworkCondition::Online => NetworkRecord::Online,
                NetworkCondition::AvoidCellular => NetworkRecord::AvoidCellular,
            },
            power_condition: match sync.conditions.power {
                PowerCondition::Auto => PowerRecord::Auto,
                PowerCondition::AvoidDraining => PowerRecord::AvoidDraining,
            },
            network: sync.network.as_ref().map(|network| network.as_str().to_owned()),
            reregistered_while_firing: sync.reregistered_while_firing,
            periodic: match sync.options {
                SyncOptions::OneShot => None,
                SyncOptions::Periodic { min_interval_ms, anchor, last_success } => Some(PeriodicRecord {
                    min_interval_ms,
                    anchor_ms: anchor.0,
                    last_success_ms: last_success.map(|time| time.0),
                }),
            },
        }
    }

    fn into_registration(self) -> SyncRegistration {
        SyncRegistration {
            id: SyncRegistrationId(self.id),
            worker_registration: WorkerRegistrationId(self.worker_registration),
            tag: self.tag.into_tag(),
            options: self.periodic.map_or(SyncOptions::OneShot, |periodic| SyncOptions::Periodic {
                min_interval_ms: periodic.min_interval_ms,
                anchor: Timestamp(periodic.anchor_ms),
                last_success: periodic.last_success_ms.map(Timestamp),
            }),
            registered_at: Timestamp(self.registered_at_ms),
            attempts: self.attempts,
            interrupted_starts: self.interrupted_starts,
            attempts_max: self.attempts_max,
            not_before: self.not_before_ms.map(Timestamp),
            not_after: self.not_after_ms.map(Timestamp),
            conditions: Conditions {
                network: match self.network_condition {
                    NetworkRecord::Any => NetworkCondition::Any,
                    NetworkRecord::Online => NetworkCondition::Online,
                    NetworkRecord::AvoidCellular => NetworkCondition::AvoidCellular,
                },
                power: match self.power_condition {
                    PowerRecord::Auto => PowerCondition::Auto,
                    PowerRecord::AvoidDraining => PowerCondition::AvoidDraining,
                },
            },
            network: self.network.as_deref().map(NetworkId::from),
            reregistered_while_firing: self.reregistered_while_firing,
        }
    }
}

impl TagRecord {
    fn new(tag: &Tag) -> TagRecord {
        match String::from_utf16(&tag.to_utf16()) {
            Ok(text) => TagRecord::Text(text),
            Err(_) => TagRecord::Units(tag.to_utf16()),
        }
    }

    fn into_tag(self) -> Tag {
        match self {
            TagRecord::Text(text) => Tag::from(text.as_str()),
            TagRecord::Units(units) => Tag::from_utf16(&units),
        }
    }
}

impl ActivityRecord {
    fn new(activity: &Activity) -> Result<ActivityRecord, serde_json::Error> {
        let sync = activity.sync.as_ref();
        Ok(ActivityRecord {
            time_ms: activity.time.0,
            storage_key: activity.storage_key.as_ref().map(|key| key.as_str().to_owned()),
            registration: activity.registration.map(|id| id.0),
            periodic: sync.map(|(kind, _)| *kind == SyncKind::PeriodicSync),
            tag: sync.map(|(_, tag)| TagRecord::new(tag)),
            event: serde_json::from_str(&activity_record::encode(&activity.event)?)?,
        })
    }

    fn into_activity(self) -> Result<Activity, String> {
        let kind = |periodic| if periodic { SyncKind::PeriodicSync } else { SyncKind::BackgroundSync };
        let sync = self.periodic.map(kind).zip(self.tag.map(TagRecord::into_tag));
        Ok(Activity {
            time: Timestamp(self.time_ms),
            storage_key: self.storage_key.as_deref().map(StorageKey::from),
            registration: self.registration.map(WorkerRegistrationId),
            sync,
            event: activity_record::decode(&self.event.to_string())?,
        })
    }
}
