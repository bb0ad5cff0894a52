//! How the world is at first.

use super::HEADER_BYTES;
use wakeworker::core::{CoalescePolicy, Config, PeriodicDispatch};

/// The configuration of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// How many profiles there are, each with a host of its own, on one device.
    pub profiles: usize,
    /// The policy of all of them.
    pub config: Config,
    /// Seeds what the hosts draw at random.
    pub installation_seed: u64,
}

impl Setup {
    pub(super) fn decode(bytes: [u8; HEADER_BYTES]) -> Setup {
        let [profiles, gaps, attempts, limits, policy, seed] = bytes.map(usize::from);
        let (any_hours, across_hours) = pick(&[(12, 12), (1, 1), (1, 3), (6, 12)], gaps);
        let defaults = Config::default();
        let config = Config {
            periodic_dispatch: match policy % 4 {
                3 => PeriodicDispatch::HostDriven,
                _ => PeriodicDispatch::Automatic,
            },
            attempts_max: pick(&[3, 1, 2, 4], attempts),
            attempts_max_with_notifications: pick(&[3, 5, 1, 2], attempts / 4),
            interrupted_starts_max: pick(&[5, 1, 2, 3], attempts / 16),
            retry_delay_max_ms: pick(&[24 * HOUR_MS, 10 * MINUTE_MS], attempts / 64),
            min_interval_any_origin_ms: any_hours * HOUR_MS,
            min_interval_across_origins_ms: across_hours * HOUR_MS,
            last_chance_duration_max_ms: pick(&[3 * MINUTE_MS, MINUTE_MS], limits),
            entries_per_worker_registration_max: pick(&[None, None, Some(3), Some(2)], limits / 2),
            entries_per_origin_max: pick(&[None, None, None, Some(4)], limits / 8),
            script_unregister_one_shot: limits >= 128,
            coalescing: match policy / 4 % 4 {
                0 => CoalescePolicy::Exact,
                1 => CoalescePolicy::Slack { percent: 40 },
                _ => defaults.coalescing,
            },
            periodic_retries_max: pick(&[2, 0, 1, 2], policy / 16),
            ..defaults
        };
        Setup { profiles: 1 + profiles % 3, config, installation_seed: seed as u64 }
    }
}

fn pick<T: Copy>(choices: &[T], number: usize) -> T {
    choices[number % choices.len()]
}

pub(crate) const MINUTE_MS: u64 = 60_000;
pub(crate) const HOUR_MS: u64 = 60 * MINUTE_MS;
pub(crate) const DAY_MS: u64 = 24 * HOUR_MS;
