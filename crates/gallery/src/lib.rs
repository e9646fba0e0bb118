//! Vectors to people: an in-memory index over the embeddings of one collection, which can always be rebuilt from the
//! rows that it was made of.

mod approximate;
mod axes;
mod distance;
mod exact;
mod gallery;
mod members;
mod rows;
mod search;

pub use approximate::{Trained, Training};
pub use distance::dot;
pub use gallery::{Candidate, Gallery};
