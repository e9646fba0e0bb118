//! Identity documents: the document in the picture, its machine readable zone, barcode, printed lines and portrait.
//!
//! [`Reader`] is the facade for printed text; [`barcode`] needs no network. [`mrz`] and [`aamva`] parse the texts of either.
//! [`fields`] combines the sources, and [`checks`] judges them. These four are pure functions.
//! [`capture`] and [`copy`] measure the picture itself. The portrait is [`Engine::portrait`](crate::Engine::portrait).

pub mod aamva;
pub mod barcode;
pub mod capture;
pub mod checks;
pub mod copy;
pub mod date;
pub mod fields;
mod find;
mod grey;
mod locate;
pub mod mrz;
mod ocr;
mod orientation;
pub(crate) mod portrait;
mod reader;
mod rectify;
mod spell;
mod text;
mod zone;

pub use portrait::Portrait;
pub use reader::{Document, Reader, TextLine};
pub use text::TextBox;
pub use zone::Zone;
