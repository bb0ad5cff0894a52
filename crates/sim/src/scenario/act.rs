//! The things that can happen.

use super::STEP_BYTES;
use super::setup::{DAY_MS, HOUR_MS, MINUTE_MS};
use wakeworker::core::{Connection, ExtraInterval, FrameType, PermissionName, Power, SyncKind};

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// `sync.register(tag)`; the page may vanish before it is answered.
    RegisterOneShot {
        /// Whose.
        slot: Slot,
        /// Which tag.
        tag: u8,
        /// Nobody hears the answer.
        vanishes: bool,
    },
    /// `periodicSync.register(tag, { minInterval })`.
    RegisterPeriodic {
        /// Whose.
        slot: Slot,
        /// Which tag.
        tag: u8,
        /// The interval.
        min_interval_ms: u64,
    },
    /// `unregister(tag)` of either manager.
    Unregister(Entry),
    /// `getTags()` of either manager.
    GetTags(Slot, SyncKind),
    /// A worker ends one of its running events.
    End {
        /// Which one, modulo the number of those that run.
        which: u8,
        /// How.
        ending: Ending,
    },
    /// A worker answers for an event whose time was up before.
    AnswerLate,
    /// The connection of the device changes.
    Network(Connection),
    /// The network begins or ceases to answer everything itself: there is a connection, and no event succeeds.
    CaptivePortal(bool),
    /// So many milliseconds pass on both clocks.
    Pass(u64),
    /// The wall clock is set to another time, so many milliseconds away.
    JumpClock(i64),
    /// The device sleeps for so many milliseconds: only the wall clock goes on.
    Suspend(u64),
    /// The power supply or a saving mode changes.
    Power(Power),
    /// A page or frame of an origin opens.
    OpenPage(Site, FrameType),
    /// A page of an origin closes.
    ClosePage(Site),
    /// The user or the host grants something to an origin, or denies it.
    Permission(Site, PermissionName, bool),
    /// The host states a fact about an origin.
    State(Site, SiteFact),
    /// The active worker of a registration changes.
    Worker(Slot, WorkerNews),
    /// A worker is registered, anew if it was before.
    AddWorker(Slot),
    /// `registration.unregister()`.
    RemoveWorker(Slot),
    /// All data of an origin is cleared.
    ClearOrigin(Site),
    /// A tool makes a worker registration appear offline, or gives up one of its holds.
    EmulateOffline(Slot, bool),
    /// The host program asks for something.
    Host(HostCall),
    /// The store will fail.
    Fault(FaultKind),
    /// The process is killed.
    Kill,
    /// The process ends in order and is started again.
    Restart,
    /// The power fails; of what was not synced, so much is there afterwards: 0 nothing, 255 everything.
    PowerCut(u8),
    /// Another process takes the profile away.
    LoseLease,
}

/// One of the origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site(pub usize);

/// One of the worker registrations that a profile may have: the first two are of one origin, the third of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(pub usize);

/// An entry, which need not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Whose.
    pub slot: Slot,
    /// Which of its two lists.
    pub kind: SyncKind,
    /// Which tag.
    pub tag: u8,
}

/// How a worker ends an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every lifetime promise was fulfilled.
    Succeeds,
    /// A lifetime promise was rejected.
    Rejects,
    /// The worker could not be started.
    FailsToStart,
    /// The worker was stopped.
    Dies,
    /// The event did not reach the worker.
    NotReached,
    /// The backend forgets the event.
    Lost,
}

/// What the host says of an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteFact {
    /// Whether it can be reached.
    Reachable(bool),
    /// How much is added to its gap.
    Engagement(ExtraInterval),
    /// Whether the user is busy with it.
    ActiveUse(bool),
    /// Whether it may register without a window.
    WithoutWindow(bool),
}

/// What becomes of the active worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerNews {
    /// A new version is activating.
    Activating,
    /// The active worker has finished activating; a new one if there was none.
    Activated,
    /// There is none any more.
    Gone,
}

/// What the host program asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostCall {
    /// WebView2's dispatch of a periodic event, which may insist on a connection.
    DispatchPeriodic {
        /// Whose.
        slot: Slot,
        /// Which tag.
        tag: u8,
        /// Refused without a connection.
        if_online: bool,
    },
    /// Fire an entry now.
    Fire(Entry),
    /// Cancel an entry.
    Cancel(Entry),
    /// A tool's event.
    Tool(Entry, bool),
    /// Everything that is due, now.
    FireDue,
}

/// How the store will fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// So many commits are not done.
    FailCommits(u8),
    /// So many commits are done and reported as failed.
    LoseAnswers(u8),
    /// A commit fails, and so many attempts to read the store again.
    FailLoads(u8),
    /// The next commit takes so many milliseconds.
    Slow(u64),
    /// The process is killed when it commits the next time: before the commit is done or, if true, after.
    KillAtCommit(bool),
}

impl Slot {
    /// The origin of the worker registration.
    pub fn site(self) -> Site {
        Site(self.0 / 2)
    }
}

impl Act {
    /// How many kinds there are.
    pub const KINDS: usize = 27;

