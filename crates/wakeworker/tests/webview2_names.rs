//! The table of names in `docs/host-api.md` and the source say the same (R207).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Aliases that are not WebView2's: those of Chromium and of its developer tools.
const OTHERS: [&str; 8] = [
    "FireBackgroundSyncEvents",
    "GetSoonestWakeupDelta",
    "ServiceWorkerManager",
    "clearEvents",
    "dispatchSyncEvent",
    "engagement",
    "setRecording",
    "startObserving",
];

fn sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

fn source() -> String {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut text = String::new();
    for name in ["core", "wakeworker"] {
        sources(&crates.join(name).join("src"), &mut text);
    }
    text
}

fn table() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/host-api.md")).unwrap()
}

#[test] // R207
fn every_alias_is_in_the_table() {
    let (source, table) = (source(), table());
    let aliases: BTreeSet<&str> =
        source.split("#[doc(alias = \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(aliases.len() > 40, "{}", aliases.len());
    for alias in aliases.into_iter().filter(|alias| !OTHERS.contains(alias)) {
        // `add_X`, `put_X` and `XAsync` are in the table by its rules of naming.
        let name = ["add_", "remove_", "get_", "put_"]
            .iter()
            .fold(alias, |name, prefix| name.strip_prefix(prefix).unwrap_or(name));
        let name = name.strip_suffix("Async").unwrap_or(name);
        let name = name.strip_prefix("CoreWebView2").unwrap_or(name);
        assert!(table.contains(name), "`{alias}` is missing in docs/host-api.md");
    }
}

#[test] // R207
fn every_item_that_the_table_names_exists() {
    let (source, table) = (source(), table());
    let mut checked = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        let items = row.split('`').skip(1).step_by(2).filter(|item| item.contains("::"));
        for item in items.filter(|item| !item.starts_with("ICore") && !item.starts_with('…')) {
            let (owner, member) = item.rsplit_once("::").unwrap();
            let member = member.split(['(', '<', '>', ' ']).next().unwrap();
            let owner = owner.rsplit(['<', ' ', '&']).next().unwrap();
            let forms =
                [("fn ", "("), ("fn ", "<"), ("pub ", ":"), ("    ", ","), ("    ", " {"), ("    ", " = ")];
            let exists =
                forms.iter().any(|(before, after)| source.contains(&format!("{before}{member}{after}")));
            assert!(exists, "`{item}`: there is no `{member}`");
            let declared = ["struct", "enum", "trait"].map(|kind| format!("{kind} {owner}"));
            assert!(
                declared.iter().any(|form| source.contains(form.as_str())),
                "`{item}`: there is no `{owner}`"
            );
            checked += 1;
        }
    }
    assert!(checked > 40, "{checked} items");
}
