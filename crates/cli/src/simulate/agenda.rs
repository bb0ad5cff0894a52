//! What is going to happen, in order of time; equal times in the order in which they were noted.

use super::draw::Draw;
use super::scenario::{Device, Link, Scenario, ServerTurn, Turn, What};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;
use wakeworker_core::{AttemptId, Power};

/// Something that the world does.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Network(Link),
    /// A flaky network turns; only if it is still the same stretch of flakiness.
    Flap {
        stretch: u32,
        online: bool,
    },
    Power(Power),
    Device(Device),
    Server(ServerTurn),
    VisitBegins {
        visit: usize,
        closes: u64,
    },
    VisitEnds {
        page: u64,
    },
    Act {
        page: u64,
        app: usize,
        what: What,
    },
    /// An event of an app without script ends.
    AttemptEnds(AttemptId),
    /// A server answers, or fails to.
    ExchangeEnds(u64),
}

/// The agenda of a run.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    due: BinaryHeap<Due>,
    noted: u64,
}

#[derive(Debug)]
struct Due {
    at: u64,
    serial: u64,
    event: Event,
}

/// Most things that a scenario may plan: a simulation of millions of visits tells nobody anything.
pub(crate) const EVENTS_MAX: usize = 2_000_000;

/// How far back daily turns are looked for, to know how the world is at the start.
const BEFORE_MS: i64 = 8 * 86_400_000;

impl Agenda {
    /// Everything that the scenario itself plans. The turns that were last before the start come at the start.
    pub(crate) fn of(scenario: &Scenario, draw: Draw) -> Result<Agenda, String> {
        let mut agenda = Agenda::default();
        agenda.plan(scenario, &scenario.device, draw.named("device"), Event::Device)?;
        agenda.plan(scenario, &scenario.network, draw.named("network"), Event::Network)?;
        agenda.plan(scenario, &scenario.power, draw.named("power"), Event::Power)?;
        agenda.plan(scenario, &scenario.server, draw.named("server"), Event::Server)?;
        for (index, visit) in scenario.visits.iter().enumerate() {
            let draw = draw.named("visit").with(index as u64);
            for moment in agenda.moments(scenario, &visit.when, 0, draw)? {
                let at = moment.cast_unsigned();
                let closes = at.saturating_add(visit.lasts.draw(draw.named("lasts").with(at)));
                agenda.note(at, Event::VisitBegins { visit: index, closes });
            }
        }
        Ok(agenda)
    }

    /// Notes what is going to happen.
    pub(crate) fn note(&mut self, at: u64, event: Event) {
        self.noted += 1;
        self.due.push(Due { at, serial: self.noted, event });
    }

    /// When the next thing happens.
    pub(crate) fn next_at(&self) -> Option<u64> {
        self.due.peek().map(|due| due.at)
    }

    /// The next thing, if it happens at `now` or before.
    pub(crate) fn pop(&mut self, now: u64) -> Option<Event> {
        if self.next_at()? > now {
            return None;
        }
        self.due.pop().map(|due| due.event)
    }

    fn plan<T: Clone>(
        &mut self,
        scenario: &Scenario,
        turns: &[Turn<T>],
        draw: Draw,
        event: impl Fn(T) -> Event,
    ) -> Result<(), String> {
        let mut all: Vec<(i64, usize)> = Vec::new();
        for (index, turn) in turns.iter().enumerate() {
            let moments = self.moments(scenario, &turn.when, -BEFORE_MS, draw.with(index as u64))?;
            all.extend(moments.into_iter().map(|moment| (moment, index)));
        }
        // At the same moment the later one in the file counts.
        all.sort_unstable();
        for (moment, index) in all {
            // What was before the start is so at the start, in its order.
            self.note(moment.max(0).cast_unsigned(), event(turns[index].to.clone()));
        }
        Ok(())
    }

    fn moments(
        &self,
        scenario: &Scenario,
        when: &super::scenario::When,
        first: i64,
        draw: Draw,
    ) -> Result<Vec<i64>, String> {
        let range: Range<i64> = first..scenario.duration_ms.cast_signed();
        let left = EVENTS_MAX.saturating_sub(self.due.len());
        let moments = when.moments(scenario.start_ms, &range, draw, left);
        if moments.len() > left {
            return Err(format!(
                "the scenario plans more than {EVENTS_MAX} visits and turns of the world; shorten `duration`, or make \
                 an `every` longer"
            ));
        }
        Ok(moments)
    }
}

impl Ord for Due {
    /// The heap gives the greatest first, so the earliest is the greatest.
    fn cmp(&self, other: &Due) -> Ordering {
        (other.at, other.serial).cmp(&(self.at, self.serial))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.serial == other.serial
    }
}

impl Eq for Due {}
