//! MIME types of scripts, and their text.

/// Whether a Content-Type is a JavaScript MIME type (MIME Sniffing standard).
pub(crate) fn is_javascript(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(
        essence.as_str(),
        "application/ecmascript"
            | "application/javascript"
            | "application/x-ecmascript"
            | "application/x-javascript"
            | "text/ecmascript"
            | "text/javascript"
            | "text/javascript1.0"
            | "text/javascript1.1"
            | "text/javascript1.2"
            | "text/javascript1.3"
            | "text/javascript1.4"
            | "text/javascript1.5"
            | "text/jscript"
            | "text/livescript"
            | "text/x-ecmascript"
            | "text/x-javascript"
    )
}

/// The text of a script: UTF-8 without its byte order mark, malformed parts replaced ("UTF-8 decode").
pub(crate) fn decode_script(bytes: &[u8]) -> String {
    encoding_rs::UTF_8.decode_with_bom_removal(bytes).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R158
    fn only_javascript_types_are_scripts() {
        assert!(is_javascript("text/javascript; charset=utf-8"));
        assert!(is_javascript(" Application/JavaScript "));
        assert!(!is_javascript("text/plain"));
        assert!(!is_javascript("text/javascriptx"));
        assert!(!is_javascript(""));
        assert_eq!(decode_script(b"\xEF\xBB\xBFa\xFF"), "a\u{FFFD}");
    }
}
