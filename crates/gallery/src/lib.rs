//! Vectors to people: an in-memory index over the embeddings of one collection, which can always be rebuilt from the
//! rows that it was made of.

mod distance;
mod exact;

pub use distance::dot;
pub use exact::{Candidate, Gallery};