    pub(super) fn decode(bytes: [u8; STEP_BYTES]) -> Act {
        let [what, who, a, b, c] = bytes;
        let slot = Slot(usize::from(who >> 2) % 3);
        let site = Site(usize::from(who >> 2) % 2);
        let kind = if a & 0x80 == 0 { SyncKind::BackgroundSync } else { SyncKind::PeriodicSync };
        let tag = a % 3;
        let entry = Entry { slot, kind, tag };
        let amount = u64::from(u16::from_le_bytes([b, c]));
        match what {
            0..=39 => Act::RegisterOneShot { slot, tag, vanishes: b >= 230 },
            40..=57 => Act::RegisterPeriodic { slot, tag, min_interval_ms: pick(&INTERVALS_MS, b) },
            58..=63 => Act::Unregister(entry),
            64..=66 => Act::GetTags(slot, kind),
            67..=104 => Act::End { which: b, ending: Ending::decode(a) },
            105..=109 => Act::AnswerLate,
            110..=127 => Act::Network(pick(&CONNECTIONS, a)),
            128..=130 => Act::CaptivePortal(a & 1 == 1),
            131..=143 => Act::Pass(amount * 3),
            144..=155 => Act::Pass(amount * 110),
            156..=161 => Act::Pass(amount * 2_600),
            162..=165 => Act::JumpClock((i64::from(a) - 128) * DAY_MS.cast_signed() / 4),
            166..=168 => Act::Suspend(amount * 2_600),
            169..=173 => {
                Act::Power(Power { charging: a & 1 == 0, battery_saver: a % 5 == 1, data_saver: a % 7 == 1 })
            }
            174..=181 => Act::OpenPage(site, pick(&FRAMES, a)),
            182..=187 => Act::ClosePage(site),
            188..=193 => Act::Permission(site, pick(&NAMES, a), !b.is_multiple_of(3)),
            194..=199 => Act::State(site, SiteFact::decode(a, b)),
            200..=205 => Act::Worker(slot, WorkerNews::decode(a)),
            206..=210 => Act::AddWorker(slot),
            211..=212 => Act::RemoveWorker(slot),
            213 => Act::ClearOrigin(site),
            214..=216 => Act::EmulateOffline(slot, a & 1 == 1),
            217..=226 => Act::Host(HostCall::decode(b, entry, c)),
            227..=241 => Act::Fault(FaultKind::decode(a, b)),
            242..=245 => Act::Kill,
            246..=248 => Act::Restart,
            249..=252 => Act::PowerCut(a),
            253..=255 => Act::LoseLease,
        }
    }

    /// Whether the next step may share its turn: only where it makes no difference when within the turn a round of
    /// periodic events came about.
    pub fn may_share(&self) -> bool {
        match self {
            Act::RegisterOneShot { .. } | Act::GetTags(..) | Act::Network(_) => true,
            Act::OpenPage(..) | Act::ClosePage(_) | Act::AnswerLate => true,
            Act::End { ending, .. } => *ending != Ending::NotReached,
            _ => false,
        }
    }
}

impl Ending {
    fn decode(byte: u8) -> Ending {
        match byte % 16 {
            0..=5 => Ending::Succeeds,
            6..=9 => Ending::Rejects,
            10..=11 => Ending::FailsToStart,
            12 => Ending::Dies,
            13..=14 => Ending::NotReached,
            _ => Ending::Lost,
        }
    }
}

impl SiteFact {
    fn decode(what: u8, value: u8) -> SiteFact {
        match what % 8 {
            0..=2 => SiteFact::Reachable(!value.is_multiple_of(3)),
            3..=4 => SiteFact::Engagement(match value % 4 {
                0 => ExtraInterval::Never,
                1 => ExtraInterval::Ms(5 * HOUR_MS),
                _ => ExtraInterval::Ms(0),
            }),
            5..=6 => SiteFact::ActiveUse(value.is_multiple_of(2)),
            _ => SiteFact::WithoutWindow(value.is_multiple_of(2)),
        }
    }
}

impl WorkerNews {
    fn decode(byte: u8) -> WorkerNews {
        match byte % 8 {
            0..=2 => WorkerNews::Activating,
            7 => WorkerNews::Gone,
            _ => WorkerNews::Activated,
        }
    }
}

impl HostCall {
    fn decode(what: u8, entry: Entry, detail: u8) -> HostCall {
        let Entry { slot, tag, .. } = entry;
        match what % 8 {
            0..=2 => HostCall::DispatchPeriodic { slot, tag, if_online: detail & 1 == 1 },
            3..=4 => HostCall::Fire(entry),
            5 => HostCall::Cancel(entry),
            6 => HostCall::Tool(entry, detail & 1 == 1),
            _ => HostCall::FireDue,
        }
    }
}

impl FaultKind {
    fn decode(what: u8, amount: u8) -> FaultKind {
        let times = 1 + amount % 3;
        match what % 8 {
            0..=1 => FaultKind::FailCommits(times),
            2..=3 => FaultKind::LoseAnswers(times),
            4 => FaultKind::FailLoads(times),
            5 => FaultKind::Slow(u64::from(amount) * 12),
            6 => FaultKind::KillAtCommit(false),
            _ => FaultKind::KillAtCommit(true),
        }
    }
}

fn pick<T: Copy>(choices: &[T], byte: u8) -> T {
    choices[usize::from(byte) % choices.len()]
}

const CONNECTIONS: [Connection; 6] = [
    Connection::None,
    Connection::None,
    Connection::Wifi,
    Connection::Wifi,
    Connection::Cellular,
    Connection::Unknown,
];

const FRAMES: [FrameType; 6] = [
    FrameType::TopLevel,
    FrameType::TopLevel,
    FrameType::TopLevel,
    FrameType::Auxiliary,
    FrameType::Nested,
    FrameType::None,
];

const NAMES: [PermissionName; 3] =
    [PermissionName::BackgroundSync, PermissionName::PeriodicBackgroundSync, PermissionName::Notifications];

/// None lies where the jitter of a retry decides whether there is one (R130).
const INTERVALS_MS: [u64; 6] = [0, 20 * MINUTE_MS, HOUR_MS, 7 * HOUR_MS, 13 * HOUR_MS, 24 * HOUR_MS];
