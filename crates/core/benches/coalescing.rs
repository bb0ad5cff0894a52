//! Wake-ups a day: three loads, four policies, 30 simulated days. Plain program: `cargo bench -p wakeworker-core --bench
//! coalescing [-- 100000]`; the load of 100,000 entries takes a quarter of an hour and runs only when asked for.
//!
//! Exits with 1 if the gate is broken: on round intervals at most 1.05 times the bound, on the others never worse than
//! greedy stabbing (5 % of noise if events take time), and nowhere an early event.
#![allow(clippy::print_stdout, missing_docs, reason = "it prints a table")]

#[path = "../tests/coalescing_load/mod.rs"]
mod coalescing_load;

use coalescing_load::{Load, Outcome, bound_per_day, chromium, greedy, naive, ours};
use std::process::ExitCode;
use wakeworker_core::CoalescePolicy;

const DAYS: u64 = 30;

fn main() -> ExitCode {
    let largest = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000);
    let mut broken = Vec::new();
    println!(
        "30 days; wake-ups a day / ratio to the bound / events a day / lateness in % of the interval: mean, largest\n"
    );
    for load in [Load::Web, Load::Mixed, Load::LogUniform] {
        for n in [10, 100, 1_000, 100_000].into_iter().filter(|n| *n <= largest) {
            let wishes = load.wishes(n);
            let bound = bound_per_day(&wishes);
            println!("{load:?}, N = {n}; bound {bound:.1} a day");
            let align = CoalescePolicy::Align { slack_percent: 25 };
            let at_best = greedy(&wishes, DAYS, 25);
            line("naive", &naive(&wishes, DAYS), bound);
            line("greedy 25 %", &at_best, bound);
            let instant = ours(&wishes, DAYS, align, 0);
            line("ours", &instant, bound);
            let working = ours(&wishes, DAYS, align, 20_000);
            line("ours, events of 0–20 s", &working, bound);
            line("Chromium's rules", &chromium(&wishes, DAYS), bound);
            // Greedy stabbing is measured with events that take no time; that others do moves their phases at random.
            for (name, outcome, noise) in [("instant", &instant, 1.0), ("0–20 s", &working, 1.05)] {
                let limit = if load.is_round() { bound * 1.05 } else { at_best.wakeups_per_day * noise };
                if outcome.wakeups_per_day > limit || outcome.early > 0 {
                    broken.push(format!(
                        "{load:?}, N = {n}, {name}: {:.2} wake-ups a day, {} early; allowed {limit:.2}",
                        outcome.wakeups_per_day, outcome.early
                    ));
                }
            }
        }
    }
    println!("{}", if broken.is_empty() { "gate: held" } else { "gate: BROKEN" });
    for line in &broken {
        println!("  {line}");
    }
    ExitCode::from(u8::from(!broken.is_empty()))
}

fn line(policy: &str, outcome: &Outcome, bound: f64) {
    println!(
        "  {policy:<24} {:>10.1} {:>9.2} {:>12.1} {:>8.1} {:>8.0}",
        outcome.wakeups_per_day,
        outcome.wakeups_per_day / bound,
        outcome.fires_per_day,
        outcome.mean_lateness,
        outcome.max_lateness,
    );
}
