//! Thresholds and limits of comparisons.

use std::time::Duration;

use super::{seconds, unit};

/// Thresholds for requests that name none, and limits of comparisons.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Matching")]
pub struct Matching {
    /// Threshold of `match` when the request names none, 0 to 1.
    #[arg(long, env = "VULTUS_MATCH_THRESHOLD", default_value = "0.5", value_parser = unit, value_name = "SCORE")]
    pub match_threshold: f64,
    /// Least confidence of a person whom `identify` names, 0 to 1. Below it the answer is "unknown". It counts when the
    /// request names no threshold and the collection has no class of unknown people.
    #[arg(long, env = "VULTUS_IDENTIFY_THRESHOLD", default_value = "0.5", value_parser = unit, value_name = "SCORE")]
    pub identify_threshold: f64,
    /// Threshold of `spdetect`, 0 to 1: the least probability of a live face for the answer "real".
    #[arg(long, env = "VULTUS_SPOOF_THRESHOLD", default_value = "0.5", value_parser = unit, value_name = "SCORE")]
    pub spoof_threshold: f64,
    /// Most embeddings of one enrollment.
    #[arg(long, env = "VULTUS_MAX_EMBEDDINGS", default_value_t = 100, value_name = "N")]
    pub max_embeddings: u32,
    /// Least score, 0 to 1, from which `enroll` reports a member of the collection as similar.
    #[arg(long, env = "VULTUS_DUPLICATE_SCORE", default_value = "0.6", value_parser = unit, value_name = "SCORE")]
    pub duplicate_score: f64,
    /// Longest time in seconds that `enroll` searches for similar members. After it, `enroll` stores the person without them.
    #[arg(long, env = "VULTUS_DUPLICATE_TIMEOUT", default_value = "5", value_parser = seconds, value_name = "SECONDS")]
    pub duplicate_timeout: Duration,
    /// Seconds that the server gathers changes of a collection before it fits the classifier.
    #[arg(long, env = "VULTUS_REFIT_DELAY", default_value = "5", value_parser = seconds, value_name = "SECONDS")]
    pub refit_delay: Duration,
    /// Rejections ("this was not X") that a collection remembers. It keeps the newest.
    #[arg(long, env = "VULTUS_MAX_REJECTIONS", default_value_t = 1_000, value_name = "N")]
    pub max_rejections: u32,
    /// Embeddings that the server holds in memory for `identify`, 1.3 kB each. All collections share them, and the ones used
    /// last stay. The server refuses to search a single collection that has more.
    #[arg(long, env = "VULTUS_CACHED_EMBEDDINGS", default_value_t = 1_000_000, value_name = "N")]
    pub cached_embeddings: usize,
}
