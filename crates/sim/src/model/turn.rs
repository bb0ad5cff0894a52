//! One turn of a host: inputs, one commit, effects.

use super::input::{Input, Request, RunId};
use super::script_call::tag_text;
use super::state::{Key, State, Time};
use super::{Model, Run};
use crate::disk::{Call, Started};
use crate::scenario::SiteFact;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::vec::IntoIter;
use wakeworker::core::{AttemptOutcome, Connection, Dispatch, Now, PermissionName};

/// What was seen of a host from outside during a turn.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Events that reached the worker backend.
    pub(crate) dispatches: Vec<Dispatch>,
    /// Calls that were answered.
    pub(crate) answers: BTreeMap<Request, String>,
    /// The connection of the device at the end of the turn.
    pub(crate) connection: Connection,
    /// The process died in the middle of its commit.
    pub(crate) died: bool,
    /// How many commits are on the disk for certain.
    pub(crate) synced: u64,
}

/// What is known and expected of the present turn.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) now: Now,
    /// The last round before this turn.
    pub(super) round_before: Option<Time>,
    /// Events that the commit says have begun and that are not explained yet.
    started: Vec<Started>,
    /// Events that began, to be dispatched when the commit is done.
    pub(super) begun: Vec<RunId>,
    answers: BTreeMap<Request, String>,
    /// Somebody is told that something durable is done.
    promised: bool,
    complaints: Vec<String>,
}

type Calls = Peekable<IntoIter<Call>>;

impl Model {
    /// Takes a turn. Returns what the host has sent to itself meanwhile, and fails if it did anything unlawful.
    pub(crate) fn turn(
        &mut self,
        now: Now,
        inputs: Vec<Input>,
        calls: Vec<Call>,
        mut seen: Seen,
    ) -> Vec<Input> {
        let mut calls = calls.into_iter().peekable();
        self.turn = Turn { now, round_before: self.state.last_round, ..Turn::default() };
        let mut expected = BTreeMap::new();
        let requests = inputs.iter().filter_map(Input::request);
        self.open.extend(requests.filter(|request| !self.unheard.contains(request)));
        let mut to_itself = Vec::new();
        if self.down && matches!(calls.peek(), Some(Call::Load { .. })) {
            to_itself.extend(self.recover(&mut calls, &mut seen, &mut expected));
        }
        to_itself.extend(self.handle(inputs, &mut calls, &mut seen, &mut expected));
        let rest: Vec<Call> =
            calls.filter(|call| !matches!(call, Call::Commit { only_log: true, .. })).collect();
        assert!(rest.is_empty(), "the store is asked for more than a turn needs: {rest:?}");
        self.check_seen(seen, expected);
        to_itself
    }

    /// The inputs of a turn, their commit, their effects.
    fn handle(
        &mut self,
        inputs: Vec<Input>,
        calls: &mut Calls,
        seen: &mut Seen,
        expected: &mut BTreeMap<Request, String>,
    ) -> Vec<Input> {
        let commit = match calls.peek() {
            Some(Call::Commit { only_log: false, done, ok, started }) if !self.down => {
                Some((*done, *ok, started.clone()))
            }
            _ => None,
        };
        let before = (self.state.clone(), self.runs.clone());
        let requests: Vec<Request> = inputs.iter().filter_map(Input::request).collect();
        let kept = inputs.iter().filter(|input| input.must_be_kept());
        let kept: Vec<(Now, Input)> = kept.map(|input| (self.now(), input.clone())).collect();
        self.begin_step(commit.as_ref().map(|(_, _, started)| started.clone()).unwrap_or_default());
        self.forget_tool_starts(&inputs);
        self.pass_time();
        for input in inputs {
            self.note_fact(&input);
            self.apply(&input);
            self.settle(&input);
        }
        if self.down {
            (self.state, self.runs) = before;
            self.kept.extend(kept);
            self.refuse(requests, expected); // R38: it waits for nothing.
            return Vec::new();
        }
        match commit {
            None => {
                self.check_step(
                    "without a commit",
                    !self.turn.begun.iter().any(|run| self.runs[run].entry.is_some()),
                );
                self.check_unwritten(&before.0);
                self.perform(seen, expected)
            }
            Some((done, true, _)) => {
                assert!(done);
                calls.next();
                self.check_step("", true);
                self.written();
                self.perform(seen, expected)
            }
            Some((done, false, _)) => {
                calls.next();
                self.fail(done, before, kept, expected);
                if seen.died {
                    expected.clear();
                    return Vec::new();
                }
                self.recover(calls, seen, expected)
            }
        }
    }

