//! How often somebody may do something.

use std::time::Instant;

/// A bucket of permits that fills with time.
#[derive(Debug)]
pub(crate) struct RateLimit {
    burst: f64,
    per_second: f64,
    permits: f64,
    filled_at: Instant,
}

impl RateLimit {
    /// A full bucket for the messages of one page.
    pub(crate) fn of_page_messages(now: Instant) -> RateLimit {
        RateLimit::new(4_000, 1_000, now)
    }

    /// A full bucket for wrong tokens: enough for a person's mistakes, hopeless for a search.
    pub(crate) fn of_wrong_tokens(now: Instant) -> RateLimit {
        RateLimit::new(20, 1, now)
    }

    fn new(burst: u32, per_second: u32, now: Instant) -> RateLimit {
        let burst = f64::from(burst);
        RateLimit { burst, per_second: f64::from(per_second), permits: burst, filled_at: now }
    }

    /// Takes one permit, if there is one.
    pub(crate) fn allow(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.filled_at = now;
        self.permits = elapsed.mul_add(self.per_second, self.permits).min(self.burst);
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
        let mut limit = RateLimit::of_page_messages(start);
        let allowed = (0..10_000).filter(|_| limit.allow(start)).count();
        assert_eq!(allowed, 4_000);
        assert!(limit.allow(start + Duration::from_millis(1)));
        assert!(!limit.allow(start + Duration::from_millis(1)));
    }
}
