//! What waits for a thread, by account: accounts take turns, so that one with many jobs delays another by one job at most.

use std::collections::VecDeque;

use vultus_store::Id;

/// Jobs in the order in which they are taken.
pub(super) struct Queue<J> {
    /// The accounts that have jobs, the next one first.
    lanes: VecDeque<Lane<J>>,
    numbers: u64,
}

struct Lane<J> {
    account: Id,
    /// Never empty; each with its number.
    jobs: VecDeque<(u64, J)>,
}

impl<J> Default for Queue<J> {
    fn default() -> Self {
        Self { lanes: VecDeque::new(), numbers: 0 }
    }
}

impl<J> Queue<J> {
    /// Adds a job; gives the number by which it can be withdrawn.
    pub(super) fn push(&mut self, account: Id, job: J) -> u64 {
        self.numbers += 1;
        match self.lanes.iter_mut().find(|lane| lane.account == account) {
            Some(lane) => lane.jobs.push_back((self.numbers, job)),
            None => self.lanes.push_back(Lane { account, jobs: VecDeque::from([(self.numbers, job)]) }),
        }
        self.numbers
    }

    /// Takes the oldest job of the account whose turn it is.
    pub(super) fn pop(&mut self) -> Option<J> {
        let mut lane = self.lanes.pop_front()?;
        let (_, job) = lane.jobs.pop_front()?;
        if !lane.jobs.is_empty() {
            self.lanes.push_back(lane);
        }
        Some(job)
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
        let mut queue = Queue::default();
        let numbers = jobs.iter().map(|(number, job)| queue.push(account(*number), *job)).collect();
        (queue, numbers)
    }

    fn rest(mut queue: Queue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).collect()
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
}
