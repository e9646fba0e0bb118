//! Threads that own an engine each, and the bounded queue before them.

mod engine;
pub mod pool;

pub use engine::Engine;
pub use pool::{Error, Loading, Pool};
