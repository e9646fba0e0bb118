//! Threads that own an engine each, and the bounded, fair queue before them.

mod engine;
pub mod faces;
pub mod pool;
mod queue;

pub use engine::Engine;
pub use pool::{Error, Loading, Place, Pool, Size};
