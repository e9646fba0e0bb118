//! What people and monitors open: the reference of the API, and the health of the server.

mod asset;
pub(super) mod docs;
pub(super) mod health;
pub(super) mod metrics;
