//! Budgets that accounts share: places in a queue, bytes of memory, requests in flight.
//!
//! No account can take all of one: it may hold at most a part (`--account-share`) of what the others leave. So there is
//! always room for the next account, and one that is alone is bounded by its part.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vultus_store::Id;

/// Bytes that a body of this length takes at most: while it is read, pictures in base64 are there twice.
pub const fn upload_peak_bytes(body: usize) -> usize {
    body.saturating_add(body / 4 * 3)
}

/// So much of something.
#[derive(Debug)]
pub struct Budget {
    total: usize,
    /// Above 0 and at most 1.
    share: f64,
    least: usize,
    holdings: Mutex<Holdings>,
}

#[derive(Debug, Default)]
struct Holdings {
    all: usize,
    by_account: HashMap<Id, usize>,
}

/// Why a budget gives nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// All of it is held.
    Full,
    /// The account holds its part.
    Share,
}

/// What one request or job holds of a budget; given back when dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    account: Id,
    count: AtomicUsize,
}

impl Budget {
    /// A budget of `total`, of which an account may hold `share` of what the others leave, and `least` in any case.
    pub fn new(total: usize, share: f64, least: usize) -> Arc<Self> {
        Arc::new(Self { total, share, least, holdings: Mutex::default() })
    }

    /// Takes `count` for an account, or fails at once.
    ///
    /// # Errors
    /// [`Refusal`] says whether the others or the account itself hold too much.
    pub fn take(self: &Arc<Self>, account: Id, count: usize) -> Result<Held, Refusal> {
        let held = Held { budget: self.clone(), account, count: AtomicUsize::new(0) };
        held.grow_to(count)?;
        Ok(held)
    }

    /// How much there is in all.
    pub fn total(&self) -> usize {
        self.total
    }

    /// How much is held.
    pub fn held(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, account: Id, count: usize) -> Result<(), Refusal> {
        let mut holdings = self.lock();
        let own = holdings.by_account.get(&account).copied().unwrap_or(0);
        if count > self.total - holdings.all {
            return Err(Refusal::Full);
        }
        let left_by_others = self.total - (holdings.all - own);
        let most = ((left_by_others as f64 * self.share).ceil() as usize).max(self.least);
        if own + count > most {
            return Err(Refusal::Share);
        }
        holdings.all += count;
        holdings.by_account.insert(account, own + count);
        Ok(())
    }

    fn give_back(&self, account: Id, count: usize) {
        let mut holdings = self.lock();
        holdings.all -= count;
        let own = holdings.by_account.get(&account).copied().unwrap_or(0) - count;
        if own > 0 {
            holdings.by_account.insert(account, own);
        } else {
            holdings.by_account.remove(&account);
        }
    }
}

impl Held {
    /// How much it is.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes what is missing to `count`, or fails at once: waiting could block for ever, since others that hold a part
    /// may wait for the rest.
    ///
    /// # Errors
    /// As [`Budget::take`]; what was held stays held.
    pub fn grow_to(&self, count: usize) -> Result<(), Refusal> {
        let missing = count.saturating_sub(self.count());
        if missing > 0 {
            self.budget.add(self.account, missing)?;
            self.count.fetch_add(missing, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Gives back what is above `count`.
    pub fn shrink_to(&self, count: usize) {
        let before = self.count.fetch_min(count, Ordering::Relaxed);
        self.budget.give_back(self.account, before.saturating_sub(count));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use vultus_store::Kind;

    use super::*;

    fn account(number: u64) -> Id {
        Id::new(Kind::Account, 1, number.to_be_bytes())
    }

    #[test]
    fn an_account_holds_its_part_of_what_others_leave_and_the_next_always_gets_some() {
        let budget = Budget::new(16, 0.5, 1);
        let mut held = Vec::new();
        let counts = (0..5).map(|number| {
            let before = held.len();
            while let Ok(one) = budget.take(account(number), 1) {
                held.push(one);
            }
            held.len() - before
        });
        assert_eq!(counts.collect::<Vec<_>>(), [8, 4, 2, 1, 1]);
        assert_eq!(budget.take(account(9), 1).unwrap_err(), Refusal::Full);
        held.clear();
        assert_eq!(budget.held(), 0);
        assert!(budget.lock().by_account.is_empty(), "accounts that hold nothing take no memory");
    }

    #[test]
    fn the_least_is_given_whatever_the_share() {
        let budget = Budget::new(10, 0.1, 8);
        let eight = budget.take(account(1), 8).unwrap();
        assert_eq!(budget.take(account(1), 1).unwrap_err(), Refusal::Share);
        drop(eight);
        assert_eq!(budget.take(account(1), 11).unwrap_err(), Refusal::Full);
    }

    #[test]
    fn what_is_held_grows_and_shrinks() {
        let budget = Budget::new(10, 1.0, 1);
        let held = budget.take(account(1), 4).unwrap();
        held.grow_to(9).unwrap();
        assert_eq!(held.grow_to(11), Err(Refusal::Full));
        assert_eq!(budget.held(), 9);
        held.shrink_to(3);
        held.shrink_to(5);
        assert_eq!(budget.held(), 3);
    }
}
