//! Everything that the program prints goes through here: results to standard output, remarks to standard error,
//! colours only where a terminal shows them.

use crate::failure::Failure;
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, Write};

/// What an error begins with.
const ERROR: Style = AnsiColor::Red.on_default().bold();
/// What a warning begins with.
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// Column headings and labels.
const HEADING: Style = Style::new().bold();

/// Prints one line of a result.
///
/// A reader that has gone away (`wakeworker log | head`) ends the program quietly, as the reader wished.
pub(crate) fn line(text: impl Display) -> Result<(), Failure> {
    finish(writeln!(anstream::stdout().lock(), "{text}"))
}

/// Prints one JSON object on a line of its own.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value)
        .map_err(|e| Failure::new(format!("the result cannot be written as JSON: {e}")))?;
    line(text)
}

/// Prints aligned columns below headings; the last column may be as long as it likes.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
    let mut widths = headings.map(|h| h.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    push_row(&mut text, &headings.map(str::to_owned), &widths, HEADING);
    for row in rows {
        push_row(&mut text, row, &widths, Style::new());
    }
    finish(write!(anstream::stdout().lock(), "{text}"))
}

/// Says what went wrong. Nobody can be told if standard error is closed, so that failure is dropped.
pub(crate) fn error(text: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{ERROR}error:{ERROR:#} {text}");
}

/// Says what is unusual but not in the way.
pub(crate) fn warning(text: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{WARNING}warning:{WARNING:#} {text}");
}

/// Says something by the way, where it is not part of the result.
pub(crate) fn remark(text: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Text from elsewhere (scripts, sites) made safe for a terminal: control characters become visible escapes.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// The same for text of several lines, which stay lines.
pub(crate) fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Shortens text from elsewhere to `max` characters.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn push_row<const N: usize>(text: &mut String, row: &[String; N], widths: &[usize; N], style: Style) {
    let mut line = String::new();
    for (i, cell) in row.iter().enumerate() {
        line.push_str(cell);
        if i + 1 < N {
            let gap = widths[i].saturating_sub(cell.chars().count()) + 2;
            line.extend(std::iter::repeat_n(' ', gap));
        }
    }
    text.push_str(&format!("{style}{}{style:#}\n", line.trim_end()));
}

fn finish(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Err(Failure::shown()),
        Err(e) => Err(Failure::new(format!("cannot write to standard output: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_script_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(printable("über 😀"), "über 😀");
        assert_eq!(shortened("äöü", 2), "äö…");
        assert_eq!(shortened("äöü", 3), "äöü");
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_trailing_space() {
        let mut text = String::new();
        push_row(&mut text, &["a".into(), String::new()], &[4, 3], Style::new());
        push_row(&mut text, &["äöüß".into(), "x".into()], &[4, 3], Style::new());
        assert_eq!(text, "a\näöüß  x\n");
    }
}
