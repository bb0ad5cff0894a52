//! Puts the page script into HTML while it streams by.
//!
//! The script must run before anything of the page. The only things that can stand before `<head>` are a byte order
//! mark, white space, comments, the doctype and `<html>`; whatever else comes first opens the head implicitly (HTML
//! standard, "before head"). So the tag goes right after `<head …>`, or before the first thing that is none of these.
//! All of that is ASCII in every encoding that is served as HTML except UTF-16, which is left alone.

use bytes::{Bytes, BytesMut};

/// How much may stand before the head; a page with more is passed on as it is.
const PROLOGUE_BYTES_MAX: usize = 16 * 1024;

/// One document on its way to a page.
#[derive(Debug)]
pub(crate) struct Injector {
    /// What is to be inserted; `None` when that is done or given up.
    tag: Option<String>,
    /// What has come so far, while the place is not known.
    held: BytesMut,
}

/// Where the tag belongs.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    At(usize),
    /// More bytes are needed.
    Unknown,
    /// Not in this document.
    Nowhere,
}

impl Injector {
    /// Will insert `tag`.
    pub(crate) fn new(tag: String) -> Injector {
        Injector { tag: Some(tag), held: BytesMut::new() }
    }

    /// Takes a part of the document and gives what can be sent on, which may be nothing yet.
    pub(crate) fn push(&mut self, part: Bytes) -> Bytes {
        let Some(tag) = &self.tag else { return part };
        self.held.extend_from_slice(&part);
        let place = match find_place(&self.held) {
            Place::Unknown if self.held.len() > PROLOGUE_BYTES_MAX => Place::Nowhere,
            place => place,
        };
        match place {
            Place::Unknown => return Bytes::new(),
            Place::Nowhere => {}
            Place::At(index) => {
                let rest = self.held.split_off(index);
                self.held.extend_from_slice(tag.as_bytes());
                self.held.unsplit(rest);
            }
        }
        self.tag = None;
        self.held.split().freeze()
    }

    /// The document is over: gives what was still held, with the tag at its end if its place never came.
    pub(crate) fn finish(&mut self) -> Bytes {
        if let Some(tag) = self.tag.take()
            && !starts_with_utf16_mark(&self.held)
        {
            self.held.extend_from_slice(tag.as_bytes());
        }
        self.held.split().freeze()
    }
}

fn find_place(html: &[u8]) -> Place {
    if starts_with_utf16_mark(html) {
        return Place::Nowhere;
    }
    let mut at = match html {
        [0xEF, 0xBB, 0xBF, ..] => 3,
        [] | [0xEF] | [0xEF, 0xBB] | [0xFE] | [0xFF] => return Place::Unknown,
        _ => 0,
    };
    loop {
        while html.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        let rest = &html[at..];
        let Some(length) = prologue_length(rest) else {
            return if may_become_prologue(rest) { Place::Unknown } else { Place::At(at) };
        };
        let Some(length) = length else { return Place::Unknown };
        at += length;
        if is_tag(rest, b"head") {
            return Place::At(at);
        }
    }
}

/// The length of the comment, doctype, `<html …>` or `<head …>` at the start; `Some(None)` if its end has not come yet.
fn prologue_length(html: &[u8]) -> Option<Option<usize>> {
    if html.starts_with(b"<!--") {
        // `<!-->` and `<!--->` are comments that end at once.
        return Some(find(&html[2..], b"-->").map(|end| 2 + end + 3));
    }
    if html.starts_with(b"<!") && !b"<!--".starts_with(html) || html.starts_with(b"<?") {
        return Some(html.iter().position(|&b| b == b'>').map(|end| end + 1));
    }
    (is_tag(html, b"html") || is_tag(html, b"head")).then(|| tag_end(html))
}

/// Whether more bytes could make the beginning one of the things that may stand before the head.
fn may_become_prologue(rest: &[u8]) -> bool {
    let is_start_of =
        |whole: &[u8]| rest.len() <= whole.len() && whole[..rest.len()].eq_ignore_ascii_case(rest);
    [&b"<!--"[..], b"<?", b"<html", b"<head"].into_iter().any(is_start_of)
}

