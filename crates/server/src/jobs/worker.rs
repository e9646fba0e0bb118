//! The loop that does the jobs.

use std::time::Duration;

use vultus_store::jobs::{self, Claim, Job};

use super::{Tools, fit};
use crate::search::VectorIndex;
use crate::{blobs, clock};

/// How often an idle worker looks for jobs.
const IDLE: Duration = Duration::from_secs(1);
/// How long a claim holds without a sign of life.
const LEASE_US: i64 = 60 * clock::SECOND_US;
/// How often a worker gives one.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);
/// Tries of a job, with longer and longer pauses, before it is set aside.
const TRIES: u32 = 8;
/// How often the vector engine is looked after.
const MAINTAIN_EVERY: Duration = Duration::from_mins(1);

/// Does jobs until `stop` resolves; a job that runs then is left to its end or to the next worker.
pub async fn run(tools: Tools, stop: impl Future<Output = ()>) {
    // Side by side, so that no fit waits for a bucket that does not answer.
    tokio::select! {
        () = work(&tools, Job::Fit) => {}
        () = work(&tools, Job::RemoveImage) => {}
        () = maintain(&*tools.vectors) => {}
        () = stop => {}
    }
}

/// Does the jobs of a kind, one after the other.
async fn work(tools: &Tools, job: Job) {
    loop {
        let done = tokio::select! {
            done = Box::pin(next(tools, job)) => done,
            // Whatever a job waits for from a database that hangs might never come.
            error = tools.db.silence() => Err(error),
        };
        match done {
            Ok(true) => {}
            Ok(false) => tokio::time::sleep(IDLE).await,
            Err(error) => {
                tracing::warn!(%error, "cannot look for jobs");
                tokio::time::sleep(IDLE * 5).await;
            }
        }
    }
}

/// Does one job; false when there was none.
async fn next(tools: &Tools, job: Job) -> vultus_store::Result<bool> {
    let now = clock::now_us();
    let due = match job {
        // Changes come in bursts: a fit waits a little, so that one does for all of them.
        Job::Fit => now - tools.refit_delay.as_micros() as i64,
        Job::RemoveImage => now,
    };
    let Some(claim) = jobs::claim(&tools.db, job, due, now, now + LEASE_US).await? else { return Ok(false) };
    let done = tokio::select! {
        done = run_one(tools, &claim) => done,
        lost = hold(tools, &claim) => return lost.map(|()| true),
    };
    match done {
        Ok(()) => jobs::finish(&tools.db, &claim, clock::now_us()).await?,
        Err(error) => give_up(tools, &claim, &error).await?,
    }
    Ok(true)
}

/// Keeps the vector engine in order.
async fn maintain(vectors: &dyn VectorIndex) {
    loop {
        if let Err(error) = vectors.maintain().await {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(error, "cannot keep the vector engine in order");
        }
        tokio::time::sleep(MAINTAIN_EVERY).await;
    }
}

async fn run_one(tools: &Tools, claim: &Claim) -> anyhow::Result<()> {
    match claim.job {
        Job::Fit => fit::run(tools, claim).await,
        Job::RemoveImage => tools.blobs.remove(&[blobs::key(claim.account, claim.subject)]).await,
    }
}

/// Holds on to a job for as long as it takes; ends if it is lost to another worker.
async fn hold(tools: &Tools, claim: &Claim) -> vultus_store::Result<()> {
    loop {
        tokio::time::sleep(SIGN_OF_LIFE).await;
        if !jobs::extend(&tools.db, claim, clock::now_us() + LEASE_US).await? {
            return Ok(());
        }
    }
}

async fn give_up(tools: &Tools, claim: &Claim, error: &anyhow::Error) -> vultus_store::Result<()> {
    let Claim { job, subject, attempt, .. } = claim;
    tracing::error!(?job, %subject, attempt, error = format!("{error:#}"), "a job failed");
    let pause = clock::SECOND_US << attempt.min(&TRIES);
    // What was deleted must go, however long that takes.
    let again = *job == Job::RemoveImage || *attempt < TRIES;
    let due = again.then(|| clock::now_us() + pause);
    jobs::fail(&tools.db, claim, &format!("{error:#}"), due).await
}
