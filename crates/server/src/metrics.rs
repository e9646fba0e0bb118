//! The figures that the server collects about itself. `http/pages/metrics.rs` reports them, with those that need no collecting.

use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use tracing_appender::non_blocking::ErrorCounter;

/// The figures of this process.
pub static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::default);

/// Upper bounds of the classes of durations, in seconds: from a cached read to the longest request.
const BOUNDS: [f64; 16] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0];

/// Durations by labels `L`.
pub type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// Counters and durations. No label has a value that a client chooses.
#[derive(Debug)]
pub struct Metrics {
    /// Time until the answer was ready.
    pub requests: Durations<Request>,
    /// Bytes of request bodies.
    pub received_bytes: Counter,
    /// Bytes of response bodies, as they are sent.
    pub sent_bytes: Counter,
    /// Connections on ordinary places.
    pub connections: Gauge,
    /// Connections on the places that are reserved for monitors.
    pub reserved_connections: Gauge,
    /// Connections that were closed because their peer had too many.
    pub refused_connections: Counter,
    /// Time of each inference.
    pub stages: Durations<Inference>,
    /// Lines that found no room in the log, once there is a log.
    pub lost_log_lines: OnceLock<ErrorCounter>,
}

/// What requests are told apart by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Request {
    /// `other` for a method that HTTP does not define.
    pub method: &'static str,
    /// The pattern of the route, or `-` where there is none.
    pub route: String,
    /// 499 when the client had gone before the answer.
    pub status: u16,
}

/// What inferences are told apart by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Inference {
    /// The stage of the vision engine.
    pub stage: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: durations(),
            received_bytes: Counter::default(),
            sent_bytes: Counter::default(),
            connections: Gauge::default(),
            reserved_connections: Gauge::default(),
            refused_connections: Counter::default(),
            stages: durations(),
            lost_log_lines: OnceLock::new(),
        }
    }
}

impl Metrics {
    /// Counts an answer that was ready after `time`.
    pub fn answered(&self, request: &Request, time: Duration) {
        self.requests.get_or_create(request).observe(time.as_secs_f64());
    }

    /// Does the work of a stage and counts its time.
    pub fn time<T>(&self, stage: &'static str, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let done = work();
        self.stages.get_or_create(&Inference { stage }).observe(started.elapsed().as_secs_f64());
        done
    }
}

fn durations<L: Clone + std::hash::Hash + Eq>() -> Durations<L> {
    Family::new_with_constructor(|| Histogram::new(BOUNDS))
}
