//! Collections: groups of enrollments to identify against.

mod gallery;
mod members;

use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc;

use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::{Id, Kind, Micros};
use crate::jobs;
use crate::page::{Page, Window};
use crate::tombstones;
use crate::tx::{Conn, Handle, Tx};

pub use gallery::{
    FitStamp, Member, MemberEmbedding, MemberReader, Reader, State, Versions, embedding_count, members, state, versions,
};
pub(crate) use members::{Change, join, record_change};
pub use members::{add_member, changes, remove_member};

/// A collection and the account that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CollectionKey {
    /// The account.
    pub account: Id,
    /// The collection.
    pub collection: Id,
}

/// A collection with its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// The id.
    pub id: Id,
    /// The account it belongs to.
    pub account_id: Id,
    /// Its name.
    pub name: String,
    /// The id that another server gave to it.
    pub legacy_id: Option<String>,
    /// Whether its classifier models unknown people.
    pub unknowns: bool,
    /// Grows with every change that matters to an identification. The least version is 1.
    pub version: i64,
    /// Its members, in the order in which they joined.
    pub enrollments: Vec<Id>,
    /// When it was made.
    pub created: Micros,
    /// When its version last grew.
    pub updated: Micros,
}

/// A collection to be stored.
#[derive(Debug, Clone)]
pub struct NewCollection<'a> {
    /// A new id of [`Kind::Collection`].
    pub id: Id,
    /// Its name. It need not be unique.
    pub name: &'a str,
    /// Whether its classifier models unknown people.
    pub unknowns: bool,
}

/// Which collections to list. The default is all.
#[derive(Debug, Clone, Default)]
pub struct Filter<'a> {
    /// Only this one.
    pub id: Option<Id>,
    /// Only those with exactly this name.
    pub name: Option<&'a str>,
    /// At most so many, from 1.
    pub limit: Option<u32>,
    /// Only those behind this id: [`Page::next`] of the page before.
    pub after: Option<Id>,
}

/// Stores an empty collection.
///
/// # Errors
/// [`Error::Conflict`] if the id is there already.
pub async fn insert(tx: &mut Tx, account: Id, new: &NewCollection<'_>, now: Micros) -> Result<()> {
    let text = "insert into collections (id, account_id, name, unknowns, version, member_count, created, updated) \
                values ($1, $2, $3, $4, 1, 0, $5, $5)";
    sql!(execute, tx, text, new.id, account, new.name, new.unknowns, now)?;
    Ok(())
}

/// The collection with this id.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`].
pub async fn by_id(db: &Db, account: Id, id: Id) -> Result<Collection> {
    let page = list(db, account, &Filter { id: Some(id), ..Filter::default() }).await?;
    page.items.into_iter().next().ok_or(Error::NotFound { kind: Kind::Collection, id })
}

/// One row per collection and member.
type ListRow = (Id, String, Option<String>, bool, i64, Micros, Micros, Option<Id>);

/// The collections that match the filter, oldest first.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`] if the filter names a collection that is not there.
pub async fn list(db: &Db, account: Id, filter: &Filter<'_>) -> Result<Page<Collection>> {
    let window = Window::new(filter.id, filter.after, filter.limit);
    let mut conn = db.read().await?;
    let mut items: Vec<Collection> = Vec::new();
    let mut rows = rows(&mut conn, account, filter, &window);
    while let Some(row) = rows.try_next().await? {
        let (collection, member) = split(account, row);
        if items.last().is_none_or(|last| last.id != collection.id) {
            items.push(collection);
        }
        if let Some(last) = items.last_mut() {
            last.enrollments.extend(member);
        }
    }
    drop(rows);
    if let (true, Some(id)) = (items.is_empty(), filter.id) {
        check(&mut conn, account, id).await?;
    }
    Ok(window.page(items, |collection| collection.id))
}

/// A piece of a list of collections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The next collection, without its members.
    Collection(Collection),
    /// The next member of that collection, in the order in which they joined.
    Member(Id),
}

/// Sends the collections that match the filter, oldest first, each before its members, all as they are at one moment: for lists of
/// any length. Ends early when nobody receives any more. Holds a connection until the receiver has taken them.
///
/// # Errors
/// Those of [`list`].
pub async fn send_all(db: &Db, account: Id, filter: &Filter<'_>, to: &mpsc::Sender<Piece>) -> Result<()> {
    let window = Window::new(filter.id, filter.after, filter.limit);
    let mut conn = db.read().await?;
    let mut last = None;
    let mut rows = rows(&mut conn, account, filter, &window);
    while let Some(row) = rows.try_next().await? {
        let (collection, member) = split(account, row);
        let is_next = last.replace(collection.id) != Some(collection.id);
        for piece in is_next.then_some(Piece::Collection(collection)).into_iter().chain(member.map(Piece::Member)) {
            if to.send(piece).await.is_err() {
                return Ok(());
            }
        }
    }
    drop(rows);
    match filter.id {
        Some(id) if last.is_none() => check(&mut conn, account, id).await,
        _ => Ok(()),
    }
}

/// The rows of a list.
fn rows<'a>(
    conn: &'a mut Conn,
    account: Id,
    filter: &'a Filter<'_>,
    window: &'a Window,
) -> BoxStream<'a, sqlx::Result<ListRow>> {
    let (first, last) = (window.first.as_slice(), window.last.as_slice());
    let text = "select p.id, p.name, p.legacy_id, p.unknowns, p.version, p.created, p.updated, m.enrollment_id from (\
                    select c.id, c.name, c.legacy_id, c.unknowns, c.version, c.created, c.updated from collections c \
                    where c.account_id = $1 and c.id >= $2 and c.id <= $3 and ($5 is null or c.name = $5) \
                    order by c.id limit $4\
                ) p left join members m on m.collection_id = p.id order by p.id, m.created, m.enrollment_id";
    sql!(fetch, conn, text, account, first, last, window.rows, filter.name)
}

/// Deletes a collection. Its enrollments stay.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`].
pub async fn delete(tx: &mut Tx, account: Id, id: Id, now: Micros) -> Result<()> {
    sql!(execute, tx, "delete from members where account_id = $1 and collection_id = $2", account, id)?;
    if sql!(execute, tx, "delete from collections where account_id = $1 and id = $2", account, id)? == 0 {
        return Err(tombstones::missing(tx, account, Kind::Collection, id).await);
    }
    jobs::cancel(tx, account, id).await?;
    tombstones::insert(tx, account, Kind::Collection, id, now).await
}

/// Fails unless the account has this collection.
pub(crate) async fn check(conn: &mut impl Handle, account: Id, id: Id) -> Result<()> {
    let text = "select id from collections where account_id = $1 and id = $2";
    let row: Option<(Id,)> = sql!(fetch_optional, conn, text, account, id)?;
    match row {
        Some(_) => Ok(()),
        None => Err(tombstones::missing(conn, account, Kind::Collection, id).await),
    }
}

/// The collection of a row, without members, and the member that the row names.
fn split(account_id: Id, row: ListRow) -> (Collection, Option<Id>) {
    let (id, name, legacy_id, unknowns, version, created, updated, member) = row;
    let enrollments = Vec::new();
    (Collection { id, account_id, name, legacy_id, unknowns, version, enrollments, created, updated }, member)
}
