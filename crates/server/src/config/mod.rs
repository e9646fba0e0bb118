//! The options of an operator: one struct for each concern. Every option is also an environment variable; its help names it.

mod data;
mod engine;
mod fairness;
mod http;
mod images;
mod lists;
mod matching;
mod outbound;
mod retention;
mod vectors;
mod vision;

pub use data::Data;
pub use engine::Inference;
pub use fairness::Fairness;
pub use http::Http;
pub use images::Images;
pub use lists::{Lists, Screening};
pub use matching::Matching;
pub use outbound::Outbound;
pub use retention::Retention;
pub(crate) use retention::{days, of_days};
pub use vectors::{VectorEngine, Vectors};
pub use vision::Vision;

/// All options of `vultus serve`.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// Where rows, models and secrets live.
    #[command(flatten)]
    pub data: Data,
    /// The HTTP side: address, limits, timeouts.
    #[command(flatten)]
    pub http: Http,
    /// The inference threads.
    #[command(flatten)]
    pub engine: Inference,
    /// What one account may take.
    #[command(flatten)]
    pub fairness: Fairness,
    /// Limits of pictures, and whether the server keeps enrolled ones.
    #[command(flatten)]
    pub images: Images,
    /// How long things are kept.
    #[command(flatten)]
    pub retention: Retention,
    /// How carefully the server looks at pictures.
    #[command(flatten)]
    pub vision: Vision,
    /// Thresholds of comparisons.
    #[command(flatten)]
    pub matching: Matching,
    /// The engine that searches embeddings.
    #[command(flatten)]
    pub vectors: Vectors,
    /// Sanctions lists: their directory, their source, and how often the server pulls them.
    #[command(flatten)]
    pub screening: Screening,
    /// Requests that the server sends to others.
    #[command(flatten)]
    pub outbound: Outbound,
}

/// A time in seconds: a positive number, which may have fractions.
pub(crate) fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if !(seconds > 0.0 && seconds <= 86_400.0) {
        return Err("must be above 0 and at most 86400 seconds".into());
    }
    Ok(std::time::Duration::from_secs_f64(seconds))
}

/// A network, such as `10.0.0.0/8`. A single address is a network of one.
pub(crate) fn network(text: &str) -> Result<ipnet::IpNet, String> {
    let address = || text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| "not a network: give one such as 10.0.0.0/8 or 192.0.2.7".into())
}

/// A score threshold: a number from 0 to 1.
pub(crate) fn unit(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("must be a number from 0 to 1".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_engine() {
        let command = Config::augment_args(clap::Command::new("test"));
        let config = Config::from_arg_matches(&command.get_matches_from(["test"])).unwrap();
        let params = config.vision.params(config.images.limits());
        assert_eq!(params, vultus_vision::Params::default());
    }

    #[test]
    fn networks_are_addresses_or_ranges() {
        assert_eq!(network("192.0.2.7").unwrap().to_string(), "192.0.2.7/32");
        assert_eq!(network("2001:db8::/32").unwrap().to_string(), "2001:db8::/32");
        for bad in ["", "10.0.0.0/33", "example.org", "10.0.0.0/"] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_and_thresholds_out_of_range_are_refused() {
        assert_eq!(seconds("1.5").unwrap().as_millis(), 1500);
        for bad in ["0", "-1", "NaN", "inf", "1e9", "soon"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        assert!((unit("0.4").unwrap() - 0.4).abs() < f64::EPSILON);
        for bad in ["-0.1", "1.01", "NaN", "half"] {
            assert!(unit(bad).is_err(), "{bad}");
        }
    }
}