/// Whether this is a start tag with exactly this name (`<header>` is not `<head>`).
fn is_tag(html: &[u8], name: &[u8]) -> bool {
    html.len() > name.len() + 1
        && html[0] == b'<'
        && html[1..=name.len()].eq_ignore_ascii_case(name)
        && matches!(html[name.len() + 1], b'>' | b'/' | b' ' | b'\t' | b'\n' | b'\r' | 0x0C)
}

/// The length of a start tag; a `>` inside a quoted attribute value does not end it.
fn tag_end(html: &[u8]) -> Option<usize> {
    let mut quote = None;
    let mut after_equals = false;
    for (index, &byte) in html.iter().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None => match byte {
                b'>' => return Some(index + 1),
                b'"' | b'\'' if after_equals => quote = Some(byte),
                _ => {}
            },
        }
        if !byte.is_ascii_whitespace() {
            after_equals = byte == b'=';
        }
    }
    None
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn starts_with_utf16_mark(html: &[u8]) -> bool {
    matches!(html, [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a document whole and byte by byte; both must give the same.
    fn inject(html: &[u8]) -> String {
        let mut whole = Injector::new("<S>".into());
        let mut result = whole.push(Bytes::copy_from_slice(html)).to_vec();
        result.extend_from_slice(&whole.finish());
        let mut bytewise = Injector::new("<S>".into());
        let mut second = Vec::new();
        for byte in html {
            second.extend_from_slice(&bytewise.push(Bytes::copy_from_slice(&[*byte])));
        }
        second.extend_from_slice(&bytewise.finish());
        assert_eq!(result, second, "cut into single bytes");
        String::from_utf8_lossy(&result).into_owned()
    }

    #[test]
    fn the_script_is_the_first_thing_in_the_head() {
        for (html, expected) in [
            ("<!doctype html><html><head><title>x", "<!doctype html><html><head><S><title>x"),
            ("<HTML lang='>'>\n<HEAD data-x=\"a>b\" >y", "<HTML lang='>'>\n<HEAD data-x=\"a>b\" ><S>y"),
            ("<!-- <head> --><html><head>", "<!-- <head> --><html><head><S>"),
            ("<!--><html>", "<!--><html><S>"),
            ("<!DOCTYPE html>\n<title>x</title>", "<!DOCTYPE html>\n<S><title>x</title>"),
            ("<html><header>x", "<html><S><header>x"),
            ("<script>1</script>", "<S><script>1</script>"),
            ("just text", "<S>just text"),
            ("<p title=\"<head>\">", "<S><p title=\"<head>\">"),
            ("<?xml version='1.0'?><html><head/>", "<?xml version='1.0'?><html><head/><S>"),
            ("<html a=it's><head>", "<html a=it's><head><S>"),
            ("<!doctype html>", "<!doctype html><S>"),
            ("<ht", "<ht<S>"),
            ("", "<S>"),
            ("\u{feff}<!doctype html><head>", "\u{feff}<!doctype html><head><S>"),
        ] {
            assert_eq!(inject(html.as_bytes()), expected, "{html}");
        }
    }

    #[test]
    fn bytes_of_other_encodings_pass_unchanged() {
        let latin1 = b"<head><title>\xE9\xFF</title>";
        let mut injector = Injector::new("<S>".into());
        assert_eq!(&injector.push(Bytes::from_static(latin1))[..], b"<head><S><title>\xE9\xFF</title>");
        for utf16 in [&b"\xFF\xFE<\0h\0"[..], b"\xFE\xFF\0<\0h"] {
            let mut injector = Injector::new("<S>".into());
            assert_eq!(injector.push(Bytes::copy_from_slice(utf16)), utf16);
            assert_eq!(injector.finish(), "");
        }
    }

    #[test]
    fn an_endless_prologue_is_passed_on_as_it_is() {
        let comment = format!("<!--{}", " ".repeat(PROLOGUE_BYTES_MAX));
        let mut injector = Injector::new("<S>".into());
        assert_eq!(injector.push(Bytes::from(comment.clone())), comment);
        assert_eq!(injector.finish(), "");
    }
}
