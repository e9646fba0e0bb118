//! How far a vector engine beside the database has followed each collection. Only PostgreSQL has cursors, because many
//! servers share it. One server at a time brings the engine up to date with a collection, under a lock that ends with its
//! connection.

use std::time::Duration;

use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{Postgres, Transaction};

use crate::collections::CollectionKey;
use crate::db::Db;
use crate::error::Result;
use crate::ids::{Id, Micros};
use crate::tx::{Backend, begin};

/// Collections that one process brings up to date at a time.
const LOCKS: u32 = 4;
/// How long others wait until one of these is done.
const LOCK_TIMEOUT: Duration = Duration::from_mins(1);

/// The cursors of a database that is PostgreSQL.
#[derive(Clone)]
pub struct Cursors {
    pool: PgPool,
    /// Connections that hold locks. They are separate, so that tasks that wait for a lock leave its holder a connection.
    locks: PgPool,
}

/// How far an engine has followed a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The version of the collection that the engine has. Below every real version if the engine has nothing yet.
    pub version: i64,
    /// When that version came to be.
    pub changed: Micros,
    /// The engine's stamp of the last write for the collection. 0 during a write, and after one whose result is unknown.
    pub written: i64,
}

impl Cursor {
    /// Nothing yet.
    const NONE: Self = Self { version: -1, changed: 0, written: 0 };
}

