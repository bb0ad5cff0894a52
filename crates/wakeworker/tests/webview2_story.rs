//! The example `webview2_story` holds what it promises.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/webview2_story/story.rs"]
mod story;

use std::cell::RefCell;
use wakeworker::core::SyncOperationStatus::{OtherError, Rejected, Succeeded, TagNotExisted, Timeout};

#[test] // R210, R212, R214, R215, R217, R219: a worker without explicit scope, found by its origin; R186, R187, R188, R191, R194, R195, R196, R197, R198, R199, R200, R202, R221
fn the_sample_of_webview2_shows_all_five_statuses_of_a_real_worker() {
    let lines = RefCell::new(Vec::new());
    let statuses = story::tell(|line| lines.borrow_mut().push(line)).unwrap();
    let lines = lines.into_inner();
    assert!(lines.contains(&"ScopeUri                 https://appassets.example/".to_owned()), "{lines:#?}");
    assert!(lines.contains(&"BackgroundSyncRegistered Tag: subscribe".to_owned()), "{lines:#?}");
    assert!(
        lines.contains(&"PeriodicSyncRegistered   Tag: sync-mail MinInterval: 12".to_owned()),
        "{lines:#?}"
    );
    let of = |tag: &str| -> Vec<_> {
        statuses.iter().filter(|(of, _)| of == tag).map(|(_, status)| *status).collect()
    };
    assert_eq!(of("refresh-news"), [Succeeded, Succeeded]);
    assert_eq!(of("count-visits"), [Succeeded, Succeeded]);
    assert_eq!(of("sync-mail"), [Rejected, Rejected]);
    assert_eq!(of("wait-for-godot"), [Timeout, Timeout]);
    assert_eq!(of("hoard-memory"), [OtherError, OtherError]);
    assert_eq!(of("nobody-asked-for-this"), [TagNotExisted]);
    let table = story::table(&statuses);
    for status in ["Succeeded (0)", "OtherError (1)", "Rejected (2)", "Timeout (3)", "TagNotExisted (4)"] {
        assert!(table.contains(status), "{table}");
    }
}
