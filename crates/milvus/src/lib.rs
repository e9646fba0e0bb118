//! Embeddings in Milvus, a vector database of many machines: the little of its gRPC protocol that a search for faces needs.
//!
//! A [`Table`] is a Milvus collection whose rows are embeddings of one dimension, each with a key. Keys are paths
//! (`SPACE/...`) and every row belongs to a space, its partition key, so that a search in one space does not touch the
//! partitions of most others. Writes give a [`Stamp`]; a read that is given it sees them, and waits for nothing newer. Tried
//! with Milvus 2.3.5.

mod client;
mod proto;
mod table;

pub use client::{Client, Error};
pub use table::{Row, Stamp, Table};
