//! How the memory of uploads is counted.

/// Bytes that one permit of [`crate::app::App::body_memory`] stands for.
pub const UNIT_BYTES: usize = 1024;
