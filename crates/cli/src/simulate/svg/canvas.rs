//! Writing SVG: shapes with tooltips, text that is escaped.

use std::collections::HashSet;
use std::fmt::Write;

/// SVG under construction.
#[derive(Default)]
pub(super) struct Canvas {
    text: String,
    /// Marks that were drawn, by class and place: a second one on the same pixel shows nothing.
    drawn: HashSet<(&'static str, i64, i64)>,
}

impl Canvas {
    /// A bar, at least wide enough to be seen.
    pub(super) fn bar(&mut self, class: &str, x: (f64, f64), y: f64, height: f64, tip: &str) {
        let width = (x.1 - x.0).max(1.5);
        let radius = if width < 4.0 { 0.5 } else { (height / 2.0).min(3.0) };
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{radius}\"",
            x.0
        ));
        self.end("rect", tip);
    }

    /// A rectangle with sharp corners and no words.
    pub(super) fn area(&mut self, class: &str, x: (f64, f64), y: (f64, f64)) {
        let (width, height) = ((x.1 - x.0).max(0.5), y.1 - y.0);
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>\n",
            x.0, y.0
        ));
    }

    /// A card behind text.
    pub(super) fn card(&mut self, x: f64, y: f64, width: f64, height: f64) {
        self.push(format_args!(
            "<rect class=\"card\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"10\"/>\n"
        ));
    }

    /// A straight line.
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64), tip: &str) {
        self.push(format_args!(
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"",
            from.0, from.1, to.0, to.1
        ));
        self.end("line", tip);
    }

    /// A disc.
    pub(super) fn disc(&mut self, class: &'static str, x: f64, y: f64, radius: f64, tip: &str) {
        if self.is_new(class, x, y) {
            self.push(format_args!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\""));
            self.end("circle", tip);
        }
    }

    /// A cross.
    pub(super) fn cross(&mut self, x: f64, y: f64, tip: &str) {
        if self.is_new("cross", x, y) {
            let (left, right, top, bottom) = (x - 3.5, x + 3.5, y - 3.5, y + 3.5);
            self.push(format_args!(
                "<path class=\"cross\" d=\"M{left:.1} {top:.1}L{right:.1} {bottom:.1}M{left:.1} {bottom:.1}L{right:.1} \
                 {top:.1}\""
            ));
            self.end("path", tip);
        }
    }

    /// A square that stands on its corner.
    pub(super) fn diamond(&mut self, class: &'static str, x: f64, y: f64, tip: &str) {
        if self.is_new(class, x, y) {
            self.push(format_args!("<path class=\"{class}\" d=\"M{x:.1} {:.1}l4 4l-4 4l-4 -4z\"", y - 4.0));
            self.end("path", tip);
        }
    }

    /// Text from `x` to the right.
    pub(super) fn text(&mut self, class: &str, x: f64, y: f64, words: &str) {
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>\n",
            escape(words)
        ));
    }

    /// Text around `x`.
    pub(super) fn centred(&mut self, class: &str, x: f64, y: f64, words: &str) {
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>\n",
            escape(words)
        ));
    }

    /// Text that ends at `x`.
    pub(super) fn ending(&mut self, class: &str, x: f64, y: f64, words: &str) {
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>\n",
            escape(words)
        ));
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn is_new(&mut self, class: &'static str, x: f64, y: f64) -> bool {
        self.drawn.insert((class, x.round() as i64, y.round() as i64))
    }

    fn end(&mut self, element: &str, tip: &str) {
        if tip.is_empty() {
            self.push(format_args!("/>\n"));
        } else {
            self.push(format_args!("><title>{}</title></{element}>\n", escape(tip)));
        }
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(text);
    }
}

/// Text for XML and HTML: what has a meaning there is escaped, what is not allowed there is left out.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_scenarios_and_scripts_cannot_become_markup() {
        assert_eq!(escape("<b a=\"1\">&\u{0}\u{1b}\n"), "&lt;b a=&quot;1&quot;&gt;&amp; ");
        let mut canvas = Canvas::default();
        canvas.text("a", 0.0, 0.0, "</text><script>");
        canvas.disc("good", 1.0, 1.0, 3.0, "<x>");
        canvas.disc("good", 1.2, 1.0, 3.0, "the same pixel");
        let text = canvas.into_text();
        assert!(!text.contains("<script") && !text.contains("<x>") && !text.contains("same pixel"), "{text}");
    }
}
