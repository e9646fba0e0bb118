//! What statements run on: a connection or a transaction of either database, and the macro that runs one statement on both.

use std::fmt;
use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Database, PgConnection, Pool, Postgres, SqlSafeStr, Sqlite, SqliteConnection, Transaction};

use crate::data_keys::Sealer;
use crate::error::Result;

/// The same thing for one or the other database.
#[derive(Clone)]
pub(crate) enum Backend<S, P> {
    Sqlite(S),
    Postgres(P),
}

/// A connection for single reads.
pub(crate) struct Conn {
    pub(crate) connection: Backend<PoolConnection<Sqlite>, PoolConnection<Postgres>>,
    pub(crate) sealer: Option<Arc<dyn Sealer>>,
}

/// A transaction. [`commit`](Self::commit) keeps its changes. If it is dropped without a commit, it rolls back. After an
/// error of a store function, drop it.
pub struct Tx {
    pub(crate) transaction: Backend<Transaction<'static, Sqlite>, Transaction<'static, Postgres>>,
    pub(crate) sealer: Option<Arc<dyn Sealer>>,
}

impl Tx {
    /// Keeps the changes.
    ///
    /// # Errors
    /// After [`Error::Unavailable`](crate::Error::Unavailable) it is unknown whether the changes were kept.
    pub async fn commit(self) -> Result<()> {
        match self.transaction {
            Backend::Sqlite(tx) => tx.commit().await?,
            Backend::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tx")
    }
}

/// What `sql!` runs statements on.
pub(crate) trait Handle {
    fn native(&mut self) -> Backend<&mut SqliteConnection, &mut PgConnection>;

    /// What seals vectors, if the database was opened with it.
    fn sealer(&self) -> Option<&Arc<dyn Sealer>>;
}

impl Handle for Conn {
    fn native(&mut self) -> Backend<&mut SqliteConnection, &mut PgConnection> {
        match &mut self.connection {
            Backend::Sqlite(connection) => Backend::Sqlite(connection),
            Backend::Postgres(connection) => Backend::Postgres(connection),
        }
    }

    fn sealer(&self) -> Option<&Arc<dyn Sealer>> {
        self.sealer.as_ref()
    }
}

impl Handle for Tx {
    fn native(&mut self) -> Backend<&mut SqliteConnection, &mut PgConnection> {
        match &mut self.transaction {
            Backend::Sqlite(tx) => Backend::Sqlite(tx),
            Backend::Postgres(tx) => Backend::Postgres(tx),
        }
    }

    fn sealer(&self) -> Option<&Arc<dyn Sealer>> {
        self.sealer.as_ref()
    }
}

/// Begins a transaction in a task that outlives its caller.
///
/// A client that hangs up drops the future of its request at any point. Between `begin` and its answer, sqlx does not know yet
/// that there is a transaction: it would give the connection back to the pool inside of it (sqlx 0.9.0, its issue 4393). The
/// task always learns the answer, and then drops a transaction that nobody wants, which rolls it back.
pub(crate) async fn begin<D: Database>(pool: &Pool<D>, statement: &'static str) -> Result<Transaction<'static, D>> {
    let connection = pool.acquire().await?;
    let begun = tokio::spawn(Transaction::begin(connection, Some(statement.into_sql_str())));
    Ok(begun.await.map_err(|_| sqlx::Error::WorkerCrashed)??)
}

/// Runs one statement on a [`Handle`]: `sql!(fetch_all, conn, "select ... $1", value)`. The verb is one of sqlx's
/// `fetch_all`, `fetch_optional`, `fetch_one` (rows as tuples), `fetch` (a stream of them, in constant memory), or `execute` (the
/// number of rows affected).
macro_rules! sql {
    (fetch, $handle:expr, $text:expr $(, $value:expr)* $(,)?) => {
        match $crate::tx::Handle::native($handle) {
            $crate::tx::Backend::Sqlite(c) => sqlx::query_as::<sqlx::Sqlite, _>($text)$(.bind($value))*.fetch(c),
            $crate::tx::Backend::Postgres(c) => sqlx::query_as::<sqlx::Postgres, _>($text)$(.bind($value))*.fetch(c),
        }
    };
    (execute, $handle:expr, $text:expr $(, $value:expr)* $(,)?) => {
        match $crate::tx::Handle::native($handle) {
            $crate::tx::Backend::Sqlite(c) => sqlx::query::<sqlx::Sqlite>($text)$(.bind($value))*
                .execute(c).await.map(|done| done.rows_affected()),
            $crate::tx::Backend::Postgres(c) => sqlx::query::<sqlx::Postgres>($text)$(.bind($value))*
                .execute(c).await.map(|done| done.rows_affected()),
        }
    };
    ($fetch:ident, $handle:expr, $text:expr $(, $value:expr)* $(,)?) => {
        match $crate::tx::Handle::native($handle) {
            $crate::tx::Backend::Sqlite(c) => sqlx::query_as::<sqlx::Sqlite, _>($text)$(.bind($value))*.$fetch(c).await,
            $crate::tx::Backend::Postgres(c) => {
                sqlx::query_as::<sqlx::Postgres, _>($text)$(.bind($value))*.$fetch(c).await
            }
        }
    };
}
