//! Vectors to people: an in-memory index over the embeddings of one collection, which can always be rebuilt from the
//! rows that it was made of, and the statistics that turn what it finds into probabilities.

mod approximate;
mod axes;
mod calibrate;
mod classifier;
mod distance;
mod evidence;
mod exact;
mod gallery;
mod impostors;
mod members;
mod prior;
mod rows;
mod search;
mod snapshot;
mod tails;

pub use approximate::{Trained, Training};
pub use classifier::{Classifier, Identification, Identity, Options, Rejection, SHORTLIST, Scored};
pub use distance::dot;
pub use gallery::{Candidate, Gallery};
pub use impostors::{ImpostorTail, NotATail};
pub use snapshot::SnapshotError;
