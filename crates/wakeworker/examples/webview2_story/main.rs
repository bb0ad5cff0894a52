//! The sample of WebView2's specification, told again: a host program has complete control over periodic background sync.
//!
//! It subscribes to both registration events, waits for the worker's `DispatchAllPeriodicSyncEvents N`, lists the periodic
//! registrations, dispatches each of them N times at its own interval, and shows how each event ended. The script is a
//! real service worker (`sw.js`), run by the embedded runtime; all five statuses happen for real.
//!
//! ```sh
//! cargo run -p wakeworker --example webview2_story
//! ```
#![expect(clippy::print_stdout, reason = "an example shows its result")]

mod story;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let statuses = story::tell(|line| println!("{line}"))?;
    println!();
    print!("{}", story::table(&statuses));
    Ok(())
}
