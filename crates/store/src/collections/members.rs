//! The members of a collection, and the changes in it.

use crate::collections::check;
use crate::db::Db;
use crate::embeddings::check_enrollment;
use crate::error::Result;
use crate::ids::{Id, Micros};
use crate::jobs::Job;
use crate::tx::Tx;
use crate::vectors;

/// Most changes that a copy of a collection may have missed. A copy that missed more is built again.
const CHANGES_KEPT: i64 = 10_000;
/// How many changes of a collection come between two removals of the oldest.
const TRIM_EVERY: i64 = 256;

/// Puts an enrollment into a collection. Returns whether it is new there. Only then does the version grow.
///
/// # Errors
/// [`Error::NotFound`](crate::Error::NotFound) or [`Error::Gone`](crate::Error::Gone) for either of them.
pub async fn add_member(tx: &mut Tx, account: Id, collection: Id, enrollment: Id, now: Micros) -> Result<bool> {
    check(tx, account, collection).await?;
    check_enrollment(tx, account, enrollment).await?;
    let joined = join(tx, account, collection, enrollment, now).await?;
    if joined {
        vectors::follow(tx, account, enrollment).await?;
    }
    Ok(joined)
}

/// Takes an enrollment out of a collection. The enrollment itself stays. Returns whether it was a member.
///
/// # Errors
/// [`Error::NotFound`](crate::Error::NotFound) or [`Error::Gone`](crate::Error::Gone) for either of them.
pub async fn remove_member(tx: &mut Tx, account: Id, collection: Id, enrollment: Id, now: Micros) -> Result<bool> {
    check(tx, account, collection).await?;
    check_enrollment(tx, account, enrollment).await?;
    record_change(tx, account, Some(collection), enrollment, Change::Leaves, now).await?;
    let text = "delete from members where account_id = $1 and collection_id = $2 and enrollment_id = $3";
    let left = sql!(execute, tx, text, account, collection, enrollment)? > 0;
    let text = "delete from rejections where account_id = $1 and collection_id = $2 and enrollment_id = $3";
    sql!(execute, tx, text, account, collection, enrollment)?;
    Ok(left)
}

/// Makes an enrollment that is known to be there a member. Its embeddings are the caller's to add to what is searched.
pub(crate) async fn join(tx: &mut Tx, account: Id, collection: Id, enrollment: Id, now: Micros) -> Result<bool> {
    let text = "insert into members (collection_id, enrollment_id, account_id, created) \
                select c.id, $3, c.account_id, $4 from collections c where c.account_id = $1 and c.id = $2 \
                on conflict (collection_id, enrollment_id) do nothing";
    if sql!(execute, tx, text, account, collection, enrollment, now)? == 0 {
        return check(tx, account, collection).await.map(|()| false);
    }
    record_change(tx, account, Some(collection), enrollment, Change::Joins, now).await?;
    Ok(true)
}

/// How a member of a collection changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The person becomes a member.
    Joins,
    /// The person gets embeddings.
    Gains,
    /// The person loses embeddings, or gets others for them.
    Loses,
    /// The person is a member no longer.
    Leaves,
}

impl Change {
    /// What is added to the number of members.
    const fn members(self) -> i64 {
        match self {
            Self::Joins => 1,
            Self::Gains | Self::Loses => 0,
            Self::Leaves => -1,
        }
    }

    /// Whether a copy of the collection from before holds what must go.
    const fn removes(self) -> bool {
        matches!(self, Self::Loses | Self::Leaves)
    }
}

/// Notes that a member has changed, in all collections that it is in or in one of them: the version grows, the change is
/// listed, and the classifier is to be fitted again. Gives those collections.
pub(crate) async fn record_change(
    tx: &mut Tx,
    account: Id,
    collection: Option<Id>,
    enrollment: Id,
    change: Change,
    now: Micros,
) -> Result<Vec<Id>> {
    let text = "update collections set version = version + 1, member_count = member_count + $4, updated = $5, \
                removed = case when $6 then version + 1 else removed end where account_id = $1 and ($3 is null or id = $3) and id in \
                (select collection_id from members where account_id = $1 and enrollment_id = $2) \
                returning id, version";
    let (joined, removes) = (change.members(), change.removes());
    let changed: Vec<(Id, i64)> = sql!(fetch_all, tx, text, account, enrollment, collection, joined, now, removes)?;
    for &(collection, version) in &changed {
        let text = "insert into changes (collection_id, version, account_id, enrollment_id, changed) \
                    values ($1, $2, $3, $4, $5)";
        sql!(execute, tx, text, collection, version, account, enrollment, now)?;
        crate::jobs::queue(tx, Job::Fit, account, collection, now).await?;
        if version % TRIM_EVERY == 0 {
            trim_changes(tx, account, collection, version).await?;
        }
    }
    Ok(changed.into_iter().map(|(collection, _)| collection).collect())
}

/// The members that changed, joined or left after a version of the collection, each once and in no order. None when they are
/// not known any more, or when the collection had another history up to that version (its `changed` is when it came to be;
/// a database may have been restored from a copy): then the collection has to be read as a whole.
pub async fn changes(db: &Db, account: Id, collection: Id, version: i64, changed: Micros) -> Result<Option<Vec<Id>>> {
    let mut tx = db.read_snapshot().await?;
    let text = "select count(*) from changes \
                where account_id = $1 and collection_id = $2 and version = $3 and changed = $4";
    let (known,): (i64,) = sql!(fetch_one, &mut tx, text, account, collection, version, changed)?;
    if known == 0 {
        return Ok(None);
    }
    let text = "select enrollment_id from changes where account_id = $1 and collection_id = $2 and version > $3 \
                group by enrollment_id limit $4";
    let rows: Vec<(Id,)> = sql!(fetch_all, &mut tx, text, account, collection, version, CHANGES_KEPT)?;
    let few = (rows.len() as i64) < CHANGES_KEPT;
    Ok(few.then(|| rows.into_iter().map(|(id,)| id).collect()))
}

/// Forgets changes that only a very old copy would need.
async fn trim_changes(tx: &mut Tx, account: Id, collection: Id, version: i64) -> Result<()> {
    let text = "delete from changes where account_id = $1 and collection_id = $2 and version <= $3";
    sql!(execute, tx, text, account, collection, version - CHANGES_KEPT)?;
    Ok(())
}
