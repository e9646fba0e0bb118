//! The HTTP API: the only module that names axum.
//!
//! [`router`] lists all routes; `v1` holds the documented API, `pages` what people and monitors open, and `wire` what lies
//! between a socket and a handler.

mod auth;
mod openapi;
mod pages;
mod router;
mod routes;
mod sandbox;
mod v1;
pub mod wire;

pub use openapi::openapi;
pub use router::{monitoring, router};
