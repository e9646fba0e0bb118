//! What waits for a thread, by account: accounts take turns, so that one with many jobs delays another by one job at most; and
//! an account runs only so many jobs at a time, so that it cannot take all threads.

use std::collections::{HashMap, VecDeque};

use vultus_store::Id;

/// Jobs in the order in which they are taken.
pub(super) struct Queue<J> {
    /// The accounts that have jobs, the next one first.
    lanes: VecDeque<Lane<J>>,
    /// Jobs that run, by account; accounts without any are absent.
    running: HashMap<Id, usize>,
    /// Jobs that an account may run at a time.
    most_running: usize,
    numbers: u64,
}

struct Lane<J> {
    account: Id,
    /// Never empty; each with its number.
    jobs: VecDeque<(u64, J)>,
}

impl<J> Queue<J> {
    /// A queue in which an account runs at most `most_running` jobs at a time.
    pub(super) fn new(most_running: usize) -> Self {
        Self { lanes: VecDeque::new(), running: HashMap::new(), most_running, numbers: 0 }
    }

    /// Whether no job waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Adds a job; gives the number by which it can be withdrawn.
    pub(super) fn push(&mut self, account: Id, job: J) -> u64 {
        self.numbers += 1;
        match self.lanes.iter_mut().find(|lane| lane.account == account) {
            Some(lane) => lane.jobs.push_back((self.numbers, job)),
            None => self.lanes.push_back(Lane { account, jobs: VecDeque::from([(self.numbers, job)]) }),
        }
        self.numbers
    }

    /// Takes the oldest job of the account whose turn it is, among those that may run another. The account runs it until
    /// [`Self::finish`].
    pub(super) fn pop(&mut self) -> Option<(Id, J)> {
        let may_run =
            |lane: &Lane<J>| self.running.get(&lane.account).is_none_or(|running| *running < self.most_running);
        let at = self.lanes.iter().position(may_run)?;
        let mut lane = self.lanes.remove(at)?;
        let (account, (_, job)) = (lane.account, lane.jobs.pop_front()?);
        if !lane.jobs.is_empty() {
            self.lanes.push_back(lane);
        }
        *self.running.entry(account).or_default() += 1;
        Some((account, job))
    }

    /// Notes that a job of an account has ended.
    pub(super) fn finish(&mut self, account: Id) {
        let left = self.running.get(&account).map_or(0, |running| running - 1);
        if left > 0 {
            self.running.insert(account, left);
        } else {
            self.running.remove(&account);
        }
    }

    /// Takes out a job that still waits.
    pub(super) fn withdraw(&mut self, number: u64) -> Option<J> {
        let find = |lane: &Lane<J>| lane.jobs.iter().position(|job| job.0 == number);
        let (at, position) = self.lanes.iter().enumerate().find_map(|(at, lane)| Some((at, find(lane)?)))?;
        let (_, job) = self.lanes[at].jobs.remove(position)?;
        if self.lanes[at].jobs.is_empty() {
            self.lanes.remove(at);
        }
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use vultus_store::Kind;

    use super::*;

    fn account(number: u64) -> Id {
        Id::new(Kind::Account, 1, number.to_be_bytes())
    }

    fn queue(jobs: &[(u64, &'static str)]) -> (Queue<&'static str>, Vec<u64>) {
        let mut queue = Queue::new(usize::MAX);
        let numbers = jobs.iter().map(|(number, job)| queue.push(account(*number), *job)).collect();
        (queue, numbers)
    }

    fn rest(mut queue: Queue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).map(|(_, job)| job).collect()
    }

    #[test]
    fn accounts_take_turns_and_each_keeps_its_order() {
        let (queue, _) = queue(&[(1, "a"), (1, "b"), (1, "c"), (2, "x"), (3, "y"), (2, "z")]);
        assert_eq!(rest(queue), ["a", "x", "y", "b", "z", "c"]);
    }

    #[test]
    fn a_job_that_is_withdrawn_is_gone_and_the_others_stay() {
        let (mut queue, numbers) = queue(&[(1, "a"), (1, "b"), (2, "x")]);
        assert_eq!(queue.withdraw(numbers[2]), Some("x"));
        assert_eq!(queue.withdraw(numbers[0]), Some("a"));
        assert_eq!(queue.withdraw(numbers[0]), None);
        assert_eq!(rest(queue), ["b"]);
    }

    #[test]
    fn an_account_that_runs_as_much_as_it_may_is_passed_over_until_a_job_ends() {
        let mut queue = Queue::new(2);
        for (number, job) in [(1, "a"), (1, "b"), (1, "c"), (2, "x")] {
            queue.push(account(number), job);
        }
        let taken: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(taken, [(account(1), "a"), (account(2), "x"), (account(1), "b")]);
        assert!(!queue.is_empty());
        queue.finish(account(2));
        assert_eq!(queue.pop(), None);
        queue.finish(account(1));
        assert_eq!(queue.pop(), Some((account(1), "c")));
        (0..2).for_each(|_| queue.finish(account(1)));
        assert!(queue.is_empty() && queue.running.is_empty(), "accounts without jobs take no memory");
    }
}
