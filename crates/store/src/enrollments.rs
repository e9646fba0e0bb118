//! Enrollments: people with a name and one or more embeddings.

use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc;

use crate::collections;
use crate::db::Db;
use crate::embeddings::{self, Deleted, NewEmbedding};
use crate::error::{Error, Result};
use crate::ids::{Id, Kind, Micros};
use crate::legacy_ids;
use crate::page::{Page, Window};
use crate::tombstones;
use crate::tx::{Conn, Tx};

/// An enrollment as lists show it: without vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrollment {
    /// The id.
    pub id: Id,
    /// The account it belongs to.
    pub account_id: Id,
    /// The name of the person.
    pub name: String,
    /// The name of the person in the account's own system.
    pub external_id: Option<String>,
    /// The id that another server gave to the person.
    pub legacy_id: Option<String>,
    /// A JSON object of the account.
    pub metadata: Option<String>,
    /// The first collection it joined, of those it is still in.
    pub collection_id: Option<Id>,
    /// The ids of its embeddings in the order of insertion.
    pub embeddings: Vec<Id>,
    /// When it was made.
    pub created: Micros,
    /// When it last got embeddings.
    pub updated: Micros,
}

/// The facts that an account stores about a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The name. It may be empty.
    pub name: String,
    /// The name of the person in the account's own system. An empty one counts as none.
    pub external_id: Option<String>,
    /// The id that another server gave to the person, in the form that [`legacy_ids::check`] admits. An empty one counts as none.
    pub legacy_id: Option<String>,
    /// A compact JSON object. An empty one counts as none.
    pub metadata: Option<String>,
}

/// Changes of the facts about a person. An absent value stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FactsUpdate {
    /// The new name.
    pub name: Option<String>,
    /// The new external id. An empty one removes that which is stored.
    pub external_id: Option<String>,
    /// The new legacy id. An empty one removes that which is stored.
    pub legacy_id: Option<String>,
    /// The new JSON object, compact. An empty one removes that which is stored.
    pub metadata: Option<String>,
}

/// An enrollment to be stored.
#[derive(Debug, Clone)]
pub struct NewEnrollment {
    /// A new id of [`Kind::Enrollment`].
    pub id: Id,
    /// Name and the like.
    pub facts: Facts,
    /// A collection to join.
    pub collection_id: Option<Id>,
    /// Its first embeddings, in order.
    pub embeddings: Vec<NewEmbedding>,
}

/// Which enrollments to list. The default is all.
#[derive(Debug, Clone, Default)]
pub struct Filter<'a> {
    /// Only this one.
    pub id: Option<Id>,
    /// Only members of this collection.
    pub collection_id: Option<Id>,
    /// Only those with exactly this name.
    pub name: Option<&'a str>,
    /// Only those with exactly this external id.
    pub external_id: Option<&'a str>,
    /// At most so many, from 1.
    pub limit: Option<u32>,
    /// Only those behind this id: [`Page::next`] of the page before.
    pub after: Option<Id>,
}

/// Stores an enrollment, its embeddings and its membership.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`] for the collection, [`Error::LegacyIdTaken`], and [`Error::Conflict`] if an id
/// exists already.
pub async fn insert(tx: &mut Tx, account: Id, new: &NewEnrollment, now: Micros) -> Result<()> {
    let text = "insert into enrollments \
                (id, account_id, name, external_id, metadata, embedding_count, created, updated) \
                values ($1, $2, $3, nullif($4, ''), nullif($5, '{}'), $6, $7, $7)";
    let Facts { name, external_id, legacy_id, metadata } = &new.facts;
    let (external_id, metadata, count) = (external_id.as_deref(), metadata.as_deref(), new.embeddings.len() as i64);
    sql!(execute, tx, text, new.id, account, name.as_str(), external_id, metadata, count, now)?;
    if let Some(legacy_id) = legacy_id {
        legacy_ids::set(tx, account, new.id, legacy_id).await?;
    }
    // First, so that the embeddings are added to the collection as well.
    if let Some(collection) = new.collection_id {
        collections::join(tx, account, collection, new.id, now).await?;
    }
    embeddings::insert_from(tx, account, new.id, 0, &new.embeddings, now).await
}

