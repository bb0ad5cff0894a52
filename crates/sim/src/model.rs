//! The reference: what the two specifications and our decisions say must happen, as simply as it can be told.
//!
//! It was written from the requirements, not from the engine, and shares no code with it. It is told what was sent to a
//! host ([`Input`]), what became of each commit ([`Call`]), and what was seen from outside ([`Seen`]). It predicts every
//! answer, every one-off event with its `lastChance`, every state. Where the specifications leave a choice (the jitter of a
//! delay, the moment of a periodic event), it checks that the choice was lawful and goes on from there.
//!
//! [`Call`]: crate::disk::Call

mod compare;
mod facts;
mod firing;
mod host_call;
mod input;
mod reload;
mod script_call;
mod state;
mod turn;

pub(crate) use compare::{origin, scope};
pub(crate) use input::{Input, Request, RunId};
pub(crate) use script_call::tag_text;
pub(crate) use turn::Seen;

use facts::Facts;
use state::State;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wakeworker::core::{AttemptId, Config, Now, WorkerId, WorkerRegistrationId};

/// The reference for one profile.
pub(crate) struct Model {
    pub(crate) config: Config,
    pub(crate) facts: Facts,
    /// What is the case, as far as the world outside can know.
    pub(crate) state: State,
    /// What the disk held after each commit that a power cut may still undo, and the commit's number.
    history: VecDeque<(u64, State)>,
    /// Commits before this one must not be undone: somebody was told.
    acknowledged: u64,
    /// Events that run.
    pub(crate) runs: BTreeMap<RunId, Run>,
    runs_ever: u64,
    /// The store failed and could not be read again yet.
    down: bool,
    /// Inputs that must not get lost while the store fails, and when they came.
    kept: Vec<(Now, Input)>,
    /// Answers about events that had ended in a commit whose answer was lost: given when the store is read again.
    late_answers: BTreeMap<Request, String>,
    /// Calls whose callers are gone.
    unheard: BTreeSet<Request>,
    /// Calls that nobody has answered yet.
    pub(crate) open: BTreeSet<Request>,
    turn: turn::Turn,
}

/// A running event.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) attempt: Option<AttemptId>,
    registration: WorkerRegistrationId,
    worker: WorkerId,
    /// The entry, by its number, which no other entry gets; `None` for a tool's event.
    entry: Option<u64>,
    entry_key: state::Key,
    last_chance: bool,
    needs_network: bool,
    deadline: u64,
    /// Host calls that began it.
    requests: Vec<Request>,
    /// Host calls that joined later.
    joined: Vec<Request>,
    /// The disk says that it has begun, but no worker got it: the answer to its commit was lost.
    unreached: bool,
}

impl Model {
    pub(crate) fn new(config: Config) -> Model {
        let state = State::default();
        Model {
            config,
            facts: Facts::default(),
            history: VecDeque::from([(0, state.clone())]),
            state,
            acknowledged: 0,
            runs: BTreeMap::new(),
            runs_ever: 0,
            down: false,
            kept: Vec::new(),
            late_answers: BTreeMap::new(),
            unheard: BTreeSet::new(),
            open: BTreeSet::new(),
            turn: turn::Turn::default(),
        }
    }

    /// Whether the host cannot do its work because its store fails.
    pub(crate) fn is_down(&self) -> bool {
        self.down
    }

    /// The events that run at a worker.
    pub(crate) fn running(&self) -> Vec<AttemptId> {
        let mut running: Vec<AttemptId> = self.runs.values().filter_map(|run| run.attempt).collect();
        running.sort_unstable();
        running
    }

    /// Nobody hears the answer of this call.
    pub(crate) fn forget_caller(&mut self, request: Request) {
        self.unheard.insert(request);
    }

    /// The run with this attempt id.
    pub(crate) fn run_of(&self, attempt: AttemptId) -> Option<RunId> {
        self.runs.iter().find(|(_, run)| run.attempt == Some(attempt)).map(|(id, _)| *id)
    }

    fn now(&self) -> Now {
        self.turn.now
    }
}
