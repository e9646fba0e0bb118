//! Comparison of the vectors with the tables that they are derived from, and repair: for the operator, of all accounts.

use super::follow;
use crate::db::Db;
use crate::error::Result;
use crate::ids::Id;
use crate::tx::Backend;

/// Enrollments to look up at a time.
const PAGE: i64 = 1_000;

/// The result of a comparison. Foreign keys rule out vectors of deleted embeddings or members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// How many vectors there should be.
    pub expected: u64,
    /// How many of them are missing, or have another model or dimension than their embedding.
    pub missing: u64,
}

/// Compares the vectors with the embeddings in collections; `None` on SQLite.
pub async fn check(db: &Db) -> Result<Option<Coverage>> {
    let Backend::Postgres(pool) = db.backend() else { return Ok(None) };
    let text = "select count(*), count(*) filter (where v.embedding_id is null) from members m \
                join embeddings b on b.enrollment_id = m.enrollment_id \
                left join vectors v on v.collection_id = m.collection_id and v.enrollment_id = m.enrollment_id and \
                v.embedding_id = b.id and v.model = b.model and v.dimension = b.dimension and v.account_id = b.account_id";
    let (expected, missing): (i64, i64) = sqlx::query_as(text).fetch_one(pool).await?;
    Ok(Some(Coverage { expected: expected as u64, missing: missing as u64 }))
}

/// Makes all vectors again, one enrollment at a time, while searches continue. Returns the number of enrollments, or `None`
/// on SQLite.
pub async fn rebuild(db: &Db) -> Result<Option<u64>> {
    let Backend::Postgres(pool) = db.backend() else { return Ok(None) };
    let (mut after, mut count) = (Vec::new(), 0);
    loop {
        let text = "select distinct enrollment_id, account_id from members where enrollment_id > $1 \
                    order by enrollment_id limit $2";
        let page: Vec<(Id, Id)> = sqlx::query_as(text).bind(after.as_slice()).bind(PAGE).fetch_all(pool).await?;
        let Some((last, _)) = page.last() else { return Ok(Some(count)) };
        after = last.to_bytes();
        count += page.len() as u64;
        for (enrollment, account) in page {
            let mut tx = db.write(account).await?;
            // By collection first, as the primary key is.
            let text = "delete from vectors where account_id = $1 and enrollment_id = $2 and collection_id in \
                        (select collection_id from members where account_id = $1 and enrollment_id = $2)";
            sql!(execute, &mut tx, text, account, enrollment)?;
            follow(&mut tx, account, enrollment).await?;
            tx.commit().await?;
        }
    }
}
