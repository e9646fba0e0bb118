//! Identity documents: the machine readable zone, the barcodes of driving licences, and the printed lines.

pub mod aamva;
pub mod barcode;
pub mod date;
mod grey;
pub mod mrz;
