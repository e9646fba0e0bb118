//! The inference threads.

use std::num::NonZeroUsize;

/// How many pictures the server works on at a time, and how many may wait.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Engine")]
pub struct Inference {
    /// Inference threads, each with its own copy of the networks (about 60 MB) [default: the available cores].
    #[arg(long, env = "VULTUS_ENGINE_THREADS", value_name = "N")]
    pub engine_threads: Option<NonZeroUsize>,
    /// Hash every model file at the start, even those that have not changed since the last hash.
    #[arg(long, env = "VULTUS_VERIFY_MODELS")]
    pub verify_models: bool,
    /// Requests that may wait for an inference thread. Further requests get 503 at once.
    #[arg(long, env = "VULTUS_ENGINE_QUEUE", default_value_t = 64, value_name = "N")]
    pub engine_queue: usize,
}

impl Inference {
    /// The number of threads in force.
    pub fn threads(&self) -> usize {
        self.engine_threads
            .map_or_else(|| std::thread::available_parallelism().map_or(1, NonZeroUsize::get), NonZeroUsize::get)
    }
}
