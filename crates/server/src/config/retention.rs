//! How long things are kept.

use std::time::Duration;

use crate::clock::micros;

/// How long things are kept. A worker removes what is older, within a minute or so.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Retention")]
pub struct Retention {
    /// Days that kept images stay. Without this option they stay as long as their person. An account can have a number of
    /// its own: see `vultus accounts set`.
    #[arg(long, env = "VULTUS_IMAGE_DAYS", value_parser = days, value_name = "DAYS")]
    pub image_days: Option<u32>,
    /// Days that the results of `spdetect` stay.
    #[arg(long, env = "VULTUS_SNAPSHOT_DAYS", default_value = "365", value_parser = days, value_name = "DAYS")]
    pub snapshot_days: u32,
    /// Days that the server remembers which ids were deleted. Until then such an id is answered 410, later 404.
    #[arg(long, env = "VULTUS_DELETED_ID_DAYS", default_value = "365", value_parser = days, value_name = "DAYS")]
    pub deleted_id_days: u32,
    /// Hours in which a client may send a request again under the same `Idempotency-Key`, 1 to 720.
    #[arg(
        long,
        env = "VULTUS_IDEMPOTENCY_HOURS",
        default_value_t = 24,
        value_parser = clap::value_parser!(u32).range(1..=720),
        value_name = "HOURS"
    )]
    pub idempotency_hours: u32,
}

impl Retention {
    /// Requests of before this moment are no longer known by their `Idempotency-Key`.
    pub(crate) fn repeatable_since(&self, now_us: i64) -> i64 {
        now_us - micros(Duration::from_hours(self.idempotency_hours.into()))
    }
}

/// A number of days as a time.
pub(crate) fn of_days(days: u32) -> Duration {
    Duration::from_hours(24) * days
}

/// A number of days, at least one.
pub(crate) fn days(text: &str) -> Result<u32, String> {
    const MOST: u32 = 36_500;
    match text.parse() {
        Ok(days) if (1..=MOST).contains(&days) => Ok(days),
        _ => Err(format!("must be a whole number of days from 1 to {MOST}")),
    }
}
