//! Thresholds and limits of comparisons.

use super::unit;

/// Thresholds where a request names none, and how much is compared.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Matching")]
pub struct Matching {
    /// Threshold of `match`, 0 to 1.
    #[arg(long, env = "VULTUS_MATCH_THRESHOLD", default_value = "0.5", value_parser = unit, value_name = "SCORE")]
    pub match_threshold: f64,
    /// Threshold of `identify`, 0 to 1: below it the answer is "unknown".
    #[arg(long, env = "VULTUS_IDENTIFY_THRESHOLD", default_value = "0.5", value_parser = unit, value_name = "SCORE")]
    pub identify_threshold: f64,
    /// Threshold of `spdetect`, 0 to 1: the least probability of a live face that is answered "real".
    #[arg(long, env = "VULTUS_SPOOF_THRESHOLD", default_value = "0.5", value_parser = unit, value_name = "SCORE")]
    pub spoof_threshold: f64,
    /// Most embeddings of one enrollment.
    #[arg(long, env = "VULTUS_MAX_EMBEDDINGS", default_value_t = 100, value_name = "N")]
    pub max_embeddings: u32,
    /// Embeddings held in memory for `identify`, over all collections; those of the collections used last (2 kB each).
    #[arg(long, env = "VULTUS_CACHED_EMBEDDINGS", default_value_t = 1_000_000, value_name = "N")]
    pub cached_embeddings: usize,
}
