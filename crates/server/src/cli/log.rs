//! The log: a thread of its own writes it to standard error.
//!
//! Nothing may wait for the log or fail because of it: its disk can be full, and the reader of its pipe can be slow or gone.
//! Lines that find no room are lost.

use std::io::{self, IsTerminal as _};
use std::panic;

use anyhow::anyhow;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::metrics::METRICS;

/// Lines that may wait to be written; a line has about 200 bytes.
const WAITING_LINES: usize = 16_384;

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Format {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts the log. What is waiting is written when the result is dropped.
pub(super) fn start(filter: &str, format: Format) -> anyhow::Result<WorkerGuard> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| anyhow!("--log is not a filter ({error}): give a level such as info"))?;
    let (lines, guard) =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING_LINES).finish(io::stderr());
    // A process has one log.
    let _ = METRICS.lost_log_lines.set(lines.error_counter());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines)
        .with_ansi(io::stderr().is_terminal())
        .log_internal_errors(false);
    match format {
        Format::Text => log.init(),
        Format::Json => log.json().init(),
    }
    // The standard hook writes to standard error by itself, and waits for it.
    panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(guard)
}
