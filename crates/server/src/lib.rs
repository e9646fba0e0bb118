//! The vultus server: command line, HTTP API, and the flows that join the vision engine, the galleries and the store.

pub mod app;
pub mod blobs;
pub mod classifiers;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod error;
pub mod fetch;
pub mod flows;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod lists;
pub mod model;
pub mod rate;
pub mod secret;
pub mod tls;
pub mod transfer;
pub mod vectors;
