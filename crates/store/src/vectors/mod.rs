//! Vector search in PostgreSQL with pgvector: the one place whose SQL is not for both databases.
//!
//! The table `vectors` holds each embedding once for each collection that it is in. It follows the tables that it is
//! derived from within their transactions: `add` and `follow` add what is new, foreign keys remove what is gone. A collection is
//! searched by comparing the probe with all of its vectors, which a B-tree finds. A large one gets a partial HNSW index of
//! its own (`index.rs`), so that a search never meets vectors of other collections, which it would have to skip.

mod index;
mod repair;

use sqlx::{AssertSqlSafe, PgConnection};

use crate::data_keys::{self, Sealed};
use crate::db::Db;
use crate::embeddings::NewEmbedding;
use crate::error::Result;
use crate::ids::Id;
use crate::tx::{Backend, Handle as _, Tx, begin};

pub use index::{INDEX_FROM, maintain};
pub use repair::{Coverage, check, rebuild};

/// Neighbours that the search of an index keeps at least. More find more, and take longer.
const EF_SEARCH: usize = 100;
/// Members for each neighbour that is kept in a large collection: 100 find 99.0 to 99.6 % of the right people among 50,000, but
/// only 85 % among 500,000 (`cargo bench -p vultus --bench postgres`), who are not to be missed there either.
const MEMBERS_EACH: u64 = 350;
/// pgvector's largest `hnsw.ef_search`, and so the most vectors that an index gives.
const EF_SEARCH_MAX: usize = 1000;
/// Vectors asked for in the first place for each enrollment wanted: people rarely have more among the nearest.
const VECTORS_EACH: usize = 8;

/// Neighbours that an HNSW index has to keep while it searches a collection with so many members: 100 to 1000.
pub fn breadth(members: u64) -> usize {
    ((members / MEMBERS_EACH) as usize).clamp(EF_SEARCH, EF_SEARCH_MAX)
}

/// How many vectors to ask for when `limit` people are wanted, and how many once more for somebody with more vectors among
/// the nearest.
pub fn rounds(limit: usize) -> [usize; 2] {
    let first = limit.saturating_mul(VECTORS_EACH);
    [first, first.max(EF_SEARCH_MAX)]
}

/// The first of each enrollment among vectors with their cosines, at most `limit`.
pub fn distinct(found: impl IntoIterator<Item = (Id, f32)>, limit: usize) -> Vec<(Id, f32)> {
    let mut best: Vec<(Id, f32)> = Vec::with_capacity(limit);
    for (id, cosine) in found {
        if best.len() < limit && best.iter().all(|(other, _)| *other != id) {
            best.push((id, cosine));
        }
    }
    best
}

/// The members of a collection most like the probe, with the cosine of their best embedding by `model`, best first, at
/// most `limit`. An index keeps `breadth` neighbours at least (see [`breadth`]). The cosines are those of 16-bit floats, so their third digit is the last good one. Empty on SQLite, and
/// for a collection that is not there.
pub async fn search(
    db: &Db,
    account: Id,
    collection: Id,
    model: &str,
    probe: &[f32],
    limit: usize,
    breadth: usize,
) -> Result<Vec<(Id, f32)>> {
    let Backend::Postgres(pool) = db.backend() else { return Ok(Vec::new()) };
    // Custom plans, since only a plan that knows the collection can use its index.
    let statement = "begin read only; set local plan_cache_mode = force_custom_plan";
    let mut tx = begin(pool, statement).await?;
    let mut best = Vec::new();
    // Fewer rows than asked for need not be all: an index also counts those that were deleted a short time ago.
    for rows in rounds(limit) {
        let ef_search = rows.max(breadth).min(EF_SEARCH_MAX).to_string();
        let set = sqlx::query("select set_config('hnsw.ef_search', $1, true)");
        set.bind(ef_search).execute(&mut *tx).await?;
        let found = nearest(&mut tx, account, collection, model, probe, rows as i64).await?;
        best = distinct(found.into_iter().map(|(id, cosine)| (id, cosine as f32)), limit);
        if best.len() == limit {
            break;
        }
    }
    tx.commit().await?;
    Ok(best)
}

