//! How much one page may say.

use std::time::Instant;

/// Messages that may come at once.
const BURST: f64 = 4_000.0;
/// Messages per second that may come for long.
const PER_SECOND: f64 = 1_000.0;

/// A bucket of permits that fills with time.
#[derive(Debug)]
pub(crate) struct RateLimit {
    permits: f64,
    filled_at: Instant,
}

impl RateLimit {
    /// A full bucket.
    pub(crate) fn new(now: Instant) -> RateLimit {
        RateLimit { permits: BURST, filled_at: now }
    }

    /// Takes one permit, if there is one.
    pub(crate) fn allow(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.filled_at = now;
        self.permits = elapsed.mul_add(PER_SECOND, self.permits).min(BURST);
        let allowed = self.permits >= 1.0;
        if allowed {
            self.permits -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_is_allowed_and_a_flood_is_not() {
        let start = crate::clock::now();
        let mut limit = RateLimit::new(start);
        let allowed = (0..10_000).filter(|_| limit.allow(start)).count();
        assert_eq!(allowed, 4_000);
        assert!(limit.allow(start + Duration::from_millis(1)));
        assert!(!limit.allow(start + Duration::from_millis(1)));
    }
}
