//! The real runtime under simulation: real workers, their outbox in a real IndexedDB, the real driver on SQLite, for weeks
//! of virtual time in which the network fails, the server fails, the clock jumps, workers are updated, pages come and go,
//! and the process dies.
//!
//! Each seed is played twice and must do the same both times. `SEEDS=N` plays N of them, `SEED=S` only that one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "simulation/device.rs"]
mod device;
#[path = "support/hands.rs"]
mod hands;
#[path = "simulation/journal.rs"]
mod journal;

use device::{Device, HOUR_MS, MINUTE_MS};

/// Seeds of every test run.
const SEEDS: u64 = 6;
/// Things that happen in a run.
const ACTS: u64 = 40;

#[test] // R22, R49, R60, R63, R77, R106, R148, R154, R167, R168, R169, R183
fn real_workers_deliver_everything_whatever_fails() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let played = std::panic::catch_unwind(|| (play(seed), play(seed)));
        let Ok((first, second)) = played else {
            panic!("replay: SEED={seed} cargo test -p wakeworker-quickjs --test simulation");
        };
        let differs = first.iter().zip(&second).position(|(first, second)| first != second);
        if let Some(line) = differs {
            let (first, second) = (&first[line], &second[line]);
            panic!("seed {seed} plays differently the second time, at line {line}:\n{first}\n{second}");
        }
        assert_eq!(first.len(), second.len(), "seed {seed}: equal seeds, equal runs");
    }
}

/// Plays one run; gives its trace.
fn play(seed: u64) -> Vec<String> {
    let mut random = Random(seed);
    let mut device = Device::new(seed);
    for _ in 0..ACTS {
        act(&mut device, &mut random);
        device.check();
    }
    device.come_to_rest();
    device.check_end();
    device.into_trace()
}

fn act(device: &mut Device, random: &mut Random) {
    match random.below(20) {
        0..=4 => device.write_and_register(1 + random.below(3), random.below(4) == 0),
        5 => device.write_only(),
        6..=7 => device.pass(random.below(90) * 1_000),
        8..=9 => device.pass(random.below(60) * MINUTE_MS),
        10 => device.pass(random.below(72) * HOUR_MS),
        11..=13 => device.toggle_network(),
        14..=15 => device.toggle_server(),
        16 => device.kill(),
        17 => device.jump_clock(random.below(60).cast_signed() - 30),
        18 => device.update_worker(),
        _ => device.toggle_page(),
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}
