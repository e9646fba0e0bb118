//! What a worker does from time to time, without a job: it removes what has had its time, seals what is still plain, and
//! keeps the vector engine in order.

use std::time::Duration;

use vultus_store::{blobs, retention};

use super::Tools;
use crate::clock::{self, micros};
use crate::config::of_days;

/// How often.
const EVERY: Duration = Duration::from_mins(1);
/// Files that expire in one transaction.
const BATCH: u32 = 200;

/// Never ends.
pub(super) async fn run(tools: Tools) {
    loop {
        report("cannot keep the vector engine in order", tools.vectors.maintain().await.map_err(Into::into));
        report("cannot remove what has had its time", retain(&tools).await.map_err(Into::into));
        report("cannot seal the kept images", tools.blobs.seal_plain().await.map(drop));
        tokio::time::sleep(EVERY).await;
    }
}

async fn retain(tools: &Tools) -> vultus_store::Result<()> {
    let now = clock::now_us();
    let before = |days| now - micros(of_days(days));
    while blobs::expire(&tools.db, now, BATCH).await? > 0 {}
    let snapshots = retention::forget_snapshots(&tools.db, before(tools.retention.snapshot_days)).await?;
    let ids = retention::forget_tombstones(&tools.db, before(tools.retention.deleted_id_days)).await?;
    let requests = retention::forget_requests(&tools.db, tools.retention.repeatable_since(now)).await?;
    if snapshots + ids + requests > 0 {
        tracing::info!(snapshots, deleted_ids = ids, requests, "forgotten after their time");
    }
    Ok(())
}

fn report(what: &str, result: anyhow::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(error = format!("{error:#}"), "{what}");
    }
}
