//! Threads that own an engine each, and the bounded queue before them.

pub mod pool;

pub use pool::{Error, Loading, Pool};
