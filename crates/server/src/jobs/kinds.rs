//! The kinds of jobs, and on what terms each is done.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use vultus_store::blobs::{self, Key};
use vultus_store::jobs::{Claim, Job};

use super::{Tools, fit};

/// A kind of job.
pub(super) struct Kind {
    /// What the store calls it.
    pub job: Job,
    /// How long a job waits after it became due, so that one does for several changes.
    pub delay: fn(&Tools) -> Duration,
    /// How long a claim holds without a sign of life. Another worker takes the job then.
    pub lease: Duration,
    /// Tries, with longer and longer pauses, before a job is set aside until it is asked for again; without one, it is tried
    /// for as long as it takes.
    pub tries: Option<u32>,
    /// Most jobs of the kind that this process does at once.
    pub concurrency: usize,
    /// Most jobs of the kind that run for one account at once. It is less than `concurrency`, so that no account keeps others
    /// waiting.
    pub per_account: u32,
    /// Does one job. A job may run twice, and must not mind.
    pub run: for<'a> fn(&'a Tools, &'a Claim) -> BoxFuture<'a, anyhow::Result<()>>,
}

const FIT: Kind = Kind {
    job: Job::Fit,
    // Changes come in bursts.
    delay: |tools| tools.refit_delay,
    lease: Duration::from_mins(1),
    tries: Some(8),
    concurrency: 2,
    per_account: 1,
    run: |tools, claim| fit::run(tools, claim).boxed(),
};

const REMOVE_IMAGE: Kind = Kind {
    job: Job::RemoveImage,
    delay: |_| Duration::ZERO,
    lease: Duration::from_mins(1),
    // What was deleted must go, however long that takes.
    tries: None,
    concurrency: 8,
    per_account: 4,
    run: |tools, claim| {
        let key = Key { account: claim.account, kind: blobs::Kind::Image, id: claim.subject };
        async move { tools.blobs.remove(&[key]).await }.boxed()
    },
};

/// How a job of this kind is done.
pub(super) const fn of(job: Job) -> &'static Kind {
    match job {
        Job::Fit => &FIT,
        Job::RemoveImage => &REMOVE_IMAGE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_account_can_take_all_of_a_kind() {
        for job in Job::ALL {
            let kind = of(job);
            assert_eq!(kind.job, job);
            assert!((kind.per_account as usize) < kind.concurrency, "{}", job.name());
        }
    }
}