/// The right to do the work that a name stands for. Dropping it gives it back.
pub struct Lock(Transaction<'static, Postgres>);

/// The right to bring an engine up to date with a collection. Dropping it gives it back.
pub struct Held {
    pool: PgPool,
    lock: Lock,
    engine: String,
    of: CollectionKey,
    /// How far the engine is.
    pub cursor: Cursor,
}

impl Cursors {
    /// The cursors of a database. `None` for SQLite.
    pub fn of(db: &Db) -> Option<Self> {
        let Backend::Postgres(pool) = db.backend() else { return None };
        let locks = PgPoolOptions::new().max_connections(LOCKS).acquire_timeout(LOCK_TIMEOUT);
        Some(Self { pool: pool.clone(), locks: locks.connect_lazy_with((*pool.connect_options()).clone()) })
    }

    /// Waits for the lock of this name.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable), also when this process holds too many for a minute.
    pub async fn lock(&self, name: &str) -> Result<Lock> {
        // The connection is silent while the engine works.
        let statement = "begin; set local idle_in_transaction_session_timeout = 0";
        let mut tx = begin(&self.locks, statement).await?;
        let text = "select pg_advisory_xact_lock(hashtextextended($1, 0))";
        sqlx::query(text).bind(name).execute(&mut *tx).await?;
        Ok(Lock(tx))
    }

    /// Waits until nobody else brings the engine up to date with the collection.
    ///
    /// # Errors
    /// As [`lock`](Self::lock).
    pub async fn hold(&self, of: CollectionKey, engine: &str) -> Result<Held> {
        let mut lock = self.lock(&format!("{engine} {}", of.collection)).await?;
        let text = "select version, changed, written from cursors where account_id = $1 and collection_id = $2 and engine = $3";
        let query = sqlx::query_as(text).bind(of.account).bind(of.collection).bind(engine);
        let row: Option<(i64, Micros, i64)> = query.fetch_optional(&mut *lock.0).await?;
        let cursor = row.map_or(Cursor::NONE, |(version, changed, written)| Cursor { version, changed, written });
        Ok(Held { pool: self.pool.clone(), lock, engine: engine.to_owned(), of, cursor })
    }

    /// All collections with members, of all accounts.
    pub async fn collections(&self) -> Result<Vec<CollectionKey>> {
        let text = "select account_id, id from collections where member_count > 0";
        Ok(keys(sqlx::query_as(text).fetch_all(&self.pool).await?))
    }

    /// Collections that the engine has not followed to their newest version, of all accounts.
    pub async fn behind(&self, engine: &str) -> Result<Vec<CollectionKey>> {
        let text = "select c.account_id, c.id from collections c \
                    left join cursors k on k.collection_id = c.id and k.engine = $1 \
                    where k.version < c.version or (k.version is null and c.member_count > 0)";
        Ok(keys(sqlx::query_as(text).bind(engine).fetch_all(&self.pool).await?))
    }

    /// Deleted collections of all accounts of which the engine may still have rows.
    pub async fn gone(&self, engine: &str) -> Result<Vec<CollectionKey>> {
        let text = "select k.account_id, k.collection_id from cursors k \
                    left join collections c on c.id = k.collection_id where k.engine = $1 and c.id is null";
        Ok(keys(sqlx::query_as(text).bind(engine).fetch_all(&self.pool).await?))
    }

    /// The id of this installation: 16 random letters and digits. A restored copy of the database has the same.
    pub async fn installation(&self) -> Result<String> {
        let (id,): (String,) = sqlx::query_as("select id from installation").fetch_one(&self.pool).await?;
        Ok(id)
    }

    /// The engines with cursors, except this one, each with its newest stamp of a write.
    pub async fn other_engines(&self, engine: &str) -> Result<Vec<(String, i64)>> {
        let text = "select engine, max(written) from cursors where engine <> $1 group by engine order by engine";
        Ok(sqlx::query_as(text).bind(engine).fetch_all(&self.pool).await?)
    }

    /// All collections of which the engine may have rows, of all accounts.
    pub async fn followed(&self, engine: &str) -> Result<Vec<CollectionKey>> {
        let text = "select account_id, collection_id from cursors where engine = $1";
        Ok(keys(sqlx::query_as(text).bind(engine).fetch_all(&self.pool).await?))
    }

    /// Forgets an engine that no longer exists.
    pub async fn remove_engine(&self, engine: &str) -> Result<()> {
        sqlx::query("delete from cursors where engine = $1").bind(engine).execute(&self.pool).await?;
        Ok(())
    }
}

impl Held {
    /// Records that a write to the engine begins. From now on the content of the engine is unknown until it is
    /// [saved](Self::save), even if this process ends. If the collection is deleted meanwhile, we still know that the engine
    /// may have rows to remove.
    pub async fn begin(&self) -> Result<()> {
        let text = "insert into cursors (collection_id, engine, account_id, version, changed, written) \
                    values ($1, $2, $3, $4, $5, 0) on conflict (collection_id, engine) do update set written = 0";
        let query = sqlx::query(text).bind(self.of.collection).bind(&self.engine).bind(self.of.account);
        query.bind(Cursor::NONE.version).bind(Cursor::NONE.changed).execute(&self.pool).await?;
        Ok(())
    }

    /// Records how far the engine is now, and releases the lock.
    pub async fn save(mut self, cursor: Cursor) -> Result<()> {
        let text = "update cursors set version = $4, changed = $5, written = $6 \
                    where account_id = $1 and collection_id = $2 and engine = $3";
        let query = sqlx::query(text).bind(self.of.account).bind(self.of.collection).bind(&self.engine);
        let query = query.bind(cursor.version).bind(cursor.changed).bind(cursor.written);
        query.execute(&mut *self.lock.0).await?;
        Ok(self.lock.0.commit().await?)
    }

    /// Records that the engine no longer has rows of the collection.
    pub async fn remove(mut self) -> Result<()> {
        let text = "delete from cursors where account_id = $1 and collection_id = $2 and engine = $3";
        let query = sqlx::query(text).bind(self.of.account).bind(self.of.collection).bind(&self.engine);
        query.execute(&mut *self.lock.0).await?;
        Ok(self.lock.0.commit().await?)
    }
}

fn keys(rows: Vec<(Id, Id)>) -> Vec<CollectionKey> {
    rows.into_iter().map(|(account, collection)| CollectionKey { account, collection }).collect()
}
