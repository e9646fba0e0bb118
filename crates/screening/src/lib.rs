//! Names to listed entities: reads sanctions lists, finds the entities that a name may mean, and gives the reasons.
//!
//! Everything is synchronous. There is no input or output beyond the bytes of the caller, no clock and no randomness. A
//! [`Screener`] never changes. To use new lists, build another one and replace the pointer. Queries continue meanwhile.

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