/// The enrollment with this id.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`].
pub async fn by_id(db: &Db, account: Id, id: Id) -> Result<Enrollment> {
    let page = list(db, account, &Filter { id: Some(id), ..Filter::default() }).await?;
    page.items.into_iter().next().ok_or(Error::NotFound { kind: Kind::Enrollment, id })
}

/// One row per enrollment and embedding.
type ListRow = (Id, String, Option<String>, Option<String>, Option<String>, Micros, Micros, Option<Id>, Option<Id>);

/// The text of a list: `$from` chooses the enrollments and orders them by an indexed column, so that a short page of a
/// long list is cheap. `$1` is the account, `$2` and `$3` the range of ids, `$4` the number of enrollments. A page is
/// one statement: consistent, and without a query per row.
macro_rules! page_of {
    ($from:literal) => {
        concat!(
            "select p.id, p.name, p.external_id, p.legacy_id, p.metadata, p.created, p.updated, p.collection_id, b.id from (\
                select e.id, e.name, e.external_id, e.legacy_id, e.metadata, e.created, e.updated, (\
                    select f.collection_id from members f where f.enrollment_id = e.id \
                    order by f.created, f.collection_id limit 1\
                ) as collection_id ",
            $from,
            " limit $4) p left join embeddings b on b.enrollment_id = p.id order by p.id, b.position"
        )
    };
}

/// The enrollments that match the filter, oldest first.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`] if the filter names an enrollment or a collection that is not
/// there.
pub async fn list(db: &Db, account: Id, filter: &Filter<'_>) -> Result<Page<Enrollment>> {
    let window = Window::new(filter.id, filter.after, filter.limit);
    let mut conn = db.read().await?;
    let (mut items, mut last) = (Vec::new(), None);
    let mut rows = rows(&mut conn, account, filter, &window);
    while let Some(row) = rows.try_next().await? {
        items.extend(absorb(&mut last, account, row));
    }
    drop(rows);
    items.extend(last);
    if items.is_empty() {
        check_filter(&mut conn, account, filter).await?;
    }
    Ok(window.page(items, |enrollment| enrollment.id))
}

/// Sends the enrollments that match the filter, oldest first, all as they are at one moment: for lists of any length. Ends early
/// when nobody receives any more. Holds a connection until the receiver has taken them.
///
/// # Errors
/// Those of [`list`].
pub async fn send_all(db: &Db, account: Id, filter: &Filter<'_>, to: &mpsc::Sender<Enrollment>) -> Result<()> {
    let window = Window::new(filter.id, filter.after, filter.limit);
    let mut conn = db.read().await?;
    let mut last = None;
    let mut rows = rows(&mut conn, account, filter, &window);
    while let Some(row) = rows.try_next().await? {
        if let Some(enrollment) = absorb(&mut last, account, row)
            && to.send(enrollment).await.is_err()
        {
            return Ok(());
        }
    }
    drop(rows);
    match last {
        // Nobody receives any more, or it is the last one anyway.
        Some(enrollment) => drop(to.send(enrollment).await),
        None => check_filter(&mut conn, account, filter).await?,
    }
    Ok(())
}

/// The rows of a list.
fn rows<'a>(
    conn: &'a mut Conn,
    account: Id,
    filter: &'a Filter<'_>,
    window: &'a Window,
) -> BoxStream<'a, sqlx::Result<ListRow>> {
    let (first, last) = (window.first.as_slice(), window.last.as_slice());
    let (name, external_id) = (filter.name, filter.external_id);
    match (filter.collection_id, name, external_id) {
        (Some(collection), ..) => {
            let text = page_of!(
                "from members m join enrollments e on e.id = m.enrollment_id where m.account_id = $1 and \
                 m.collection_id = $5 and m.enrollment_id >= $2 and m.enrollment_id <= $3 and \
                 ($6 is null or e.name = $6) and ($7 is null or e.external_id = $7) order by m.enrollment_id"
            );
            sql!(fetch, conn, text, account, first, last, window.rows, collection, name, external_id)
        }
        (None, name, Some(external_id)) => {
            let text = page_of!(
                "from enrollments e where e.account_id = $1 and e.id >= $2 and e.id <= $3 and e.external_id = $5 \
                 and ($6 is null or e.name = $6) order by e.id"
            );
            sql!(fetch, conn, text, account, first, last, window.rows, external_id, name)
        }
        (None, Some(name), None) => {
            let text = page_of!(
                "from enrollments e where e.account_id = $1 and e.id >= $2 and e.id <= $3 and e.name = $5 \
                 order by e.id"
            );
            sql!(fetch, conn, text, account, first, last, window.rows, name)
        }
        (None, None, None) => {
            let text =
                page_of!("from enrollments e where e.account_id = $1 and e.id >= $2 and e.id <= $3 order by e.id");
            sql!(fetch, conn, text, account, first, last, window.rows)
        }
    }
}

