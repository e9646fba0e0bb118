//! The rate limit: how many requests an API key may send.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use vultus_store::Id;

use crate::error::Error;

/// After this many requests, keys that have paused are forgotten. This limits the memory and costs each request little.
const SWEEP_EVERY: u32 = 1024;

/// One rate for all keys. Each key is counted separately, in memory: a restart forgets the earlier requests.
pub struct RateLimit<C: Clock = MonotonicClock> {
    rate: NonZeroU32,
    keys: RateLimiter<Id, HashMapStateStore<Id>, C, NoOpMiddleware<C::Instant>>,
    requests: AtomicU32,
}

impl RateLimit {
    /// Allows `rate` requests per second, and `burst` at once after a pause.
    pub fn new(rate: NonZeroU32, burst: NonZeroU32) -> Self {
        Self::with_clock(rate, burst, MonotonicClock)
    }
}

impl<C: Clock> RateLimit<C> {
    fn with_clock(rate: NonZeroU32, burst: NonZeroU32, clock: C) -> Self {
        let quota = Quota::per_second(rate).allow_burst(burst);
        Self { rate, keys: RateLimiter::hashmap_with_clock(quota, clock), requests: AtomicU32::new(0) }
    }

    /// Counts a request of a key.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if it is one too many. It then does not count.
    pub fn admit(&self, key: Id) -> Result<(), Error> {
        if self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP_EVERY) {
            self.keys.retain_recent();
        }
        self.keys.check_key(&key).map_err(|_| Error::RateLimited { rate: self.rate.get() })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;
    use vultus_store::Kind;

    use super::*;

    fn limit(rate: u32, burst: u32) -> (RateLimit<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (RateLimit::with_clock(rate.try_into().unwrap(), burst.try_into().unwrap(), clock.clone()), clock)
    }

    fn key(number: u64) -> Id {
        Id::new(Kind::Key, 1, number.to_be_bytes())
    }

    fn admitted(limit: &RateLimit<FakeRelativeClock>, key: Id, sent: u32) -> usize {
        (0..sent).filter(|_| limit.admit(key).is_ok()).count()
    }

    #[test]
    fn a_key_has_its_burst_and_then_its_rate_whatever_others_send() {
        let (limit, clock) = limit(2, 5);
        assert_eq!(admitted(&limit, key(1), 20), 5);
        assert_eq!(admitted(&limit, key(2), 3), 3);
        clock.advance(Duration::from_secs(1));
        assert_eq!(admitted(&limit, key(1), 20), 2);
        clock.advance(Duration::from_mins(1));
        assert_eq!(admitted(&limit, key(1), 20), 5, "a long pause earns one burst, not more");
    }

    #[test]
    fn keys_that_have_paused_take_no_memory_and_those_at_work_are_not_forgotten() {
        let (limit, clock) = limit(1, 2);
        for number in 0..20 * u64::from(SWEEP_EVERY) {
            assert!(limit.admit(key(number)).is_ok());
            clock.advance(Duration::from_secs(1));
        }
        assert!(limit.keys.len() <= SWEEP_EVERY as usize + 2, "{}", limit.keys.len());
        assert_eq!(admitted(&limit, key(u64::MAX), 3 * SWEEP_EVERY), 2);
    }
}
