//! The two databases: how they are opened, brought up to date, watched and closed.

use std::fmt;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqlSafeStr};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::data_keys::Sealer;
use crate::error::{Error, Result};
use crate::ids::{Id, Micros};
use crate::tx::{Backend, Conn, Handle as _, Tx, begin};

/// The server answers 503 before most clients give up.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long SQLite waits for a writer in another process, such as the command line.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// Each SQLite connection is a thread; reads are short and the file is mostly in the page cache.
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 10;
/// How often PostgreSQL is asked for a sign of life, and how long it may take to give one.
const PULSE: Duration = Duration::from_secs(5);
/// How long one sign of life serves all who wait for one: hundreds of slow requests share one connection for it.
const PULSE_SHARED: Duration = Duration::from_secs(1);
/// The connection for it is closed long before a firewall may forget it, which would look like silence.
const PULSE_IDLE: Duration = Duration::from_mins(1);

/// The database. Clones share their connections.
#[derive(Clone)]
pub struct Db {
    pools: Backend<SqlitePools, PostgresPools>,
    sealer: Option<Arc<dyn Sealer>>,
    /// When [`Db::check_writable`] last succeeded.
    written: Arc<Mutex<Option<Instant>>>,
}

/// SQLite has one writer at a time: waiting for the connection is fairer and quicker than waiting for the file's lock.
#[derive(Clone)]
struct SqlitePools {
    writer: SqlitePool,
    readers: SqlitePool,
}

#[derive(Clone)]
struct PostgresPools {
    work: PgPool,
    pulse: Arc<Pulse>,
}

/// One connection, to see whether the server answers while others wait for it.
struct Pulse {
    connection: PgPool,
    /// When the server was last asked, and whether it answered.
    last: Mutex<Option<(Instant, bool)>>,
}

