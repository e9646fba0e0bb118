//! The reads of identification: the state of a collection, all of its embeddings, or those of some members.

use std::fmt;

use crate::data_keys::{self, Key, Sealed};
use crate::db::Db;
use crate::enrollments::Facts;
use crate::error::Result;
use crate::ids::{Id, Kind, Micros};
use crate::tombstones;
use crate::tx::Tx;

/// Members of one page of a [`Reader`]: bounds its memory, and is long enough that the round trips do not count.
const PAGE: i64 = 2_000;

/// The state of a collection, read before every identification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The version of the collection.
    pub version: i64,
    /// When that version came to be.
    pub changed: Micros,
    /// Whether its classifier has a class for unknown people.
    pub unknowns: bool,
    /// Number of members.
    pub members: u64,
    /// The newest classifier, if there is one.
    pub fit: Option<FitStamp>,
}

/// Which classifier it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FitStamp {
    /// When it was fitted.
    pub fitted: Micros,
    /// The model of the embeddings that it was fitted to.
    pub model: String,
    /// Embeddings of other models that were left out.
    pub outdated: u64,
}

/// An embedding of a member of a collection.
#[derive(Clone, PartialEq)]
pub struct MemberEmbedding {
    /// The member.
    pub enrollment_id: Id,
    /// The embedding.
    pub embedding_id: Id,
    /// The model that made it. Vectors of different models cannot be compared.
    pub model: String,
    /// The vector as it was stored.
    pub vector: Vec<f32>,
}

/// A member of a collection with its embeddings by one model.
#[derive(Clone, PartialEq)]
pub struct Member {
    /// The enrollment.
    pub id: Id,
    /// The embeddings with their ids, in the order of their positions.
    pub embeddings: Vec<(Id, Vec<f32>)>,
}

impl fmt::Debug for MemberEmbedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "MemberEmbedding({}, {}, {}, {} values)",
            self.enrollment_id,
            self.embedding_id,
            self.model,
            self.vector.len()
        )
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Member({}, {} embeddings)", self.id, self.embeddings.len())
    }
}

/// A collection, and its fit if there is one.
type StateRow = (i64, Micros, bool, i64, Option<Micros>, Option<String>, Option<i64>);

/// The state of a collection.
///
/// # Errors
/// [`Error::NotFound`](crate::Error::NotFound) or [`Error::Gone`](crate::Error::Gone).
pub async fn state(db: &Db, account: Id, id: Id) -> Result<State> {
    let mut conn = db.read().await?;
    let text = "select c.version, c.updated, c.unknowns, c.member_count, f.fitted, f.model, f.outdated from collections c \
                left join fits f on f.collection_id = c.id where c.account_id = $1 and c.id = $2";
    let row: Option<StateRow> = sql!(fetch_optional, &mut conn, text, account, id)?;
    let Some((version, changed, unknowns, members, fitted, model, outdated)) = row else {
        return Err(tombstones::missing(&mut conn, account, Kind::Collection, id).await);
    };
    let fit = fitted.zip(model).map(|(fitted, model)| FitStamp {
        fitted,
        model,
        outdated: outdated.unwrap_or_default() as u64,
    });
    Ok(State { version, changed, unknowns, members: members as u64, fit })
}

/// The versions of a collection that tell whether a copy of it may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The newest version.
    pub version: i64,
    /// The version of the last change that took an embedding out.
    pub removed: i64,
}

impl Versions {
    /// Whether a copy of this version holds nothing that was removed since, and is not of another history.
    pub fn allow(&self, copy: i64) -> bool {
        (self.removed..=self.version).contains(&copy)
    }
}

/// The versions of a collection of any account; none if it is not there. For the upkeep of copies, which asks for no account's data.
pub async fn versions(db: &Db, collection: Id) -> Result<Option<Versions>> {
    let mut conn = db.read().await?;
    let text = "select version, removed from collections where id = $1";
    let row: Option<(i64, i64)> = sql!(fetch_optional, &mut conn, text, collection)?;
    Ok(row.map(|(version, removed)| Versions { version, removed }))
}

/// Number of embeddings in a collection. Reads an index entry for each.
pub async fn embedding_count(db: &Db, account: Id, collection: Id) -> Result<u64> {
    let mut conn = db.read().await?;
    let text = "select cast(coalesce(sum(e.embedding_count), 0) as bigint) from members m \
                join enrollments e on e.id = m.enrollment_id where m.account_id = $1 and m.collection_id = $2";
    let (count,): (i64,) = sql!(fetch_one, &mut conn, text, account, collection)?;
    Ok(count as u64)
}

/// Reads all embeddings of a collection in pages, all as they were at one moment.
pub struct Reader {
    tx: Tx,
    key: Key,
    account: Id,
    collection: Id,
    /// The last member of the page before.
    after: Vec<u8>,
    /// The version that the embeddings are of.
    pub version: i64,
    /// When that version came to be.
    pub changed: Micros,
    /// Whether the classifier has a class for unknown people.
    pub unknowns: bool,
}

impl Reader {
    /// Begins to read.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) or [`Error::Gone`](crate::Error::Gone).
    pub async fn open(db: &Db, account: Id, collection: Id) -> Result<Self> {
        let mut tx = db.read_snapshot().await?;
        let text = "select version, updated, unknowns from collections where account_id = $1 and id = $2";
        let row: Option<(i64, Micros, bool)> = sql!(fetch_optional, &mut tx, text, account, collection)?;
        let Some((version, changed, unknowns)) = row else {
            return Err(tombstones::missing(&mut tx, account, Kind::Collection, collection).await);
        };
        let key = data_keys::of(&mut tx, account).await?;
        Ok(Self { tx, key, account, collection, after: Vec::new(), version, changed, unknowns })
    }