async fn nearest(
    connection: &mut PgConnection,
    account: Id,
    collection: Id,
    model: &str,
    probe: &[f32],
    rows: i64,
) -> Result<Vec<(Id, f64)>> {
    let dimension = probe.len();
    // An index has vectors of one dimension, which is part of its expression.
    let text = format!(
        "select enrollment_id, -(vector::halfvec({dimension}) <#> $5::real[]::halfvec({dimension})) from vectors \
         where account_id = $1 and collection_id = $2 and model = $3 and dimension = $4 \
         order by vector::halfvec({dimension}) <#> $5::real[]::halfvec({dimension}) limit $6"
    );
    let query = sqlx::query_as(AssertSqlSafe(text)).bind(account).bind(collection).bind(model);
    Ok(query.bind(dimension as i64).bind(unit(probe)).bind(rows).fetch_all(connection).await?)
}

/// Adds new embeddings of an enrollment to the collections that it is in. Each vector is sent once, however many these are.
pub(crate) async fn add(tx: &mut Tx, account: Id, enrollment: Id, new: &[NewEmbedding]) -> Result<()> {
    let Backend::Postgres(connection) = tx.native() else { return Ok(()) };
    let text = "select exists (select from members where account_id = $1 and enrollment_id = $2)";
    let (is_member,): (bool,) = sqlx::query_as(text).bind(account).bind(enrollment).fetch_one(&mut *connection).await?;
    let text = "insert into vectors (collection_id, enrollment_id, embedding_id, account_id, model, dimension, vector) \
                select collection_id, enrollment_id, $3, account_id, $4, $5, $6::real[]::halfvec \
                from members where account_id = $1 and enrollment_id = $2";
    for NewEmbedding { id, model, vector, .. } in new.iter().filter(|_| is_member) {
        let query = sqlx::query(text).bind(account).bind(enrollment).bind(id).bind(model.as_str());
        query.bind(vector.len() as i64).bind(unit(vector)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Adds the vectors that an enrollment lacks in the collections that it is in, after it has joined one.
pub(crate) async fn follow(tx: &mut Tx, account: Id, enrollment: Id) -> Result<()> {
    if matches!(tx.native(), Backend::Sqlite(_)) {
        return Ok(());
    }
    let key = data_keys::of(tx, account).await?;
    let Backend::Postgres(connection) = tx.native() else { return Ok(()) };
    let text = "select m.collection_id, b.id, b.model, b.vector from members m \
                join embeddings b on b.enrollment_id = m.enrollment_id \
                where m.account_id = $1 and m.enrollment_id = $2 and not exists (select from vectors v where \
                v.collection_id = m.collection_id and v.enrollment_id = m.enrollment_id and v.embedding_id = b.id)";
    let missing: Vec<(Id, Id, String, Vec<u8>)> =
        sqlx::query_as(text).bind(account).bind(enrollment).fetch_all(&mut *connection).await?;
    let text = "insert into vectors (collection_id, enrollment_id, embedding_id, account_id, model, dimension, vector) \
                values ($1, $2, $3, $4, $5, $6, $7::real[]::halfvec)";
    for (collection, embedding, model, vector) in missing {
        let vector = key.open(Sealed::Embedding, embedding, &vector)?;
        let query = sqlx::query(text).bind(collection).bind(enrollment).bind(embedding).bind(account).bind(model);
        query.bind(vector.len() as i64).bind(unit(&vector)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The vector of length 1 in its direction, so that inner products are cosines; a vector of length 0 stays.
pub fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    let scale = if length > 0.0 { length.recip() } else { 0.0 };
    vector.iter().map(|value| value * scale).collect()
}
