//! How long to wait after a failed attempt (one-off specification, firing, step 5; R80, R81, R91, R92).

use crate::{Config, SyncRegistrationId};

/// The delay after failed attempt number `attempts` (from 1) of an entry, in milliseconds, jitter included.
///
/// Equal seeds give equal delays (R92).
pub(crate) fn delay_ms(config: &Config, sync: SyncRegistrationId, attempts: u32) -> u64 {
    let base = base_delay_ms(config, attempts);
    let random = mix(config.jitter_seed ^ mix(sync.0 ^ mix(u64::from(attempts))));
    base.saturating_add(scale(jitter_span_ms(config, base), random))
}

/// No delay after this many attempts is longer than this.
pub(crate) fn longest_delay_ms(config: &Config, attempts: u32) -> u64 {
    let base = base_delay_ms(config, attempts);
    base.saturating_add(jitter_span_ms(config, base))
}

/// The same for a periodic entry (R129).
pub(crate) fn periodic_delay_ms(config: &Config, sync: SyncRegistrationId, attempts: u32) -> u64 {
    let base = periodic_base_delay_ms(config, attempts);
    let random = mix(config.jitter_seed ^ mix(sync.0 ^ mix(u64::from(attempts))));
    base.saturating_add(scale(jitter_span_ms(config, base), random))
}

/// The same as [`longest_delay_ms`] for a periodic entry.
pub(crate) fn periodic_longest_delay_ms(config: &Config, attempts: u32) -> u64 {
    let base = periodic_base_delay_ms(config, attempts);
    base.saturating_add(jitter_span_ms(config, base))
}

/// R129: 5 min, 15 min, …
pub(crate) fn periodic_base_delay_ms(config: &Config, attempts: u32) -> u64 {
    grown_ms(config, config.periodic_retry_delay_initial_ms, attempts)
}

/// R80, R81: exponential, capped.
fn base_delay_ms(config: &Config, attempts: u32) -> u64 {
    grown_ms(config, config.retry_delay_initial_ms, attempts)
}

fn grown_ms(config: &Config, initial_ms: u64, attempts: u32) -> u64 {
    let factor = u64::from(config.retry_delay_factor).saturating_pow(attempts.saturating_sub(1));
    initial_ms.saturating_mul(factor).min(config.retry_delay_max_ms)
}

fn jitter_span_ms(config: &Config, base: u64) -> u64 {
    scale_percent(base, config.retry_jitter_percent)
}

pub(crate) fn scale_percent(value: u64, percent: u32) -> u64 {
    u64::try_from(u128::from(value) * u128::from(percent) / 100).unwrap_or(u64::MAX)
}

/// `value` times a fraction in [0, 1) given as 64 random bits.
pub(crate) fn scale(value: u64, random: u64) -> u64 {
    ((u128::from(value) * u128::from(random)) >> 64) as u64
}

/// SplitMix64's finaliser: spreads neighbouring numbers over all 64 bits.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R80, R81
    fn delays_grow_exponentially_from_five_minutes() {
        let config = Config { retry_jitter_percent: 0, ..Config::default() };
        let delays = [1, 2, 3].map(|attempts| delay_ms(&config, SyncRegistrationId(7), attempts));
        assert_eq!(delays, [300_000, 900_000, 2_700_000]);
    }

    #[test] // R85
    fn delays_are_capped_and_never_overflow() {
        let config = Config { retry_jitter_percent: 0, ..Config::default() };
        assert_eq!(delay_ms(&config, SyncRegistrationId(7), u32::MAX), config.retry_delay_max_ms);
        let endless = Config { retry_delay_max_ms: u64::MAX, retry_jitter_percent: u32::MAX, ..config };
        assert_eq!(longest_delay_ms(&endless, u32::MAX), u64::MAX);
    }

    #[test] // R92
    fn jitter_only_adds_stays_within_its_span_and_repeats_with_its_seed() {
        let config = Config::default();
        let mut distinct = alloc::collections::BTreeSet::new();
        for sync in (0..100).map(SyncRegistrationId) {
            let delay = delay_ms(&config, sync, 1);
            assert!((300_000..=330_000).contains(&delay), "{delay}");
            assert!(delay <= longest_delay_ms(&config, 1));
            assert_eq!(delay, delay_ms(&config, sync, 1));
            distinct.insert(delay);
        }
        assert!(distinct.len() > 90, "a burst after an outage is spread: {}", distinct.len());
        let other = Config { jitter_seed: 1, ..Config::default() };
        assert_ne!(delay_ms(&config, SyncRegistrationId(1), 1), delay_ms(&other, SyncRegistrationId(1), 1));
    }
}
