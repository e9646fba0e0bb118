//! The transport: sockets, bodies, parameters, envelopes and errors. Handlers use it and seldom change it.

pub(super) mod accept;
mod access;
mod base64;
pub(super) mod body;
mod coding;
pub(super) mod envelope;
pub(crate) mod error;
pub(super) mod fields;
#[cfg(fuzzing)]
pub mod fuzzing;
pub(super) mod input;
mod json;
mod linger;
pub mod listen;
pub(crate) mod listing;
pub(super) mod observe;
mod paced;
pub(super) mod parameters;
pub(super) mod problem;
pub(super) mod reference;
pub(super) mod repeat;
pub(super) mod seats;

pub(crate) use json::compact;
