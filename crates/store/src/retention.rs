//! Retention: what is forgotten after a time, of all accounts.

use crate::db::Db;
use crate::error::Result;
use crate::ids::Micros;

/// Rows that go in one transaction, so that others write in between.
const BATCH: i64 = 1_000;

/// Forgets the presentation attack checks that were made before a moment. Gives their number.
pub async fn forget_snapshots(db: &Db, before: Micros) -> Result<u64> {
    let text = "delete from snapshots where id in (select id from snapshots where created < $1 limit $2)";
    forget(db, text, before).await
}

/// Forgets which ids were deleted before a moment; such an id is then unknown. Gives their number.
pub async fn forget_tombstones(db: &Db, before: Micros) -> Result<u64> {
    let text = "delete from tombstones where id in (select id from tombstones where deleted < $1 limit $2)";
    forget(db, text, before).await
}

/// Forgets the requests that were made under a key of the client before a moment. Gives their number.
pub async fn forget_requests(db: &Db, before: Micros) -> Result<u64> {
    let text = "delete from idempotency_keys where (account_id, key) in \
                (select account_id, key from idempotency_keys where created < $1 limit $2)";
    forget(db, text, before).await
}

async fn forget(db: &Db, text: &'static str, before: Micros) -> Result<u64> {
    let mut count = 0;
    loop {
        let mut tx = db.write_unlocked().await?;
        let deleted = sql!(execute, &mut tx, text, before, BATCH)?;
        tx.commit().await?;
        count += deleted;
        if deleted < BATCH as u64 {
            return Ok(count);
        }
    }
}
