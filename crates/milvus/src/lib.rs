//! A client of Milvus, a vector database that spreads over many machines. It has the part of Milvus's gRPC protocol that a
//! search for faces needs.
//!
//! A [`Table`] is a Milvus collection whose rows are embeddings of one dimension, each with a key. Keys are paths
//! (`SPACE/...`) and every row belongs to a space, its partition key, so that a search in one space does not touch the
//! partitions of most others. A write returns a [`Stamp`]. A read with this stamp sees the write, and waits for nothing newer.
//! Tried with Milvus 2.3.5. Every function that calls Milvus fails when Milvus does not answer or refuses.

mod client;
mod proto;
mod table;

pub use client::{Client, Error};
pub use table::{Row, Stamp, Table};
