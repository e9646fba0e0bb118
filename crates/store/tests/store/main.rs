//! The store on SQLite and on PostgreSQL. `TEST_POSTGRES_URL` names a server on which the tests may create databases:
//! `scripts/with-postgres.sh` starts one.
#![allow(clippy::unwrap_used)]

mod blobs;
mod collections;
mod concurrency;
mod data_keys;
mod enrollments;
mod isolation;
mod jobs;
mod keys;
mod legacy_ids;
mod lists;
mod postgres;
mod sqlite;
mod statements;
mod vectors;
mod world;
