//! Vectors to people: an index in memory over the embeddings of one collection, and the statistics that turn its search
//! results into probabilities. The index can always be built again from its rows.

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
