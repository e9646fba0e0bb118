//! Identity documents: the machine readable zone, the barcodes of driving licences, and the printed lines.
//!
//! [`Reader`] is the facade for what is printed as text; [`barcode`] needs no network. [`mrz`] and [`aamva`] parse the
//! texts that either gives, and are pure functions.

pub mod aamva;
pub mod barcode;
pub mod checks;
pub mod date;
mod grey;
mod locate;
pub mod mrz;
mod ocr;
mod orientation;
mod reader;
mod spell;
mod text;

pub use reader::{Document, Reader, TextLine, Zone};
pub use text::TextBox;
