//! Who sends a request, without HTTP.

pub mod keys;
pub mod principal;
