//! Collections: groups of enrollments to identify against.

use std::fmt;
use std::ops::DerefMut;

use sqlx::{PgConnection, SqliteConnection};

use crate::db::{Backend, Db, Tx};
use crate::embeddings::check_enrollment;
use crate::error::{Error, Result};
use crate::ids::{Id, Kind, Micros};
use crate::page::{Page, Window};
use crate::tombstones;
use crate::vector::Vector;
use crate::vectors;

/// A collection with its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// The id.
    pub id: Id,
    /// The account it belongs to.
    pub account_id: Id,
    /// What its owner calls it.
    pub name: String,
    /// Whether its classifier models unknown people.
    pub unknowns: bool,
    /// Grows with every change of what an identification would see; the least is 1.
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
    /// What its owner calls it; need not be unique.
    pub name: &'a str,
    /// Whether its classifier models unknown people.
    pub unknowns: bool,
}

/// Which collections to list; by default all.
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

/// All that an identification in a collection sees, at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Gallery {
    /// The version of the collection that the rows are of.
    pub version: i64,
    /// Whether its classifier models unknown people.
    pub unknowns: bool,
    /// One row per embedding, those of an enrollment together and in order.
    pub rows: Vec<GalleryRow>,
}

/// An embedding of a member of a collection.
#[derive(Clone, PartialEq)]
pub struct GalleryRow {
    /// The member.
    pub enrollment_id: Id,
    /// The name of the person.
    pub name: String,
    /// The embedding.
    pub embedding_id: Id,
    /// The model that made it; vectors of different models cannot be compared.
    pub model: String,
    /// The vector as it was stored.
    pub vector: Vec<f32>,
}

impl fmt::Debug for GalleryRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GalleryRow")
            .field("enrollment_id", &self.enrollment_id)
            .field("embedding_id", &self.embedding_id)
            .field("model", &self.model)
            .field("vector", &format_args!("{} values", self.vector.len()))
            .finish_non_exhaustive()
    }
}

