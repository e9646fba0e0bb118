//! How accounts share the server.

/// What one account may take.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Fairness")]
pub struct Fairness {
    /// Largest part of what the other accounts leave of the engine queue, of the memory for uploads and of the requests
    /// in flight that one account may hold, above 0 and at most 1; its further requests are answered 429. 1 is no limit.
    #[arg(long, env = "VULTUS_ACCOUNT_SHARE", default_value = "0.5", value_parser = share, value_name = "PART")]
    pub account_share: f64,
    /// Inference threads beyond `--engine-threads`. One account takes at most `--engine-threads` threads at a time, so these
    /// serve other accounts at once while one account sends large images. 0 saves their memory (about 20 MB each).
    #[arg(long, env = "VULTUS_SPARE_THREADS", default_value_t = 1, value_name = "N")]
    pub spare_threads: usize,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value <= 1.0 => Ok(value),
        _ => Err("must be a number above 0 and at most 1".into()),
    }
}