    /// The next embeddings, those of a member together and in order; none at the end.
    pub async fn page(&mut self) -> Result<Vec<MemberEmbedding>> {
        let text = "select p.enrollment_id, b.id, b.model, b.vector from (\
                        select enrollment_id from members where account_id = $1 and collection_id = $2 \
                        and enrollment_id > $3 order by enrollment_id limit $4\
                    ) p join embeddings b on b.enrollment_id = p.enrollment_id order by p.enrollment_id, b.position";
        let rows: Vec<(Id, Id, String, Vec<u8>)> =
            sql!(fetch_all, &mut self.tx, text, self.account, self.collection, self.after.as_slice(), PAGE)?;
        if let Some(last) = rows.last() {
            self.after = last.0.to_bytes();
        }
        let row = |(enrollment_id, embedding_id, model, vector): (Id, Id, String, Vec<u8>)| {
            let vector = self.key.open(Sealed::Embedding, embedding_id, &vector)?;
            Ok(MemberEmbedding { enrollment_id, embedding_id, model, vector })
        };
        rows.into_iter().map(row).collect()
    }
}

/// Enrollments asked for in one statement: as many as an identification of one face looks at.
const TOGETHER: usize = 8;

/// Those of the enrollments that are members of the collection now: see [`MemberReader::embeddings`].
pub async fn members(db: &Db, account: Id, collection: Id, model: &str, ids: &[Id]) -> Result<Vec<Member>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    MemberReader::open(db, account, collection).await?.embeddings(model, ids).await
}

/// Reads some members of a collection, all as they are at one moment.
pub struct MemberReader {
    tx: Tx,
    key: Key,
    account: Id,
    collection: Id,
}

impl MemberReader {
    /// Begins to read.
    pub async fn open(db: &Db, account: Id, collection: Id) -> Result<Self> {
        let mut tx = db.read_snapshot().await?;
        let key = data_keys::of(&mut tx, account).await?;
        Ok(Self { tx, key, account, collection })
    }

    /// Those of the enrollments that are members, with their embeddings by `model`, in the given order. Members without any are
    /// left out.
    pub async fn embeddings(&mut self, model: &str, ids: &[Id]) -> Result<Vec<Member>> {
        let text = "select b.enrollment_id, b.id, b.vector from members m \
                    join embeddings b on b.enrollment_id = m.enrollment_id \
                    where m.account_id = $1 and m.collection_id = $2 and b.model = $3 and \
                    m.enrollment_id in ($4, $5, $6, $7, $8, $9, $10, $11) order by b.enrollment_id, b.position";
        let mut members = Vec::with_capacity(ids.len());
        let (account, collection) = (self.account, self.collection);
        for ids in ids.chunks(TOGETHER) {
            let [a, b, c, d, e, f, g, h] = filled(ids);
            let rows: Vec<(Id, Id, Vec<u8>)> =
                sql!(fetch_all, &mut self.tx, text, account, collection, model, a, b, c, d, e, f, g, h)?;
            let mut found = from_rows(&self.key, rows)?;
            for id in ids {
                members.extend(found.iter().position(|member| member.id == *id).map(|at| found.swap_remove(at)));
            }
        }
        Ok(members)
    }

    /// What the tenant says of those of the enrollments that are members, in no order.
    pub async fn facts(&mut self, ids: &[Id]) -> Result<Vec<(Id, Facts)>> {
        let text = "select e.id, e.name, e.external_id, e.legacy_id, e.metadata from members m \
                    join enrollments e on e.id = m.enrollment_id \
                    where m.account_id = $1 and m.collection_id = $2 and \
                    m.enrollment_id in ($3, $4, $5, $6, $7, $8, $9, $10)";
        let mut all = Vec::with_capacity(ids.len());
        let (account, collection) = (self.account, self.collection);
        for ids in ids.chunks(TOGETHER) {
            let [a, b, c, d, e, f, g, h] = filled(ids);
            let rows: Vec<FactsRow> = sql!(fetch_all, &mut self.tx, text, account, collection, a, b, c, d, e, f, g, h)?;
            all.extend(rows.into_iter().map(|(id, name, external_id, legacy_id, metadata)| {
                (id, Facts { name, external_id, legacy_id, metadata })
            }));
        }
        Ok(all)
    }
}

type FactsRow = (Id, String, Option<String>, Option<String>, Option<String>);

/// A statement has room for so many ids: the last one fills it.
fn filled(ids: &[Id]) -> [Id; TOGETHER] {
    std::array::from_fn(|at| ids[at.min(ids.len() - 1)])
}

/// Members from rows of which those of each stand together.
fn from_rows(key: &Key, rows: Vec<(Id, Id, Vec<u8>)>) -> Result<Vec<Member>> {
    let mut members: Vec<Member> = Vec::new();
    for (id, embedding, vector) in rows {
        let vector = key.open(Sealed::Embedding, embedding, &vector)?;
        if members.last().is_none_or(|last| last.id != id) {
            members.push(Member { id, embeddings: Vec::new() });
        }
        if let Some(member) = members.last_mut() {
            member.embeddings.push((embedding, vector));
        }
    }
    Ok(members)
}