    /// The store has failed: what waits is refused, unless its event runs on.
    fn fail(
        &mut self,
        done: bool,
        before: (State, BTreeMap<RunId, Run>),
        kept: Vec<(Now, Input)>,
        expected: &mut BTreeMap<Request, String>,
    ) {
        self.down = true;
        let running: Vec<Request> = before
            .1
            .values()
            .filter(|run| run.attempt.is_some())
            .flat_map(|run| run.requests.iter().copied())
            .collect();
        self.lose_step(done, before, kept);
        let refused: Vec<Request> =
            self.open.iter().copied().filter(|request| !running.contains(request)).collect();
        self.refuse(refused, expected);
    }

    /// What a step did is forgotten, or is on the disk although nobody was told.
    fn lose_step(&mut self, done: bool, before: (State, BTreeMap<RunId, Run>), kept: Vec<(Now, Input)>) {
        // If the disk is the same before and after, it makes no difference whether the commit was done.
        if done || self.state.on_disk() == before.0.on_disk() {
            self.check_step("in a commit whose answer was lost", true);
            if done {
                self.history.push_back((self.last_written() + 1, self.state.clone()));
            }
            let ended: Vec<RunId> =
                before.1.keys().copied().filter(|run| !self.runs.contains_key(run)).collect();
            let of_ended: Vec<Request> =
                ended.iter().flat_map(|run| before.1[run].requests.clone()).collect();
            let answers = std::mem::take(&mut self.turn.answers);
            self.late_answers.extend(answers.into_iter().filter(|(request, _)| of_ended.contains(request)));
            let after = std::mem::replace(&mut self.runs, before.1);
            self.runs.retain(|run, _| !ended.contains(run));
            self.kept.clear();
            for (run, begun) in after.into_iter().filter(|(run, _)| self.turn.begun.contains(run)) {
                self.runs.insert(run, Run { unreached: true, ..begun });
                let outcome = AttemptOutcome::NotDispatched; // R54: it does not count as interrupted.
                self.kept.push((self.turn.now, Input::Ended { run, outcome }));
            }
        } else {
            self.runs = before.1;
            self.kept.extend(kept);
        }
        self.state = before.0;
    }

    /// The store is read again. If that works, the host goes on from what is there and what it has kept.
    fn recover(
        &mut self,
        calls: &mut Calls,
        seen: &mut Seen,
        expected: &mut BTreeMap<Request, String>,
    ) -> Vec<Input> {
        match calls.next() {
            Some(Call::Load { ok: true }) => {}
            Some(Call::Load { ok: false }) => return Vec::new(),
            other => panic!("after a failed commit the store is read again, not {other:?}"),
        }
        let Some(Call::Commit { done, ok, only_log, started }) = calls.next() else {
            panic!("what follows from reading the store again is not written");
        };
        for (request, answer) in std::mem::take(&mut self.late_answers) {
            self.open.remove(&request);
            expected.insert(request, answer);
        }
        self.reload(true);
        let before = (self.state.clone(), self.runs.clone());
        self.begin_step(started);
        self.turn.round_before = self.state.last_round;
        self.facts.connection = seen.connection;
        let now = self.now();
        for (at, input) in self.kept.clone() {
            self.turn.now = at; // R91
            self.end_overdue(); // Too late is too late, whoever was away.
            self.apply(&input);
        }
        self.turn.now = now;
        self.look_again(); // All facts are told anew.
        self.pass_time();
        if !ok {
            // Of a step that changes nothing but the log, the disk is as it would have left it.
            self.lose_step(done && !only_log, before, Vec::new());
            return Vec::new();
        }
        self.down = false;
        self.kept.clear();
        self.check_step("in a recovery", true);
        if !only_log {
            self.written();
        }
        self.perform(seen, expected)
    }

