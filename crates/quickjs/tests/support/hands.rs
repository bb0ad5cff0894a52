//! Moves virtual time for a real driver over a real runtime (R183).

use std::time::Duration;
use wakeworker::{Driver, ManualClock};
use wakeworker_quickjs::{Runtime, VirtualTime};

/// Turns the driver until nothing is going on at this moment.
pub(crate) fn settle(driver: &mut Driver, time: &VirtualTime) {
    let mut before = None;
    loop {
        driver.turn();
        let settled = time.settle(Duration::from_millis(1));
        if settled.is_some() && settled == before && !driver.has_messages() {
            return;
        }
        before = settled;
    }
}

/// Lets time pass, with everything that is due meanwhile.
pub(crate) fn pass(
    clock: &ManualClock,
    driver: &mut Driver,
    runtime: &Runtime,
    time: &VirtualTime,
    mut ms: u64,
) {
    while ms > 0 {
        settle(driver, time);
        let engine = driver.turn();
        let next = runtime.next_due_ms().into_iter().chain(engine).min().unwrap_or(ms).min(ms);
        clock.advance_ms(next);
        ms -= next;
        while runtime.run_due() {
            settle(driver, time);
        }
    }
    settle(driver, time);
}
