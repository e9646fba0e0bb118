//! The rows of the server, in SQLite or PostgreSQL, behind free functions: one module per table, the same verbs in all.
//!
//! Every function that touches a tenant's data takes the account, and every statement names it: an id of another
//! account is simply [`Error::NotFound`]. Clock and ids come from the caller. Nothing here logs.
//!
//! Functions that write take a [`Tx`], which [`Db::write`] begins. The caller commits, so that changes that belong together
//! are committed together. Functions that only read take the [`Db`].
//!
//! Every function that uses the database can fail with [`Error::Unavailable`] or [`Error::Database`]. Only further errors
//! are named at a function.
//!
//! A statement is written once for both databases and run through `sql!` (see `tx.rs`); only `vectors` and
//! `cursors` are for PostgreSQL.

#[macro_use]
mod tx;
mod db;
mod error;
mod ids;
mod page;
mod tombstones;
mod vector;

pub mod accounts;
pub mod blobs;
pub mod collections;
pub mod cursors;
pub mod data_keys;
pub mod embeddings;
pub mod enrollments;
pub mod fits;
pub mod idempotency;
pub mod inspect;
pub mod jobs;
pub mod keys;
pub mod legacy_ids;
pub mod reembeddings;
pub mod rejections;
pub mod retention;
pub mod settings;
pub mod snapshots;
pub mod vectors;

pub use data_keys::{DataKey, SealError, Sealer};
pub use db::{Connections, Db};
pub use error::{Error, Result};
pub use ids::{Id, Kind, MAX_TEXT_CHARS, Micros, ParseIdError};
pub use page::Page;
pub use tx::Tx;