/// Changes the facts about a person.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`], [`Error::LegacyIdTaken`].
pub async fn update_facts(tx: &mut Tx, account: Id, id: Id, new: &FactsUpdate, now: Micros) -> Result<()> {
    let text = "update enrollments set name = coalesce($3, name), \
                external_id = nullif(coalesce($4, external_id), ''), \
                metadata = nullif(coalesce($5, metadata), '{}'), updated = $6 where account_id = $1 and id = $2";
    let (name, external_id, metadata) = (new.name.as_deref(), new.external_id.as_deref(), new.metadata.as_deref());
    if sql!(execute, tx, text, account, id, name, external_id, metadata, now)? == 0 {
        return Err(tombstones::missing(tx, account, Kind::Enrollment, id).await);
    }
    match &new.legacy_id {
        Some(legacy_id) => legacy_ids::set(tx, account, id, legacy_id).await,
        None => Ok(()),
    }
}

/// Adds embeddings, of which there may be `max` in all, and changes the facts about the person.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`] for the enrollment, [`Error::TooManyEmbeddings`], [`Error::LegacyIdTaken`], and [`Error::Conflict`] if an id is
/// there already.
pub async fn extend(
    tx: &mut Tx,
    account: Id,
    id: Id,
    added: &[NewEmbedding],
    facts: &FactsUpdate,
    max: u32,
    now: Micros,
) -> Result<()> {
    embeddings::append_to(tx, account, id, added, max, now).await?;
    update_facts(tx, account, id, facts, now).await
}

/// Deletes an enrollment with its embeddings and memberships.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`].
pub async fn delete(tx: &mut Tx, account: Id, id: Id, now: Micros) -> Result<Deleted> {
    let collections = collections::record_change(tx, account, None, id, collections::Change::Leaves, now).await?;
    sql!(execute, tx, "delete from members where account_id = $1 and enrollment_id = $2", account, id)?;
    let images = embeddings::delete_all_of(tx, account, id, now).await?;
    let text = "delete from enrollments where account_id = $1 and id = $2";
    if sql!(execute, tx, text, account, id)? == 0 {
        return Err(tombstones::missing(tx, account, Kind::Enrollment, id).await);
    }
    tombstones::insert(tx, account, Kind::Enrollment, id, now).await?;
    Ok(Deleted { images, collections })
}

/// How many enrollments the account has.
pub async fn count(db: &Db, account: Id) -> Result<u64> {
    let mut conn = db.read().await?;
    let (count,): (i64,) =
        sql!(fetch_one, &mut conn, "select count(*) from enrollments where account_id = $1", account)?;
    Ok(count as u64)
}

/// An empty list is an answer, unless the filter names something that is not there.
async fn check_filter(conn: &mut Conn, account: Id, filter: &Filter<'_>) -> Result<()> {
    if let Some(id) = filter.id {
        embeddings::check_enrollment(conn, account, id).await?;
    }
    if let Some(id) = filter.collection_id {
        collections::check(conn, account, id).await?;
    }
    Ok(())
}

/// Adds a row to the enrollment that it belongs to. Gives the one before when that is complete.
fn absorb(last: &mut Option<Enrollment>, account_id: Id, row: ListRow) -> Option<Enrollment> {
    let (id, name, external_id, legacy_id, metadata, created, updated, collection_id, embedding) = row;
    let complete = last.take_if(|last| last.id != id);
    let enrollment = last.get_or_insert_with(|| Enrollment {
        id,
        account_id,
        name,
        external_id,
        legacy_id,
        metadata,
        collection_id,
        embeddings: Vec::new(),
        created,
        updated,
    });
    enrollment.embeddings.extend(embedding);
    complete
}
