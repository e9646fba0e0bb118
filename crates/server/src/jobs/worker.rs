//! The loops that do the jobs: one for each kind, so that no fit waits for a bucket that does not answer.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use vultus_store::jobs::{self, Claim, Job, Terms};

use super::kinds::{self, Kind};
use super::{Tools, upkeep};
use crate::clock::{self, micros};

/// How often an idle worker looks for jobs.
const IDLE: Duration = Duration::from_secs(1);
/// How long a loop waits after an error that is none of a job.
const PAUSE: Duration = Duration::from_secs(5);
/// Longest pause between two tries of a job.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// What came of a job.
#[derive(Debug)]
enum Outcome {
    Done,
    /// It failed, and is tried again after a while.
    Retry(Duration, anyhow::Error),
    /// It failed, and is set aside until it is asked for again.
    GiveUp(anyhow::Error),
}

/// Does jobs until `stop` resolves; what runs then is left to the next worker. A loop that panics begins again.
pub async fn run(tools: Tools, stop: impl Future<Output = ()>) {
    let mut loops = JoinSet::new();
    for job in Job::ALL {
        loops.spawn(forever(job.name(), tools.clone(), move |tools| work(tools, kinds::of(job))));
    }
    loops.spawn(forever("upkeep", tools, upkeep::run));
    // The loops end with the set.
    stop.await;
}

/// Runs a loop that never ends, and begins it again if it panics.
async fn forever<F: Future<Output = ()>>(name: &'static str, tools: Tools, mut begin: impl FnMut(Tools) -> F) {
    loop {
        if let Err(panic) = AssertUnwindSafe(begin(tools.clone())).catch_unwind().await {
            tracing::error!(name, error = reason(&*panic), "a loop of the worker panicked and begins again");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Does the jobs of a kind, some at a time.
async fn work(tools: Tools, kind: &'static Kind) {
    let slots = Arc::new(Semaphore::new(kind.concurrency));
    let mut running = JoinSet::new();
    while let Ok(slot) = slots.clone().acquire_owned().await {
        while running.try_join_next().is_some() {}
        match claim(&tools, kind).await {
            Ok(Some(claim)) => {
                let tools = tools.clone();
                running.spawn(async move {
                    let _slot = slot;
                    do_claimed(&tools, kind, claim).await;
                });
            }
            Ok(None) => tokio::time::sleep(IDLE).await,
            Err(error) => {
                tracing::warn!(kind = kind.job.name(), %error, "cannot look for jobs");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn claim(tools: &Tools, kind: &Kind) -> vultus_store::Result<Option<Claim>> {
    let now = clock::now_us();
    let due = now - micros((kind.delay)(tools));
    let terms = Terms { due, now, lease: now + micros(kind.lease), per_account: kind.per_account };
    within(tools, jobs::claim(&tools.db, kind.job, &terms)).await
}

/// Does one job. If the database is away afterwards, the claim ends by itself and the job is done again.
async fn do_claimed(tools: &Tools, kind: &Kind, claim: Claim) {
    let outcome = tokio::select! {
        result = AssertUnwindSafe((kind.run)(tools, &claim)).catch_unwind() => {
            let result = result.unwrap_or_else(|panic| Err(anyhow::anyhow!("panicked: {}", reason(&*panic))));
            judge(kind, claim.attempt, result)
        }
        () = lost(tools, kind, &claim) => return,
        // Whatever a job waits for from a database that hangs might never come.
        error = tools.db.silence() => judge(kind, claim.attempt, Err(error.into())),
    };
    if let Err(error) = within(tools, settle(tools, &claim, outcome)).await {
        tracing::warn!(kind = kind.job.name(), subject = %claim.subject, %error, "a job is done again, because its end cannot be stored");
    }
}

/// Whether and when a job that failed is tried again. What was sealed under a key that is gone is not read by trying again.
fn judge(kind: &Kind, attempt: u32, result: anyhow::Result<()>) -> Outcome {
    let Err(error) = result else { return Outcome::Done };
    let sealed = matches!(error.downcast_ref(), Some(vultus_store::Error::Seal(_)));
    if sealed || kind.tries.is_some_and(|tries| attempt >= tries) {
        return Outcome::GiveUp(error);
    }
    let pause = Duration::from_secs(1 << attempt.min(16));
    Outcome::Retry(pause.min(LONGEST_PAUSE), error)
}

async fn settle(tools: &Tools, claim: &Claim, outcome: Outcome) -> vultus_store::Result<()> {
    let (pause, error) = match outcome {
        Outcome::Done => return jobs::finish(&tools.db, claim, clock::now_us()).await,
        Outcome::Retry(pause, error) => (Some(pause), error),
        Outcome::GiveUp(error) => (None, error),
    };
    let Claim { job, subject, attempt, .. } = claim;
    let error = format!("{error:#}");
    tracing::error!(kind = job.name(), %subject, attempt, again_after = ?pause, error, "a job failed");
    let due = pause.map(|pause| clock::now_us() + micros(pause));
    jobs::fail(&tools.db, claim, &error, due).await
}

/// Gives signs of life while a job runs. Ends when another worker has the job.
async fn lost(tools: &Tools, kind: &Kind, claim: &Claim) {
    loop {
        tokio::time::sleep(kind.lease / 3).await;
        match jobs::extend(&tools.db, claim, clock::now_us() + micros(kind.lease)).await {
            Ok(true) => {}
            Ok(false) => return,
            // The job itself learns whether the database is away for long.
            Err(error) => tracing::warn!(kind = kind.job.name(), %error, "cannot hold on to a job"),
        }
    }
}

/// The same, or an error as soon as the database is silent.
async fn within<T>(tools: &Tools, work: impl Future<Output = vultus_store::Result<T>>) -> vultus_store::Result<T> {
    tokio::select! {
        done = work => done,
        error = tools.db.silence() => Err(error),
    }
}

/// The text of a panic.
fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}