    fn begin_step(&mut self, started: Vec<Started>) {
        self.turn.started = started;
        self.turn.begun.clear();
        self.turn.answers.clear();
        self.turn.promised = false;
    }

    /// The effects of a step: answers, and events handed to the workers.
    fn perform(&mut self, seen: &mut Seen, expected: &mut BTreeMap<Request, String>) -> Vec<Input> {
        let mut to_itself = Vec::new();
        for (request, answer) in std::mem::take(&mut self.turn.answers) {
            self.open.remove(&request);
            expected.insert(request, answer);
        }
        for id in std::mem::take(&mut self.turn.begun) {
            let Some(run) = self.runs.get_mut(&id) else { continue };
            if run.needs_network && !seen.connection.is_online() {
                // R54: the news of the lost connection is on its way.
                to_itself.push(Input::Network(Connection::None));
                to_itself.push(Input::Ended { run: id, outcome: AttemptOutcome::NotDispatched });
                continue;
            }
            let (_, kind, tag) = run.entry_key;
            let found = seen.dispatches.iter().position(|event| {
                (event.registration, event.worker, event.kind) == (run.registration, run.worker, kind)
                    && event.tag.to_string_lossy() == tag_text(tag)
                    && event.last_chance == run.last_chance
            });
            match found {
                Some(index) => run.attempt = Some(seen.dispatches.remove(index).attempt),
                None => panic!("this event is not dispatched: {run:?}\ndispatched are {:?}", seen.dispatches),
            }
        }
        to_itself
    }

    fn written(&mut self) {
        self.history.push_back((self.last_written() + 1, self.state.clone()));
        if self.turn.promised {
            self.acknowledged = self.last_written();
        }
    }

    fn check_step(&mut self, when: &str, complete: bool) {
        let complaints = std::mem::take(&mut self.turn.complaints);
        assert!(complaints.is_empty() && complete, "{when}: {}", complaints.join("\n"));
        let started = &self.turn.started;
        assert!(started.is_empty(), "{when}: events that must not begin: {started:?} in {:#?}", self.state);
    }

    /// What nobody wrote must be as it was.
    fn check_unwritten(&self, before: &State) {
        let (was, is) = (before.on_disk(), self.state.on_disk());
        assert_eq!(was, is, "this is told and not written");
    }

    fn check_seen(&mut self, seen: Seen, expected: BTreeMap<Request, String>) {
        assert!(seen.dispatches.is_empty(), "events that must not be dispatched: {:?}", seen.dispatches);
        if seen.died {
            let told: Vec<_> = seen.answers.iter().filter(|(_, answer)| *answer != "UnknownError").collect();
            assert!(told.is_empty(), "told before it was durable: {told:?}");
        } else {
            assert_eq!(seen.answers, expected, "the answers");
        }
        assert!(self.acknowledged <= seen.synced, "told before it was synced: {seen:?}");
        while self.history.len() > 1 && self.history[1].0 <= seen.synced {
            self.history.pop_front();
        }
    }

    fn refuse(&mut self, requests: Vec<Request>, expected: &mut BTreeMap<Request, String>) {
        for request in requests {
            if self.open.remove(&request) {
                expected.insert(request, "UnknownError".into()); // R36
            }
        }
    }

    /// Facts are remembered whatever becomes of the step.
    fn note_fact(&mut self, input: &Input) {
        match input {
            Input::Opened(site, frame) => self.facts.site_mut(*site).opened(*frame),
            Input::Closed(site, frame) => self.facts.site_mut(*site).closed(*frame),
            Input::Network(connection) => self.facts.connection = *connection,
            Input::Power(power) => self.facts.power = *power,
            Input::Permission(site, name, granted) => self.facts.site_mut(*site).grant(*name, *granted),
            Input::State(site, fact) => {
                let facts = self.facts.site_mut(*site);
                match *fact {
                    SiteFact::Reachable(reachable) => facts.reachable = reachable,
                    SiteFact::Engagement(extra) => facts.extra = extra,
                    SiteFact::ActiveUse(active) => facts.in_use = active,
                    SiteFact::WithoutWindow(allowed) => facts.without_window = allowed,
                }
            }
            Input::HoldOffline(registration, on) => {
                let holds = self.facts.held_offline.entry(*registration).or_default();
                *holds = if *on { *holds + 1 } else { holds.saturating_sub(1) };
            }
            _ => {}
        }
    }

