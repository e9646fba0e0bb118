//! `GET /metrics`: the state of the server in the text format of Prometheus. `docs/operations.md` explains each figure.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use prometheus_client::encoding::prometheus_text::{CONTENT_TYPE, encode};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;
use vultus_store::jobs;

use crate::app::App;
use crate::clock;
use crate::http::wire::error::Error;
use crate::lists::Installed;
use crate::metrics::METRICS;
use crate::pools::Loading;

pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Error> {
    let mut registry = Registry::default();
    requests(&mut registry);
    engines(&mut registry, &app);
    database(&mut registry, &app).await;
    lists(&mut registry, &app).await;
    process(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(anyhow::Error::from)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text))
}

fn requests(to: &mut Registry) {
    let m = &*METRICS;
    to.register("vultus_request_duration_seconds", "Time until the answer was ready", m.requests.clone());
    to.register("vultus_received_bytes", "Bytes of request bodies", m.received_bytes.clone());
    to.register("vultus_sent_bytes", "Bytes of response bodies, as sent", m.sent_bytes.clone());
    to.register("vultus_connections", "Open connections", m.connections.clone());
    to.register("vultus_reserved_connections", "Open connections on reserved places", m.reserved_connections.clone());
    to.register(
        "vultus_refused_connections",
        "Connections closed because their peer has too many",
        m.refused_connections.clone(),
    );
}

fn engines(to: &mut Registry, app: &App) {
    to.register("vultus_inference_duration_seconds", "Time of an inference", METRICS.stages.clone());
    let ready = app.engines.loading() == Loading::Ready;
    to.register("vultus_engine_ready", "1 when an inference engine is loaded", gauge(u8::from(ready)));
    to.register("vultus_engine_threads", "Inference threads", gauge(app.config.engine.threads() as f64));
    to.register(
        "vultus_engine_jobs",
        "Jobs that run or wait for an inference thread",
        gauge(app.engines.unfinished() as f64),
    );
    to.register(
        "vultus_engine_jobs_limit",
        "Jobs from which further ones are answered 503",
        gauge((app.config.engine.threads() + app.config.engine.engine_queue) as f64),
    );
    to.register(
        "vultus_engine_skipped_jobs",
        "Jobs skipped because their client had gone",
        ConstCounter::new(app.engines.withdrawn()),
    );
    to.register("vultus_upload_bytes", "Memory that uploads hold", gauge(app.uploads.held() as f64));
    to.register("vultus_upload_bytes_limit", "Memory that uploads may hold", gauge(app.uploads.total() as f64));
}

/// The connections, and the jobs, which the database is asked for: it may be away, and that is a figure as well.
async fn database(to: &mut Registry, app: &App) {
    let connections = app.db.connections();
    let open = connections.iter().map(|pool| (vec![("pool", pool.name.to_owned())], f64::from(pool.open)));
    to.register("vultus_database_connections", "Open connections to the database", gauges(open));
    let idle = connections.iter().map(|pool| (vec![("pool", pool.name.to_owned())], pool.idle as f64));
    to.register("vultus_database_idle_connections", "Connections that nobody uses now", gauges(idle));
    let answer = tokio::select! {
        summary = jobs::summary(&app.db) => summary,
        silent = app.db.silence() => Err(silent),
    };
    to.register("vultus_database_up", "1 when the database answers", gauge(u8::from(answer.is_ok())));
    let Ok(summary) = answer else { return };
    let labels = |row: &jobs::Summary| vec![("kind", row.kind.clone()), ("state", row.state.clone())];
    let counts = summary.iter().map(|row| (labels(row), row.count as f64));
    to.register("vultus_jobs", "Jobs of all nodes that share the database", gauges(counts));
    let ages = summary.iter().map(|row| (labels(row), age_seconds(row.oldest_due)));
    to.register("vultus_job_overdue_seconds", "How long the oldest of these jobs is overdue", gauges(ages));
}

async fn lists(to: &mut Registry, app: &App) {
    let folder = app.screening.folder().clone();
    let installed = tokio::task::spawn_blocking(move || folder.installed().unwrap_or_default()).await;
    let installed = installed.unwrap_or_default();
    let labels = |list: &Installed| vec![("list", list.version.source.name().to_owned())];
    let ages = installed.iter().map(|list| (labels(list), age_seconds(list.checked_us)));
    to.register("vultus_list_age_seconds", "Time since the list was last known to be the publisher's", gauges(ages));
    let entries = installed.iter().map(|list| (labels(list), list.version.entries as f64));
    to.register("vultus_list_entries", "Entries of the sanctions list", gauges(entries));
}

fn process(to: &mut Registry) {
    if let Some(lost) = METRICS.lost_log_lines.get() {
        let lost = ConstCounter::new(lost.dropped_lines() as u64);
        to.register("vultus_lost_log_lines", "Lines that found no room in the log", lost);
    }
    if let Some(bytes) = resident_bytes() {
        to.register("process_resident_memory_bytes", "Memory that the process takes", gauge(bytes as f64));
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        to.register("process_open_fds", "Open files and sockets", gauge(open.count() as f64));
    }
    to.register("process_max_fds", "Most open files and sockets", gauge(crate::descriptors::limit() as f64));
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    to.register("vultus_build", "The version that runs; always 1", gauges([(version, 1.0)]));
}

fn gauge(value: impl Into<f64>) -> ConstGauge<f64> {
    ConstGauge::new(value.into())
}

/// Values by labels.
type Gauges = Family<Vec<(&'static str, String)>, Gauge<f64, std::sync::atomic::AtomicU64>>;

fn gauges(values: impl IntoIterator<Item = (Vec<(&'static str, String)>, f64)>) -> Gauges {
    let family = Gauges::default();
    for (labels, value) in values {
        family.get_or_create(&labels).set(value);
    }
    family
}

/// Time since `moment`, or 0 for one that is to come.
fn age_seconds(moment: i64) -> f64 {
    (clock::now_us() - moment).max(0) as f64 / clock::SECOND_US as f64
}

/// Where the system says so.
fn resident_bytes() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse::<u64>().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
