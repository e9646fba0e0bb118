//! The vultus server: command line, HTTP API, and the flows that join the vision engine, the galleries and the store.

pub mod app;
pub mod auth;
pub mod blobs;
pub mod budget;
pub mod cli;
pub mod clock;
pub mod config;
pub mod data_dir;
pub mod descriptors;
pub mod error;
pub mod fetch;
pub mod flows;
pub mod http;
pub mod jobs;
pub mod keyring;
pub mod lists;
pub mod metrics;
pub mod model;
pub mod origin;
pub mod pools;
pub mod random;
pub mod rate;
pub mod seal;
pub mod search;
pub mod tls;
pub mod transfer;