impl Db {
    /// Opens the database and brings its schema up to date. Several processes may do so at the same time.
    ///
    /// `url` is `sqlite:` and the path of a file (no options, no escapes), which is created with mode 0600 if missing,
    /// in a folder that exists; or the `postgres://` address of an existing database.
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::CreateFile`], [`Error::NoVectors`], [`Error::Migrate`], [`Error::Damaged`], or
    /// [`Error::Unavailable`] if nothing answers.
    pub async fn connect(url: &str) -> Result<Db> {
        Self::open(url, true).await
    }

    /// The same for an existing database. One that is missing or has no tables stays as it is.
    ///
    /// # Errors
    /// [`Error::Empty`], and those of [`Self::connect`].
    pub async fn connect_existing(url: &str) -> Result<Db> {
        Self::open(url, false).await
    }

    async fn open(url: &str, may_be_empty: bool) -> Result<Db> {
        match Address::parse(url)? {
            Backend::Sqlite(path) => Self::open_sqlite(path, may_be_empty).await,
            Backend::Postgres(options) => Self::connect_postgres(*options, may_be_empty).await,
        }
    }

    async fn open_sqlite(path: &str, may_be_empty: bool) -> Result<Db> {
        // Before SQLite opens it, which removes the log of an empty file.
        if !may_be_empty && std::fs::metadata(path).map_or(0, |file| file.len()) == 0 {
            return Err(Error::Empty);
        }
        create_private_file(Path::new(path)).map_err(Error::CreateFile)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            // An acknowledged write survives a power failure; with NORMAL, the last ones in the WAL might not.
            .synchronous(SqliteSynchronous::Full)
            // Deleted faces are overwritten in the file, not merely unlinked.
            .pragma("secure_delete", "on");
        let pool = || {
            let pool = SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).idle_timeout(None).max_lifetime(None);
            // On a full disk, SQLite rolls back by itself. sqlx does not notice, and would refuse every later transaction of the
            // connection: so a connection that is in a transaction, by sqlx's count, is closed. The ping waits for a rollback.
            pool.after_release(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
        };
        let writing = options.clone().journal_mode(SqliteJournalMode::Wal);
        let writer = connect_when_free(pool().max_connections(1), writing).await?;
        // SQLite's migrations take no lock of their own.
        let mut tx = writer.begin_with("begin immediate").await?;
        let tables = "select count(*) from sqlite_master where name = '_sqlx_migrations'";
        if !may_be_empty && sqlx::query_as::<_, (i64,)>(tables).fetch_one(&mut *tx).await?.0 == 0 {
            return Err(Error::Empty);
        }
        migrator(&files(false)).run_direct(None, &mut *tx, false).await?;
        tx.commit().await?;
        let readers = pool().max_connections(SQLITE_READERS).connect_with(options.pragma("query_only", "on")).await?;
        Ok(Db { pools: Backend::Sqlite(SqlitePools { writer, readers }), sealer: None, written: Arc::default() })
    }

    async fn connect_postgres(options: PgConnectOptions, may_be_empty: bool) -> Result<Db> {
        let work = PgPoolOptions::new()
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .max_connections(POSTGRES_CONNECTIONS)
            .connect_with(options.clone())
            .await?;
        let pulse = PgPoolOptions::new().acquire_timeout(PULSE).max_connections(1).idle_timeout(PULSE_IDLE);
        let pulse = Arc::new(Pulse { connection: pulse.connect_lazy_with(options), last: Mutex::default() });
        let mut connection = work.acquire().await?;
        let tables = "select count(to_regclass('_sqlx_migrations'))";
        if !may_be_empty && sqlx::query_as::<_, (i64,)>(tables).fetch_one(&mut *connection).await?.0 == 0 {
            return Err(Error::Empty);
        }
        migrator(&files(true)).run_direct(None, &mut *connection, false).await?;
        Ok(Db { pools: Backend::Postgres(PostgresPools { work, pulse }), sealer: None, written: Arc::default() })
    }

    /// The same database with what seals and opens its vectors. Without, vectors are neither read nor written.
    #[must_use]
    pub fn sealed_by(self, sealer: Arc<dyn Sealer>) -> Db {
        Db { sealer: Some(sealer), ..self }
    }

    /// Whether this is PostgreSQL, which searches vectors itself.
    pub fn is_postgres(&self) -> bool {
        matches!(self.pools, Backend::Postgres(_))
    }

    /// Writes one small row, to see whether the database can be written: a disk that is full can still be read. A write
    /// that succeeds serves all who ask within a second.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if not.
    pub async fn check_writable(&self, now: Micros) -> Result<()> {
        // Fails at once when the database is away or closed, whenever it was last written.
        drop(self.read().await?);
        let mut written = self.written.lock().await;
        if written.is_some_and(|at| at.elapsed() < PULSE_SHARED) {
            return Ok(());
        }
        let mut tx = self.write_unlocked().await?;
        let text = "insert into heartbeats (id, beaten) values (1, $1) on conflict (id) do update set beaten = excluded.beaten";
        sql!(execute, &mut tx, text, now)?;
        tx.commit().await?;
        *written = Some(Instant::now());
        Ok(())
    }

    /// Resolves with [`Error::Unavailable`] at most 11 seconds after the database has fallen silent. Race it with work that
    /// waits for the database. A statement may take as long as it needs if the server answers others. Nothing else shows that
    /// a server hangs or that a network swallows packets. Never resolves for SQLite.
    pub async fn silence(&self) -> Error {
        let Backend::Postgres(pools) = &self.pools else { return std::future::pending().await };
        loop {
            tokio::time::sleep(PULSE).await;
            if !pools.pulse.answers().await {
                return Error::Unavailable(sqlx::Error::PoolTimedOut);
            }
        }
    }

    /// Waits for the running statements, but not for a server that hangs, and closes all connections. Later calls fail with
    /// [`Error::Unavailable`].
    pub async fn close(&self) {
        match &self.pools {
            Backend::Sqlite(pools) => {
                pools.readers.close().await;
                pools.writer.close().await;
            }
            Backend::Postgres(pools) => {
                tokio::select! {
                    () = pools.work.close() => {}
                    _ = self.silence() => {}
                }
                let _ = tokio::time::timeout(PULSE, pools.pulse.connection.close()).await;
            }
        }
    }

    /// How many connections are open, of each pool.
    pub fn connections(&self) -> Vec<Connections> {
        match &self.pools {
            Backend::Sqlite(pools) => {
                vec![Connections::of("writer", &pools.writer), Connections::of("readers", &pools.readers)]
            }
            Backend::Postgres(pools) => {
                vec![Connections::of("work", &pools.work), Connections::of("pulse", &pools.pulse.connection)]
            }
        }
    }

    /// The connections.
    pub(crate) fn backend(&self) -> Backend<(), &PgPool> {
        match &self.pools {
            Backend::Sqlite(_) => Backend::Sqlite(()),
            Backend::Postgres(pools) => Backend::Postgres(&pools.work),
        }
    }

    /// A connection for a single read.
    pub(crate) async fn read(&self) -> Result<Conn> {
        let connection = match &self.pools {
            Backend::Sqlite(pools) => Backend::Sqlite(pools.readers.acquire().await?),
            Backend::Postgres(pools) => Backend::Postgres(pools.work.acquire().await?),
        };
        Ok(Conn { connection, sealer: self.sealer.clone() })
    }

    /// A transaction whose reads all see the database at one moment.
    pub(crate) async fn read_snapshot(&self) -> Result<Tx> {
        let transaction = match &self.pools {
            Backend::Sqlite(pools) => Backend::Sqlite(begin(&pools.readers, "begin").await?),
            Backend::Postgres(pools) => {
                Backend::Postgres(begin(&pools.work, "begin isolation level repeatable read read only").await?)
            }
        };
        Ok(Tx { transaction, sealer: self.sealer.clone() })
    }

    /// Begins a transaction that writes rows of `account`; the functions of the tables take it, and [`Tx::commit`] keeps what they
    /// did. One account has one such transaction at a time, so hold it briefly and never across an inference.
    ///
    /// SQLite has one writer anyway. On PostgreSQL, the lock of the account's row rules out deadlocks and races between
    /// writers of one account (two additions to the same enrollments, a deletion during an addition) at once.
    pub async fn write(&self, account: Id) -> Result<Tx> {
        let mut tx = self.write_unlocked().await?;
        if let Backend::Postgres(tx) = tx.native() {
            let lock = "select id from accounts where id = $1 for no key update";
            sqlx::query(lock).bind(account).execute(tx).await?;
        }
        Ok(tx)
    }

    /// Begins a transaction that writes without the lock of an account: for accounts themselves.
    pub async fn write_unlocked(&self) -> Result<Tx> {
        let transaction = match &self.pools {
            Backend::Sqlite(pools) => Backend::Sqlite(begin(&pools.writer, "begin immediate").await?),
            Backend::Postgres(pools) => Backend::Postgres(begin(&pools.work, "begin").await?),
        };
        Ok(Tx { transaction, sealer: self.sealer.clone() })
    }
}

/// The connections of a pool.
#[derive(Debug, Clone, Copy)]
pub struct Connections {
    /// What the pool is for.
    pub name: &'static str,
    /// How many are open.
    pub open: u32,
    /// How many of these nobody uses.
    pub idle: usize,
}

impl Connections {
    fn of<D: sqlx::Database>(name: &'static str, pool: &sqlx::Pool<D>) -> Self {
        Self { name, open: pool.size(), idle: pool.num_idle() }
    }
}

impl Pulse {
    /// Whether the server answers. One waiter asks, and all others wait for what it learns.
    async fn answers(&self) -> bool {
        let mut last = self.last.lock().await;
        if let Some((asked, answered)) = *last
            && asked.elapsed() < PULSE_SHARED
        {
            return answered;
        }
        // A connection is tested when it is acquired. A server that refuses one (it has too many) does answer.
        let acquired = Box::pin(self.connection.acquire()).await;
        let answered = matches!(acquired, Ok(_) | Err(sqlx::Error::Database(_)));
        *last = Some((Instant::now(), answered));
        answered
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.pools {
            Backend::Sqlite(_) => "Db(SQLite)",
            Backend::Postgres(_) => "Db(PostgreSQL)",
        })
    }
}

/// Where a database is: the path of a file, or how to reach a server.
pub(crate) type Address<'a> = Backend<&'a str, Box<PgConnectOptions>>;

impl<'a> Address<'a> {
    /// Reads an address as [`Db::connect`] takes it.
    pub(crate) fn parse(url: &'a str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return match path.strip_prefix("//").unwrap_or(path) {
                "" | ":memory:" => Err(Error::Url("SQLite needs a file")),
                path => Ok(Backend::Sqlite(path)),
            };
        }
        if !url.starts_with("postgres:") && !url.starts_with("postgresql:") {
            return Err(Error::Url("this is not the address of a database"));
        }
        let options = url.parse().map_err(|_| Error::Url("this PostgreSQL address cannot be read"))?;
        Ok(Backend::Postgres(Box::new(options)))
    }
}

/// A file of `migrations/`: its number, name and text.
type File = (i64, &'static str, &'static str);
const FOR_BOTH: &[File] = &[
    (1, "initial", include_str!("../migrations/0001_initial.sql")),
    (3, "data_keys", include_str!("../migrations/0003_data_keys.sql")),
    (7, "heartbeats", include_str!("../migrations/0007_heartbeats.sql")),
    (8, "removals", include_str!("../migrations/0008_removals.sql")),
    (9, "job_shares", include_str!("../migrations/0009_job_shares.sql")),
    (10, "blobs", include_str!("../migrations/0010_blobs.sql")),
    (11, "answers", include_str!("../migrations/0011_answers.sql")),
    (12, "legacy_ids", include_str!("../migrations/0012_legacy_ids.sql")),
    (13, "sealed_fits", include_str!("../migrations/0013_sealed_fits.sql")),
    (15, "settings", include_str!("../migrations/0015_settings.sql")),
    (16, "idempotency", include_str!("../migrations/0016_idempotency.sql")),
];
const FOR_POSTGRES: &[File] =
    &[VECTORS, (17, "installation", include_str!("../migrations/postgres/0017_installation.sql"))];
pub(crate) const VECTORS: File = (2, "vectors", include_str!("../migrations/postgres/0002_vectors.sql"));

/// The files for SQLite or for PostgreSQL.
pub(crate) fn files(is_postgres: bool) -> Vec<File> {
    if is_postgres { [FOR_BOTH, FOR_POSTGRES].concat() } else { FOR_BOTH.to_vec() }
}

/// Puts them in the order of their numbers.
fn migrator(files: &[File]) -> Migrator {
    let migration = |(version, name, text): &File| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, text.into_sql_str(), false)
    };
    Migrator::with_migrations(files.iter().map(migration).collect())
}

/// Tries again while another program holds the file: switching a new file to WAL fails at once then, without regard to
/// the busy timeout.
async fn connect_when_free(pool: SqlitePoolOptions, options: SqliteConnectOptions) -> Result<SqlitePool> {
    let pauses = BUSY_TIMEOUT.as_millis() / BUSY_PAUSE.as_millis();
    for _ in 0..pauses {
        match pool.clone().connect_with(options.clone()).await.map_err(Error::from) {
            Err(Error::Unavailable(sqlx::Error::Database(_))) => tokio::time::sleep(BUSY_PAUSE).await,
            done => return done,
        }
    }
    Ok(pool.connect_with(options).await?)
}

/// SQLite would create the file readable by everyone, and gives its log files the mode of the main file.
///
/// A file that exists is not even opened: closing it would drop the locks that this process has on it.
fn create_private_file(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        done => done.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_have_numbers_of_their_own() {
        let mut numbers: Vec<i64> = files(true).iter().map(|file| file.0).collect();
        numbers.sort_unstable();
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    }
}
