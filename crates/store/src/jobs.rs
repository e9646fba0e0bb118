//! Jobs: work that is done later, once, by whichever worker claims it first.
//!
//! A job is the kind of work and the id of what it is about. It is queued in the transaction of the change that makes it
//! necessary. Asking for a job that is queued already changes nothing; asking for one that runs makes it run again. A worker
//! that dies loses its claim after a while. So jobs may be done twice, and must not mind.

use crate::db::Db;
use crate::error::Result;
use crate::ids::{Id, Micros};
use crate::tx::Tx;

/// The kinds of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Fit the classifier of a collection.
    Fit,
    /// Remove the kept image of an embedding that was deleted, or that was not stored in the end.
    RemoveImage,
}

impl Job {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Fit, Self::RemoveImage];

    /// The word for the database, metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::RemoveImage => "remove_image",
        }
    }
}

/// A job that this worker is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What is to be done.
    pub job: Job,
    /// The account of the subject.
    pub account: Id,
    /// What it is to be done with.
    pub subject: Id,
    /// Which try this is, from 1.
    pub attempt: u32,
}

/// Has the classifier of a collection fitted at `due`, or when it was to be fitted anyway, whichever is earlier.
///
/// # Errors
/// [`crate::Error::NotFound`] or [`crate::Error::Gone`] for the collection.
pub async fn fit_soon(tx: &mut Tx, account: Id, collection: Id, due: Micros) -> Result<()> {
    crate::collections::check(tx, account, collection).await?;
    queue(tx, Job::Fit, account, collection, due).await
}

pub(crate) async fn queue(tx: &mut Tx, job: Job, account: Id, subject: Id, due: Micros) -> Result<()> {
    let text = "insert into jobs (kind, subject, account_id, state, again, due, attempts) \
                values ($1, $2, $3, 'queued', false, $4, 0) \
                on conflict (kind, subject) do update set again = true, \
                attempts = case when jobs.state = 'running' then jobs.attempts else 0 end, \
                due = case when jobs.state = 'queued' and jobs.due < excluded.due then jobs.due \
                           when jobs.state = 'running' then jobs.due else excluded.due end, \
                state = case when jobs.state = 'running' then 'running' else 'queued' end";
    sql!(execute, tx, text, job.name(), subject, account, due)?;
    Ok(())
}

/// Removes the jobs of a subject that no longer needs them.
pub(crate) async fn cancel(tx: &mut Tx, account: Id, subject: Id) -> Result<()> {
    sql!(execute, tx, "delete from jobs where account_id = $1 and subject = $2", account, subject)?;
    Ok(())
}

/// What a worker claims.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Only jobs that were due by then.
    pub due: Micros,
    /// The time now: a claim that ended before it counts as lost.
    pub now: Micros,
    /// When the claim ends.
    pub lease: Micros,
    /// Most jobs of the kind that run for one account at once, over all workers. Two workers that claim at the same moment may
    /// exceed it.
    pub per_account: u32,
}

/// Claims the job of a kind that has been due for longest, of the accounts that have not their share of running ones.
pub async fn claim(db: &Db, job: Job, terms: &Terms) -> Result<Option<Claim>> {
    let &Terms { due, now, lease, per_account } = terms;
    // A look comes first, because it does not wait for writers.
    let mut conn = db.read().await?;
    let text = "select j.subject from jobs j where j.kind = $1 \
                and ((j.state = 'queued' and j.due <= $2) or (j.state = 'running' and j.due <= $3)) \
                and (select count(*) from jobs r where r.kind = $1 and r.account_id = j.account_id \
                and r.state = 'running' and r.due > $3) < $4 order by j.due limit 1";
    let row: Option<(Id,)> = sql!(fetch_optional, &mut conn, text, job.name(), due, now, i64::from(per_account))?;
    drop(conn);
    let Some((subject,)) = row else { return Ok(None) };
    let mut tx = db.write_unlocked().await?;
    // Another worker may have been faster. The statement checks the conditions again, under the lock of the row.
    let text = "update jobs set state = 'running', again = false, due = $5, attempts = attempts + 1 \
                where kind = $1 and subject = $4 and ((state = 'queued' and due <= $2) \
                or (state = 'running' and due <= $3)) returning account_id, attempts";
    let row: Option<(Id, i64)> = sql!(fetch_optional, &mut tx, text, job.name(), due, now, subject, lease)?;
    tx.commit().await?;
    Ok(row.map(|(account, attempts)| Claim { job, account, subject, attempt: attempts as u32 }))
}

