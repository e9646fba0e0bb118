//! HNSW indexes of large collections.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::db::Db;
use crate::error::Result;
use crate::tx::Backend;

/// Vectors of one collection and model from which on they are indexed. With 5,000, comparing them all takes 3.0 ms and an
/// index 1.7 ms; with 10,000 it is 10.7 and 2.1 ms (`cargo bench -p vultus --bench postgres`).
pub const INDEX_FROM: i64 = 5_000;
/// An index is dropped when its collection has shrunk this far. A higher limit would let it come and go.
const INDEX_UNTIL: i64 = INDEX_FROM / 2;
/// Memory up to which pgvector may build an index quickly, all at once.
const BUILD_MEMORY_KB: i64 = 2 << 20;
/// Bytes of a vector in an index that is being built, beyond two for each value: links to neighbours (m is 16, twice that
/// on the lowest layer) and what goes with them. Measured: 710 with a million vectors. With too little, the last vectors are
/// added to the index on disk, each in seven times the time.
const LINK_BYTES: i64 = 800;
/// The advisory lock that lets one node at a time make and drop indexes ("vultus").
const LOCK: i64 = 0x7675_6c74_7573;

/// Makes the indexes that large collections lack, and drops those of collections that have shrunk or gone. Returns whether
/// anything had to be done. Searches and writes continue meanwhile. Does nothing if another node is doing it, and
/// nothing on SQLite.
pub async fn maintain(db: &Db) -> Result<bool> {
    let Backend::Postgres(pool) = db.backend() else { return Ok(false) };
    // Not given back to the pool: the lock ends with the connection, also when this is cancelled.
    let mut connection = pool.acquire().await?.detach();
    let (locked,): (bool,) =
        sqlx::query_as("select pg_try_advisory_lock($1)").bind(LOCK).fetch_one(&mut connection).await?;
    let changed = locked && bring_up_to_date(&mut connection).await?;
    connection.close().await?;
    Ok(changed)
}

async fn bring_up_to_date(connection: &mut PgConnection) -> Result<bool> {
    // The statements are put together by the database, which quotes the values.
    let text = "with spaces as (\
                    select collection_id, model, dimension, count(*) as vectors, 'vectors_hnsw_' || \
                    md5(collection_id || convert_to(model || ' ' || dimension, 'UTF8')) as name \
                    from vectors group by collection_id, model, dimension having count(*) >= $1\
                ), indexes as (\
                    select c.relname as name, i.indisvalid as valid from pg_index i \
                    join pg_class c on c.oid = i.indexrelid \
                    where i.indrelid = 'vectors'::regclass and c.relname like 'vectors\\_hnsw\\_%'\
                ) \
                select format('drop index concurrently if exists %I', name), 0::bigint \
                from indexes left join spaces using (name) where not valid or spaces.name is null \
                union all \
                select format('create index concurrently %I on vectors using hnsw \
                ((vector::halfvec(%s)) halfvec_ip_ops) with (m = 16, ef_construction = 64) \
                where collection_id = %L::bytea and model = %L and dimension = %s::bigint', \
                name, dimension, collection_id, model, dimension), vectors * (2 * dimension + $3) / 1024 \
                from spaces left join indexes using (name) \
                where vectors >= $2 and (indexes.name is null or not valid)";
    let query = sqlx::query_as(text).bind(INDEX_UNTIL).bind(INDEX_FROM).bind(LINK_BYTES);
    let statements: Vec<(String, i64)> = query.fetch_all(&mut *connection).await?;
    let changed = !statements.is_empty();
    // One process: several would need shared memory, of which containers have little, and processors, which searches need.
    sqlx::raw_sql("set max_parallel_maintenance_workers = 0").execute(&mut *connection).await?;
    for (statement, memory_kb) in statements {
        let memory = format!("{}kB", memory_kb.clamp(64 << 10, BUILD_MEMORY_KB));
        let set = sqlx::query("select set_config('maintenance_work_mem', $1, false)");
        set.bind(memory).execute(&mut *connection).await?;
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    if changed {
        // Or the planner would know the collection's share of the table only after the next automatic analysis.
        sqlx::raw_sql("analyze vectors").execute(connection).await?;
    }
    Ok(changed)
}
