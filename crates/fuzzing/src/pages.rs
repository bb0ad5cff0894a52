//! What a page says over its WebSocket.

use crate::protocol::PageMessage;

/// Anything is a message or an error. Nothing that is read is much larger than it was.
pub fn page_message(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(message) = serde_json::from_str::<PageMessage>(text) {
        assert!(
            format!("{message:?}").len() <= 1_000 + 16 * text.len(),
            "a small message becomes a large one"
        );
    }
}