/// Holds on to a job that takes longer; false if it is lost, because it was claimed by another worker after the lease, or is
/// needed no more.
pub async fn extend(db: &Db, claim: &Claim, lease: Micros) -> Result<bool> {
    let mut tx = db.write_unlocked().await?;
    let text = "update jobs set due = $4 where kind = $1 and subject = $2 and state = 'running' and attempts = $3";
    let held = sql!(execute, &mut tx, text, claim.job.name(), claim.subject, i64::from(claim.attempt), lease)?;
    tx.commit().await?;
    Ok(held > 0)
}

/// Removes a job that is done, or queues it at `now` if it was asked for again meanwhile. Nothing if it was lost.
pub async fn finish(db: &Db, claim: &Claim, now: Micros) -> Result<()> {
    let mut tx = db.write_unlocked().await?;
    let (job, attempt) = (claim.job.name(), i64::from(claim.attempt));
    let text =
        "delete from jobs where kind = $1 and subject = $2 and state = 'running' and attempts = $3 and not again";
    if sql!(execute, &mut tx, text, job, claim.subject, attempt)? == 0 {
        let text = "update jobs set state = 'queued', attempts = 0, due = $4 \
                    where kind = $1 and subject = $2 and state = 'running' and attempts = $3";
        sql!(execute, &mut tx, text, job, claim.subject, attempt, now)?;
    }
    tx.commit().await
}

/// Queues a job that failed for another try at `due`, or sets it aside until it is asked for again. Nothing if it was lost.
pub async fn fail(db: &Db, claim: &Claim, error: &str, due: Option<Micros>) -> Result<()> {
    let mut tx = db.write_unlocked().await?;
    let text = "update jobs set state = $4, due = $5, error = $6 \
                where kind = $1 and subject = $2 and state = 'running' and attempts = $3";
    let state = if due.is_some() { "queued" } else { "failed" };
    let due = due.unwrap_or(Micros::MAX);
    let attempt = i64::from(claim.attempt);
    sql!(execute, &mut tx, text, claim.job.name(), claim.subject, attempt, state, due, error)?;
    tx.commit().await
}

/// Jobs that wait, run, or were set aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Queued or running.
    pub open: u64,
    /// Set aside after too many tries.
    pub failed: u64,
}

/// How many jobs there are.
pub async fn count(db: &Db) -> Result<Count> {
    let mut conn = db.read().await?;
    let text = "select count(*), count(case when state = 'failed' then 1 end) from jobs";
    let (all, failed): (i64, i64) = sql!(fetch_one, &mut conn, text)?;
    Ok(Count { open: (all - failed) as u64, failed: failed as u64 })
}

/// Jobs of one kind in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The kind of work.
    pub kind: String,
    /// `queued`, `running` or `failed`.
    pub state: String,
    /// How many there are.
    pub count: u64,
    /// When the first of them was or is due; for a running one, when its claim ends.
    pub oldest_due: Micros,
}

/// What there is to do, of all accounts.
///
/// # Errors
/// Only those of the database.
pub async fn summary(db: &Db) -> Result<Vec<Summary>> {
    let mut conn = db.read().await?;
    let text = "select kind, state, count(*), min(due) from jobs group by kind, state order by kind, state";
    let rows: Vec<(String, String, i64, Micros)> = sql!(fetch_all, &mut conn, text)?;
    let summary =
        |(kind, state, count, oldest_due): (_, _, i64, _)| Summary { kind, state, count: count as u64, oldest_due };
    Ok(rows.into_iter().map(summary).collect())
}
