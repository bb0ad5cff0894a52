//! What happened in a run: raw facts, of which the report and the pictures are made.

use super::scenario::Server;
use wakeworker_core::{Connection, FailureReason, Power, SyncKind, Tag};

/// Everything that happened, times in milliseconds since the start.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) lines: Vec<Line>,
    /// From when on which connection; never two equal ones in a row.
    pub(crate) connections: Vec<(u64, Connection)>,
    pub(crate) powers: Vec<(u64, Power)>,
    /// From when on the device was on (true) or off.
    pub(crate) device: Vec<(u64, bool)>,
    /// By app.
    pub(crate) servers: Vec<Vec<(u64, Server)>>,
    pub(crate) visits: Vec<VisitSpan>,
    /// Visits that did not take place because the device was off.
    pub(crate) visits_missed: usize,
    pub(crate) entries: Vec<EntryHistory>,
    pub(crate) items: Vec<Item>,
    pub(crate) wakeups: Vec<Wake>,
}

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) at: u64,
    pub(crate) app: Option<usize>,
    /// A word for programs, such as `fired`.
    pub(crate) kind: &'static str,
    /// A sentence for people.
    pub(crate) text: String,
}

/// A page was open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VisitSpan {
    pub(crate) app: usize,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// One tag of one app and kind, through all its registrations.
#[derive(Clone, Debug)]
pub(crate) struct EntryHistory {
    pub(crate) app: usize,
    pub(crate) kind: SyncKind,
    pub(crate) tag: Tag,
    pub(crate) marks: Vec<(u64, Mark)>,
}

/// What happened to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Registered,
    /// Registered again while it was there.
    Reregistered,
    Fired {
        background: bool,
    },
    Succeeded,
    Failed {
        reason: FailureReason,
        again_after_ms: Option<u64>,
    },
    /// Chosen, but the network was gone.
    NotDispatched,
    /// The host ended in the middle of it.
    Interrupted,
    /// Removed after its last attempt.
    GaveUp,
    /// Removed by the script, or with its origin.
    Removed,
    /// The origin's engagement says that nothing fires for now.
    Suspended,
    Revived,
}

/// A piece of work that somebody wants done: a registration of a page, or a request that must reach its server.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) app: usize,
    pub(crate) name: String,
    pub(crate) made: u64,
    /// When the page that made it was closed.
    pub(crate) page_closed: u64,
    pub(crate) fate: Fate,
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Waiting,
    Done(u64),
    /// Given up after the last attempt, or refused for good.
    GivenUp(u64),
}

/// The engine woke the machine by its own timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wake {
    pub(crate) at: u64,
    pub(crate) reason: &'static str,
}

impl History {
    /// Appends to the timeline.
    pub(crate) fn line(&mut self, at: u64, app: Option<usize>, kind: &'static str, text: impl Into<String>) {
        self.lines.push(Line { at, app, kind, text: text.into() });
    }
}

impl EntryHistory {
    /// How many marks are of a kind.
    pub(crate) fn count(&self, wanted: impl Fn(&Mark) -> bool) -> usize {
        self.marks.iter().filter(|(_, mark)| wanted(mark)).count()
    }
}

/// Appends to a list of turns unless it changes nothing; a turn at the same moment replaces the one before.
pub(crate) fn turn<T: PartialEq>(turns: &mut Vec<(u64, T)>, at: u64, to: T) {
    if turns.last().is_some_and(|(last, _)| *last == at) {
        turns.pop();
    }
    if turns.last().is_none_or(|(_, last)| *last != to) {
        turns.push((at, to));
    }
}

/// The value at a moment.
pub(crate) fn at<T: Copy>(turns: &[(u64, T)], moment: u64) -> Option<T> {
    let next = turns.partition_point(|(from, _)| *from <= moment);
    next.checked_sub(1).map(|index| turns[index].1)
}

/// The spans in which the value is as wanted, up to `end`.
pub(crate) fn spans<T: Copy>(turns: &[(u64, T)], end: u64, wanted: impl Fn(T) -> bool) -> Vec<(u64, u64)> {
    let mut found: Vec<(u64, u64)> = Vec::new();
    for (index, (from, value)) in turns.iter().enumerate() {
        let to = turns.get(index + 1).map_or(end, |(next, _)| *next);
        if !wanted(*value) || *from >= to {
            continue;
        }
        match found.last_mut() {
            Some(last) if last.1 == *from => last.1 = to,
            _ => found.push((*from, to)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_kept_only_where_something_changes() {
        let mut turns = Vec::new();
        for (moment, value) in [(0, 'a'), (5, 'a'), (7, 'b'), (7, 'a'), (9, 'b'), (9, 'c')] {
            turn(&mut turns, moment, value);
        }
        assert_eq!(turns, [(0, 'a'), (9, 'c')]);
        assert_eq!((at(&turns, 8), at(&turns, 9)), (Some('a'), Some('c')));
        assert_eq!(at(&turns[1..], 8), None);
    }

    #[test]
    fn spans_of_equal_worth_are_one() {
        let turns = [(0, 1), (5, 2), (7, 3), (9, 1)];
        assert_eq!(spans(&turns, 20, |value| value != 1), [(5, 9)]);
        assert_eq!(spans(&turns, 20, |value| value == 1), [(0, 5), (9, 20)]);
    }
}
