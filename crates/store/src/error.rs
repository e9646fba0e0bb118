//! The errors of the store.

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;
use thiserror::Error;

use crate::data_keys::SealError;
use crate::db::VECTORS;
use crate::ids::{Id, Kind};

/// An error of the store. No message holds SQL text, names of people or connection strings.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no such row in this account. It may exist in another one.
    #[error("there is no {kind} with this id")]
    NotFound {
        /// The kind of row that was searched. The id itself may be of another kind.
        kind: Kind,
        /// The id as asked for.
        id: Id,
    },
    /// The row was in this account and has been deleted.
    #[error("the {kind} with this id has been deleted")]
    Gone {
        /// The kind of row that was searched.
        kind: Kind,
        /// The id as asked for.
        id: Id,
    },
    /// An enrollment would get more embeddings than allowed. Nothing was stored.
    #[error("an enrollment holds at most {limit} embeddings: this one has {stored}, so {added} more do not fit")]
    TooManyEmbeddings {
        /// The configured limit.
        limit: u32,
        /// How many the enrollment holds.
        stored: u32,
        /// How many were to be added.
        added: u32,
    },
    /// An enrollment would be left without any embedding. Nothing was deleted.
    #[error("this is the last embedding of the enrollment: delete the enrollment itself, or add another image first")]
    LastEmbedding,
    /// A legacy id belongs to something else of the account. Nothing was stored.
    #[error("another {kind} of this account has this legacy_id: delete that {kind}, or change its legacy_id first")]
    LegacyIdTaken {
        /// The kind of row.
        kind: Kind,
    },
    /// A value that must be unique exists already (an id, or the hash of a key).
    #[error("a row with the same unique value already exists")]
    Conflict(#[source] sqlx::Error),
    /// The database cannot be reached, is busy, full or shutting down: try again later.
    #[error("the database is not available: try again later")]
    Unavailable(#[source] sqlx::Error),
    /// The address of the database cannot be used.
    #[error("{0}: give sqlite:<path of a file> or postgres://user:password@host/database")]
    Url(&'static str),
    /// The file of the database cannot be created.
    #[error("the database file cannot be created")]
    CreateFile(#[source] std::io::Error),
    /// The database must exist but does not, or it has no tables.
    #[error("the database is missing or empty: restore a back-up")]
    Empty,
    /// The stored data are damaged.
    #[error("the database is damaged: restore a back-up")]
    Damaged(#[source] sqlx::Error),
    /// A vector cannot be sealed or opened.
    #[error("a stored vector cannot be sealed or opened")]
    Seal(#[source] SealError),
    /// The PostgreSQL database does not support vectors.
    #[error(
        "the PostgreSQL database needs the extension \"vector\" (pgvector 0.7 or newer): install it on that server, and let \
         a superuser run \"create extension vector\" in the database"
    )]
    NoVectors(#[source] sqlx::Error),
    /// A request has made its change before.
    #[error("this change was made before")]
    Repeated,
    /// The schema cannot be updated. Most often, a newer version wrote the database.
    #[error("cannot update the database schema")]
    Migrate(#[source] Box<MigrateError>),
    /// Any other error of the database: a defect in this program.
    #[error("the database refused a statement or returned unexpected data")]
    Database(#[source] sqlx::Error),
}

/// A result of the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        use sqlx::Error as E;
        match &error {
            // sqlx reports a protocol error if the server hangs up during the greeting.
            E::Io(_) | E::Tls(_) | E::Protocol(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => {
                Error::Unavailable(error)
            }
            E::Database(cause) if cause.is_unique_violation() => Error::Conflict(error),
            E::Database(cause) if is_transient(cause.as_ref()) => Error::Unavailable(error),
            E::Database(cause) if is_damage(cause.as_ref()) => Error::Damaged(error),
            _ => Error::Database(error),
        }
    }
}

impl From<MigrateError> for Error {
    fn from(error: MigrateError) -> Error {
        match error {
            MigrateError::ExecuteMigration(cause, file) if file == VECTORS.0 && lacks_vectors(&cause) => {
                Error::NoVectors(cause)
            }
            MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => cause.into(),
            other => Error::Migrate(Box::new(other)),
        }
    }
}

/// Whether a migration failed because pgvector is not installed, may not be added to the database, or is too old to have
/// the type `halfvec`: `feature_not_supported`,
/// `undefined_file`, `insufficient_privilege`, `undefined_object`.
fn lacks_vectors(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| ["0A000", "58P01", "42501", "42704"].contains(&code.as_ref()))
}

/// Whether the same statement may succeed later.
///
/// SQLite: the primary result codes BUSY, LOCKED, NOMEM, IOERR, FULL and CANTOPEN (sqlite.org/rescode.html); the upper
/// bits of a code only refine it. PostgreSQL: the classes connection exception, insufficient resources, operator
/// intervention and transaction rollback (appendix A of its manual). Its codes have five characters, those of SQLite at
/// most four digits.
fn is_transient(error: &dyn DatabaseError) -> bool {
    is_one_of(error, &["08", "53", "57", "40"], &[5, 6, 7, 10, 13, 14])
}

/// Whether the stored data are damaged. SQLite: the result codes CORRUPT and NOTADB. PostgreSQL: `data_corrupted` and
/// `index_corrupted`.
fn is_damage(error: &dyn DatabaseError) -> bool {
    is_one_of(error, &["XX001", "XX002"], &[11, 26])
}

/// Whether the code of an error begins with one of PostgreSQL's, or is one of SQLite's primary result codes.
fn is_one_of(error: &dyn DatabaseError, postgres: &[&str], sqlite: &[u32]) -> bool {
    let Some(code) = error.code() else { return false };
    if code.len() == 5 {
        return postgres.iter().any(|class| code.starts_with(class));
    }
    code.parse::<u32>().is_ok_and(|code| sqlite.contains(&(code & 0xff)))
}
