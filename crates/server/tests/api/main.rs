//! The HTTP API over real connections, with the real networks. Each file is one resource or one concern, as in
//! `src/http`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts_command;
mod app;
mod blobs;
mod collection;
mod collections_command;
mod configuration;
mod connections;
mod contract;
mod database;
mod descriptors;
mod doctor;
mod durability;
mod enroll;
mod facedetect;
mod gzip;
mod identify;
mod isolation;
mod keys;
mod legacy_ids;
mod link;
mod listing;
mod lists;
mod load;
mod logging;
mod match_;
mod metrics;
mod milvus;
mod nodes;
mod openapi;
mod operations;
mod outage;
mod outliving;
mod pictures;
mod problems;
mod protocol;
mod rate;
mod sandbox;
mod sealing;
mod secrets;
mod snapshots;
mod spdetect;
mod start;
mod vectors;