    fn apply(&mut self, input: &Input) {
        match input {
            Input::RegisterOneShot { request, slot, tag } => self.register_one_shot(*request, *slot, *tag),
            Input::RegisterPeriodic { request, slot, tag, min_interval_ms } => {
                self.register_periodic(*request, *slot, *tag, *min_interval_ms);
            }
            Input::Unregister { request, entry } => {
                self.unregister(*request, (entry.slot, entry.kind, entry.tag));
            }
            Input::GetTags { request, slot, kind } => self.get_tags(*request, *slot, *kind),
            Input::AddWorker { request, slot } => self.add_worker(*request, *slot),
            Input::RemoveWorker { request, slot } => self.remove_worker(*request, *slot),
            Input::ClearOrigin { request, site } => self.clear_origin(*request, *site),
            Input::Worker { slot, active } => self.worker_changed(*slot, *active),
            Input::Permission(site, PermissionName::PeriodicBackgroundSync, false) => {
                self.withdraw_periodic(*site);
            }
            Input::Network(_) => self.look_again(), // R56
            Input::Ended { run, outcome } => self.end(*run, outcome),
            Input::DispatchPeriodic { .. } => self.dispatch_periodic(input),
            Input::Fire { request, entry, known: true } => {
                self.fire_for_host(*request, (entry.slot, entry.kind, entry.tag));
            }
            Input::Cancel { request, entry, known: true } => {
                self.cancel(*request, (entry.slot, entry.kind, entry.tag));
            }
            Input::Fire { request, .. } | Input::Cancel { request, .. } => {
                self.answer(*request, "NotFoundError");
            }
            Input::Tool { request, entry, last_chance } => {
                self.tool(*request, (entry.slot, entry.kind, entry.tag), *last_chance);
            }
            Input::FireDue { request } => self.fire_due(*request),
            _ => {}
        }
    }

    pub(super) fn answer(&mut self, request: Request, answer: &str) {
        if self.open.contains(&request) {
            self.turn.answers.insert(request, answer.to_owned());
        }
    }

    /// Somebody is told that something durable is done.
    pub(super) fn promise(&mut self) {
        self.turn.promised = true;
    }

    pub(super) fn complain(&mut self, complaint: String) {
        self.turn.complaints.push(complaint);
    }

    /// Whether the commit says that an event of this entry has begun, in a round or otherwise.
    pub(super) fn has_started(&self, key: Key, of_round: bool) -> bool {
        self.start_index(key, of_round).is_some()
    }

    /// An event begins: the commit must say so.
    pub(super) fn note_start(&mut self, key: Key, of_round: bool) {
        match self.start_index(key, of_round) {
            Some(index) => drop(self.turn.started.swap_remove(index)),
            None => self
                .complain(format!("the event of {key:?} should begin now: {:#?}", self.state.entries[&key])),
        }
    }

    fn start_index(&self, (slot, kind, tag): Key, of_round: bool) -> Option<usize> {
        let registration = self.state.workers.get(&slot)?.id?;
        let wanted = Started { registration, kind, tag: tag_text(tag), of_round };
        self.turn.started.iter().position(|started| *started == wanted)
    }

    /// A tool's event has no entry, but its line in the log looks like any other.
    fn forget_tool_starts(&mut self, inputs: &[Input]) {
        for input in inputs {
            if let Input::Tool { entry, .. } = input
                && let Some(index) = self.start_index((entry.slot, entry.kind, entry.tag), false)
            {
                self.turn.started.swap_remove(index);
            }
        }
    }
}
