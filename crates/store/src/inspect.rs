//! A look at a database that changes nothing, for an operator who wants to know what is wrong with it.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::path::Path;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::data_keys::{self, Wrapped};
use crate::db::{ACQUIRE_TIMEOUT, Address, files};
use crate::error::{Error, Result};
use crate::ids::Micros;
use crate::tx::{Backend, Conn};

/// What a look at a whole database finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Why the database cannot be written.
    pub read_only: Option<String>,
    /// How the schema differs from that of this version.
    pub schema: Schema,
    /// Rows that say whether the rest of the server goes with the database, if the schema is that of this version.
    pub rows: Option<Rows>,
}

/// How the schema of a database differs from that of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// It is the same.
    Current,
    /// The next start applies this many migrations: all of them if the database is empty.
    Old(usize),
    /// A newer version of the program has changed it.
    Newer,
}

/// Rows that say whether the rest of the server goes with the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// How many API keys there are.
    pub api_keys: u64,
    /// The data keys of all accounts.
    pub data_keys: Vec<Wrapped>,
    /// When a server last checked that it can write, by its clock.
    pub beaten: Option<Micros>,
}

/// Looks at an existing database. The address is as for [`crate::Db::connect`]. Reads the whole file of SQLite.
///
/// # Errors
/// [`Error::Url`], [`Error::Empty`] if there is no SQLite file, [`Error::Damaged`], or what keeps the database from being
/// opened.
pub async fn inspect(url: &str) -> Result<Inspection> {
    let (mut conn, read_only) = match Address::parse(url)? {
        Backend::Sqlite(path) => open_sqlite(path).await?,
        Backend::Postgres(options) => open_postgres(*options).await?,
    };
    let schema = schema(&mut conn).await?;
    let rows = if schema == Schema::Current { Some(rows(&mut conn).await?) } else { None };
    Ok(Inspection { read_only, schema, rows })
}

/// The database, and why it cannot be written.
async fn open_sqlite(path: &str) -> Result<(Conn, Option<String>)> {
    if std::fs::metadata(path).map_or(0, |file| file.len()) == 0 {
        return Err(Error::Empty);
    }
    // Before SQLite opens the file: closing it would drop the locks that this process has on it.
    let read_only = OpenOptions::new().append(true).open(path).err().map(|error| error.to_string());
    // Without a log no program has the file open, and SQLite would make a log and leave it there.
    let is_closed = !Path::new(&format!("{path}-wal")).exists();
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(is_closed);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let mut conn = Conn { connection: Backend::Sqlite(pool.acquire().await?), sealer: None };
    let (found,): (String,) = sql!(fetch_one, &mut conn, "pragma quick_check(1)")?;
    if found != "ok" {
        return Err(Error::Damaged(sqlx::Error::Protocol(found)));
    }
    Ok((conn, read_only))
}

/// The database, and why it cannot be written.
async fn open_postgres(options: PgConnectOptions) -> Result<(Conn, Option<String>)> {
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE_TIMEOUT);
    let pool = pool.connect_with(options).await?;
    let mut conn = Conn { connection: Backend::Postgres(pool.acquire().await?), sealer: None };
    let begun = sql!(execute, &mut conn, "begin read write");
    let ended = sql!(execute, &mut conn, "rollback");
    Ok((conn, begun.and(ended).err().map(|error| error.to_string())))
}

async fn schema(conn: &mut Conn) -> Result<Schema> {
    let is_postgres = matches!(conn.connection, Backend::Postgres(_));
    let known: HashSet<i64> = files(is_postgres).iter().map(|file| file.0).collect();
    let find = if is_postgres {
        "select count(to_regclass('_sqlx_migrations'))"
    } else {
        "select count(*) from sqlite_master where name = '_sqlx_migrations'"
    };
    let (tables,): (i64,) = sql!(fetch_one, conn, find)?;
    if tables == 0 {
        return Ok(Schema::Old(known.len()));
    }
    let applied: Vec<(i64,)> = sql!(fetch_all, conn, "select version from _sqlx_migrations")?;
    let applied: HashSet<i64> = applied.into_iter().map(|(version,)| version).collect();
    Ok(match known.difference(&applied).count() {
        _ if !applied.is_subset(&known) => Schema::Newer,
        0 => Schema::Current,
        missing => Schema::Old(missing),
    })
}

async fn rows(conn: &mut Conn) -> Result<Rows> {
    let (api_keys,): (i64,) = sql!(fetch_one, conn, "select count(*) from api_keys")?;
    let beaten: Option<(Micros,)> = sql!(fetch_optional, conn, "select beaten from heartbeats where id = 1")?;
    Ok(Rows {
        api_keys: api_keys as u64,
        data_keys: data_keys::all(conn).await?,
        beaten: beaten.map(|(beaten,)| beaten),
    })
}
