//! Thresholds and limits of comparisons.

use std::time::Duration;

use super::{seconds, unit};

/// Thresholds where a request names none, and how much is compared.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Matching")]
pub struct Matching {
    /// Threshold of `match`, 0 to 1.
    #[arg(long, env = "VULTUS_MATCH_THRESHOLD", default_value = "0.5", value_parser = unit, value_name = "SCORE")]
    pub match_threshold: f64,
    /// Least confidence of a person whom `identify` names, 0 to 1, where neither the request nor a class of unknown people
    /// decides: below it the answer is "unknown".
    #[arg(long, env = "VULTUS_IDENTIFY_THRESHOLD", default_value = "0.5", value_parser = unit, value_name = "SCORE")]
    pub identify_threshold: f64,
    /// Threshold of `spdetect`, 0 to 1: the least probability of a live face that is answered "real".
    #[arg(long, env = "VULTUS_SPOOF_THRESHOLD", default_value = "0.5", value_parser = unit, value_name = "SCORE")]
    pub spoof_threshold: f64,
    /// Most embeddings of one enrollment.
    #[arg(long, env = "VULTUS_MAX_EMBEDDINGS", default_value_t = 100, value_name = "N")]
    pub max_embeddings: u32,
    /// Score from which members of the collection are reported as similar when somebody is enrolled into it, 0 to 1.
    #[arg(long, env = "VULTUS_DUPLICATE_SCORE", default_value = "0.6", value_parser = unit, value_name = "SCORE")]
    pub duplicate_score: f64,
    /// Longest search for similar members when somebody is enrolled, in seconds. The person is enrolled without it then.
    #[arg(long, env = "VULTUS_DUPLICATE_TIMEOUT", default_value = "5", value_parser = seconds, value_name = "SECONDS")]
    pub duplicate_timeout: Duration,
    /// How long changes of a collection are gathered before its classifier is fitted, in seconds.
    #[arg(long, env = "VULTUS_REFIT_DELAY", default_value = "5", value_parser = seconds, value_name = "SECONDS")]
    pub refit_delay: Duration,
    /// Rejections ("this was not X") that a collection remembers; the newest ones.
    #[arg(long, env = "VULTUS_MAX_REJECTIONS", default_value_t = 1_000, value_name = "N")]
    pub max_rejections: u32,
    /// Embeddings held in memory for `identify`, over all collections; those of the collections used last (1.3 kB each). A
    /// collection that has more alone is refused.
    #[arg(long, env = "VULTUS_CACHED_EMBEDDINGS", default_value_t = 1_000_000, value_name = "N")]
    pub cached_embeddings: usize,
}
