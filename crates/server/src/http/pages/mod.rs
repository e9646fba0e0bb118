//! What people and monitors open: the reference of the API, and the health of the server.

pub(super) mod docs;
pub(super) mod health;
