//! Names to listed entities: reads sanctions lists, finds who on them a name may mean, and says why.
//!
//! Synchronous; no input or output beyond the bytes handed in, no clock, no randomness. A [`Screener`] never changes: to
//! take up new lists, build another one and exchange the pointer; queries go on meanwhile.

mod compare;
mod country;
mod dates;
mod entity;
mod folding;
mod index;
pub mod lists;
mod names;
mod rarity;
mod score;
mod screener;
mod script;
mod words;

pub use compare::{Comparison, Pair};
pub use country::Country;
pub use dates::{Agreement, BirthDate};
pub use entity::{Address, Entity, Gender, Identifier, Kind, Name, NameKind};
pub use score::{Facts, Part, Score, THRESHOLD, What};
pub use screener::{Answer, Hit, Query, QueryError, Screener};
pub use words::How;
