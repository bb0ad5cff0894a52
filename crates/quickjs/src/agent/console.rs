//! Console lines with their limits.

use crate::clock::{Moment, Time};
use std::cell::{Cell, RefCell};
use std::time::Duration;
use wakeworker_core::WorkerId;

/// What a worker printed, or what went wrong in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleLine {
    /// Which worker.
    pub worker: WorkerId,
    /// How serious it is.
    pub level: ConsoleLevel,
    /// The text; may have several lines.
    pub text: String,
}

/// The console's levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsoleLevel {
    /// `console.debug`.
    Debug,
    /// `console.log`.
    Log,
    /// `console.info`.
    Info,
    /// `console.warn`, and limits that were reached.
    Warn,
    /// `console.error`, uncaught exceptions and unhandled rejections.
    Error,
}

impl ConsoleLevel {
    /// The method's name.
    pub fn name(self) -> &'static str {
        match self {
            ConsoleLevel::Debug => "debug",
            ConsoleLevel::Log => "log",
            ConsoleLevel::Info => "info",
            ConsoleLevel::Warn => "warn",
            ConsoleLevel::Error => "error",
        }
    }

    pub(crate) fn from_name(name: &str) -> ConsoleLevel {
        match name {
            "debug" => ConsoleLevel::Debug,
            "info" => ConsoleLevel::Info,
            "warn" => ConsoleLevel::Warn,
            "error" => ConsoleLevel::Error,
            _ => ConsoleLevel::Log,
        }
    }
}

/// The console of one running worker.
pub(crate) struct Console {
    worker: WorkerId,
    line_bytes_max: usize,
    lines_per_second_max: u32,
    time: Time,
    second: Cell<Moment>,
    lines: Cell<u32>,
    dropped: Cell<u32>,
    out: RefCell<Box<dyn FnMut(ConsoleLine)>>,
}

impl Console {
    pub(crate) fn new(
        worker: WorkerId,
        line_bytes_max: usize,
        lines_per_second_max: u32,
        time: Time,
        out: impl FnMut(ConsoleLine) + 'static,
    ) -> Console {
        Console {
            worker,
            line_bytes_max,
            lines_per_second_max,
            second: Cell::new(time.now()),
            time,
            lines: Cell::new(0),
            dropped: Cell::new(0),
            out: RefCell::new(Box::new(out)),
        }
    }

    /// Prints a line, if the worker has not printed too many.
    pub(crate) fn print(&self, level: ConsoleLevel, mut text: String) {
        let now = self.time.now();
        if now.saturating_duration_since(self.second.get()) >= Duration::from_secs(1) {
            self.second.set(now);
            self.lines.set(0);
            let dropped = self.dropped.replace(0);
            if dropped > 0 {
                self.emit(
                    ConsoleLevel::Warn,
                    format!("{dropped} console lines were dropped: too many per second"),
                );
            }
        }
        if self.lines.get() >= self.lines_per_second_max {
            self.dropped.set(self.dropped.get().saturating_add(1));
            return;
        }
        self.lines.set(self.lines.get() + 1);
        if text.len() > self.line_bytes_max {
            let mut end = self.line_bytes_max;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            let cut = text.len() - end;
            text.truncate(end);
            text.push_str(&format!("… ({cut} more bytes)"));
        }
        self.emit(level, text);
    }

    /// Says at the end what was never shown.
    pub(crate) fn close(&self) {
        let dropped = self.dropped.replace(0);
        if dropped > 0 {
            self.emit(
                ConsoleLevel::Warn,
                format!("{dropped} console lines were dropped: too many per second"),
            );
        }
    }

    fn emit(&self, level: ConsoleLevel, text: String) {
        if let Ok(mut out) = self.out.try_borrow_mut() {
            out(ConsoleLine { worker: self.worker, level, text });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn long_lines_are_cut_at_a_character_and_floods_are_counted() {
        let lines = Rc::new(RefCell::new(Vec::new()));
        let seen = lines.clone();
        let console =
            Console::new(WorkerId(1), 5, 3, Time::default(), move |line| seen.borrow_mut().push(line.text));
        console.print(ConsoleLevel::Log, "ééé".to_owned());
        for n in 0..5 {
            console.print(ConsoleLevel::Log, n.to_string());
        }
        console.close();
        let lines = lines.borrow();
        assert_eq!(lines[0], "éé… (2 more bytes)");
        assert_eq!(lines[1..3], ["0", "1"]);
        assert_eq!(lines[3], "3 console lines were dropped: too many per second");
    }
}
