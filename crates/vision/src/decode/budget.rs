//! Memory for decoded pictures, shared by all engines of a process.
//!
//! An encoded picture says little about what it costs: a PNG of 400 kB can have 50 million pixels. So a decoder takes
//! what a picture will need before it allocates, waits while others have it, and gives it back with the picture. Small
//! pictures have a reserve beyond the limit, so that they do not wait for large ones.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::DecodeError;

/// A picture is small if it needs at most this part of the limit; the reserve of small pictures has the same size. Of the default
/// limit it is 32 MiB, which hold a JPEG of five megapixels.
const SMALL_PART: u64 = 16;

/// The memory that decoded pictures may take at a time.
#[derive(Debug)]
pub struct Budget {
    limit: u64,
    wait: Duration,
    held: Mutex<u64>,
    freed: Condvar,
}

impl Budget {
    /// A budget of `limit` bytes, and a sixteenth more for small pictures. A decoder that finds it used up waits up to `wait`.
    pub fn new(limit: u64, wait: Duration) -> Self {
        Self { limit, wait, held: Mutex::new(0), freed: Condvar::new() }
    }

    /// Bytes that nothing holds, without the reserve of small pictures.
    pub fn free(&self) -> u64 {
        self.limit.saturating_sub(*self.lock())
    }

    /// Takes `bytes`, as soon as they are free.
    ///
    /// # Errors
    /// [`DecodeError::NeedsTooMuchMemory`] at once when they never can be, [`DecodeError::NoMemory`] when they are not
    /// within the time to wait.
    pub(super) fn take(self: &Arc<Self>, bytes: u64) -> Result<Lease, DecodeError> {
        if bytes > self.limit {
            return Err(DecodeError::NeedsTooMuchMemory { bytes, limit: self.limit });
        }
        let small = self.limit / SMALL_PART;
        let most = if bytes <= small { self.limit + small } else { self.limit };
        let is_full = |held: &mut u64| *held + bytes > most;
        let waited = self.freed.wait_timeout_while(self.lock(), self.wait, is_full);
        let (mut held, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if is_full(&mut held) {
            return Err(DecodeError::NoMemory);
        }
        *held += bytes;
        Ok(Lease { budget: self.clone(), bytes })
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, bytes: u64) {
        *self.lock() -= bytes;
        self.freed.notify_all();
    }
}

impl Default for Budget {
    /// 512 MiB: a progressive JPEG of 50 megapixels takes 490 MB of them. 30 seconds to wait.
    fn default() -> Self {
        Self::new(512 << 20, Duration::from_secs(30))
    }
}

/// A part of a budget, given back on drop.
#[derive(Debug)]
pub(crate) struct Lease {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Lease {
    /// Gives back all but `bytes`.
    pub(super) fn shrink(&mut self, bytes: u64) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.bytes -= surplus;
        self.budget.give_back(surplus);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_by_who_waits() {
        let budget = Arc::new(Budget::new(100, Duration::from_mins(1)));
        let mut held = budget.take(90).unwrap();
        let waiting = std::thread::spawn({
            let budget = budget.clone();
            move || budget.take(60).map(|lease| lease.bytes)
        });
        held.shrink(40);
        assert_eq!(waiting.join().unwrap(), Ok(60));
        drop(held);
        assert_eq!(budget.free(), 100);
    }

    #[test]
    fn what_can_never_be_had_is_refused_at_once_and_what_is_held_after_the_wait() {
        let budget = Arc::new(Budget::new(100, Duration::from_millis(1)));
        assert_eq!(budget.take(101).unwrap_err(), DecodeError::NeedsTooMuchMemory { bytes: 101, limit: 100 });
        let held = budget.take(90).unwrap();
        assert_eq!(budget.take(11).unwrap_err(), DecodeError::NoMemory);
        drop(held);
        assert!(budget.take(100).is_ok());
    }

    #[test]
    fn a_small_picture_does_not_wait_for_large_ones() {
        let budget = Arc::new(Budget::new(160, Duration::from_millis(1)));
        let large = budget.take(160).unwrap();
        assert_eq!(budget.take(11).unwrap_err(), DecodeError::NoMemory);
        let small = budget.take(10).unwrap();
        assert_eq!(budget.take(1).unwrap_err(), DecodeError::NoMemory, "the reserve is held");
        drop((large, small));
        assert_eq!(budget.free(), 160);
        assert!(budget.take(160).is_ok());
    }
}