/// Stores an empty collection.
///
/// # Errors
/// [`Error::Conflict`] if the id is there already.
pub async fn insert(db: &Db, account: Id, new: &NewCollection<'_>, now: Micros) -> Result<()> {
    let mut tx = db.write(account).await?;
    let text = "insert into collections (id, account_id, name, unknowns, version, created, updated) \
                values ($1, $2, $3, $4, 1, $5, $5)";
    sql!(execute, &mut tx, text, new.id, account, new.name, new.unknowns, now)?;
    tx.commit().await
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
type Row = (Id, String, bool, i64, Micros, Micros, Option<Id>);

/// The collections that match the filter, oldest first.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`] if the filter names a collection that is not there.
pub async fn list(db: &Db, account: Id, filter: &Filter<'_>) -> Result<Page<Collection>> {
    let window = Window::new(filter.id, filter.after, filter.limit);
    let (first, last) = (window.first.as_slice(), window.last.as_slice());
    let mut conn = db.read().await?;
    let text = "select p.id, p.name, p.unknowns, p.version, p.created, p.updated, m.enrollment_id from (\
                    select c.id, c.name, c.unknowns, c.version, c.created, c.updated from collections c \
                    where c.account_id = $1 and c.id >= $2 and c.id <= $3 and ($5 is null or c.name = $5) \
                    order by c.id limit $4\
                ) p left join members m on m.collection_id = p.id order by p.id, m.created, m.enrollment_id";
    let rows: Vec<Row> = sql!(fetch_all, &mut conn, text, account, first, last, window.rows, filter.name)?;
    if let (true, Some(id)) = (rows.is_empty(), filter.id) {
        check(&mut conn, account, id).await?;
    }
    Ok(window.page(from_rows(account, rows), |collection| collection.id))
}

/// The version of a collection: a single look-up, to be made before every identification.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`].
pub async fn version(db: &Db, account: Id, id: Id) -> Result<i64> {
    let mut conn = db.read().await?;
    let text = "select version from collections where account_id = $1 and id = $2";
    let row: Option<(i64,)> = sql!(fetch_optional, &mut conn, text, account, id)?;
    match row {
        Some((version,)) => Ok(version),
        None => Err(tombstones::missing(&mut conn, account, Kind::Collection, id).await),
    }
}

/// Everything an in-memory gallery is built of, consistent with the version that comes with it.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`].
pub async fn gallery(db: &Db, account: Id, id: Id) -> Result<Gallery> {
    let mut tx = db.read_snapshot().await?;
    let text = "select version, unknowns from collections where account_id = $1 and id = $2";
    let row: Option<(i64, bool)> = sql!(fetch_optional, &mut tx, text, account, id)?;
    let Some((version, unknowns)) = row else {
        return Err(tombstones::missing(&mut tx, account, Kind::Collection, id).await);
    };
    let text = "select m.enrollment_id, e.name, b.id, b.model, b.vector from members m \
                join enrollments e on e.id = m.enrollment_id join embeddings b on b.enrollment_id = m.enrollment_id \
                where m.account_id = $1 and m.collection_id = $2 order by m.enrollment_id, b.position";
    let rows: Vec<(Id, String, Id, String, Vector)> = sql!(fetch_all, &mut tx, text, account, id)?;
    tx.commit().await?;
    let row = |(enrollment_id, name, embedding_id, model, Vector(vector))| GalleryRow {
        enrollment_id,
        name,
        embedding_id,
        model,
        vector,
    };
    Ok(Gallery { version, unknowns, rows: rows.into_iter().map(row).collect() })
}

/// Puts an enrollment into a collection. Returns whether it was not there before; only then does the version grow.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`] for either of them.
pub async fn add_member(db: &Db, account: Id, collection: Id, enrollment: Id, now: Micros) -> Result<bool> {
    let mut tx = db.write(account).await?;
    check(&mut tx, account, collection).await?;
    check_enrollment(&mut tx, account, enrollment).await?;
    let joined = join(&mut tx, account, collection, enrollment, now).await?;
    tx.commit().await?;
    Ok(joined)
}

/// Deletes a collection. Its enrollments stay.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`].
pub async fn delete(db: &Db, account: Id, id: Id, now: Micros) -> Result<()> {
    let mut tx = db.write(account).await?;
    sql!(execute, &mut tx, "delete from members where account_id = $1 and collection_id = $2", account, id)?;
    if sql!(execute, &mut tx, "delete from collections where account_id = $1 and id = $2", account, id)? == 0 {
        return Err(tombstones::missing(&mut tx, account, Kind::Collection, id).await);
    }
    tombstones::insert(&mut tx, account, Kind::Collection, id, now).await?;
    tx.commit().await
}

/// Makes an enrollment that is known to be there a member, and bumps the version if it was none.
pub(crate) async fn join(tx: &mut Tx, account: Id, collection: Id, enrollment: Id, now: Micros) -> Result<bool> {
    let text = "insert into members (collection_id, enrollment_id, account_id, created) \
                select c.id, $3, c.account_id, $4 from collections c where c.account_id = $1 and c.id = $2 \
                on conflict (collection_id, enrollment_id) do nothing";
    if sql!(execute, &mut *tx, text, account, collection, enrollment, now)? == 0 {
        return check(tx, account, collection).await.map(|()| false);
    }
    let text = "update collections set version = version + 1, updated = $3 where account_id = $1 and id = $2";
    sql!(execute, &mut *tx, text, account, collection, now)?;
    vectors::follow(tx, account, enrollment).await?;
    Ok(true)
}

/// Bumps the version of every collection that the enrollment is in.
pub(crate) async fn bump_all_of(tx: &mut Tx, account: Id, enrollment: Id, now: Micros) -> Result<()> {
    let text = "update collections set version = version + 1, updated = $3 where account_id = $1 and id in \
                (select collection_id from members where account_id = $1 and enrollment_id = $2)";
    sql!(execute, tx, text, account, enrollment, now)?;
    Ok(())
}

/// Fails unless the account has this collection.
pub(crate) async fn check<S, P>(conn: &mut Backend<S, P>, account: Id, id: Id) -> Result<()>
where
    S: DerefMut<Target = SqliteConnection>,
    P: DerefMut<Target = PgConnection>,
{
    let text = "select id from collections where account_id = $1 and id = $2";
    let row: Option<(Id,)> = sql!(fetch_optional, &mut *conn, text, account, id)?;
    match row {
        Some(_) => Ok(()),
        None => Err(tombstones::missing(conn, account, Kind::Collection, id).await),
    }
}

fn from_rows(account_id: Id, rows: Vec<Row>) -> Vec<Collection> {
    let mut collections: Vec<Collection> = Vec::new();
    for (id, name, unknowns, version, created, updated, member) in rows {
        if collections.last().is_none_or(|last| last.id != id) {
            collections.push(Collection {
                id,
                account_id,
                name,
                unknowns,
                version,
                enrollments: Vec::new(),
                created,
                updated,
            });
        }
        if let (Some(member), Some(collection)) = (member, collections.last_mut()) {
            collection.enrollments.push(member);
        }
    }
    collections
}
