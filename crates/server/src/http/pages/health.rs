//! What monitors and load balancers ask.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::clock;
use crate::http::wire::envelope::{Envelope, NoMeta};
use crate::http::wire::error::Error;
use crate::http::wire::problem::Problem;
use crate::pools::{self, Loading};

/// The state of the server.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// What runs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Version {
    #[schema(example = "vultus")]
    name: &'static str,
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "Service", responses((status = 200, description = "It does", body = Envelope<Health, NoMeta>)))]
pub(crate) async fn healthz() -> Envelope<Health, NoMeta> {
    Envelope::new(None, Health { status: "ok" }, None)
}

/// Whether requests can be served: the database can be written and an inference engine is loaded.
#[utoipa::path(
    get, path = "/readyz", tag = "Service",
    responses((status = 200, description = "It does", body = Envelope<Health, NoMeta>), (status = 503, description = "Not yet, or the database is away or full", body = Problem)),
)]
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Result<Envelope<Health, NoMeta>, Error> {
    app.db.check_writable(clock::now_us()).await?;
    match app.engines.loading() {
        Loading::Ready => Ok(Envelope::new(None, Health { status: "ready" }, None)),
        Loading::Running | Loading::Failed(_) => Err(pools::Error::NotLoaded.into()),
    }
}

/// Which version runs.
#[utoipa::path(get, path = "/version", tag = "Service", responses((status = 200, description = "The version", body = Envelope<Version, NoMeta>)))]
pub(crate) async fn version() -> Envelope<Version, NoMeta> {
    Envelope::new(None, Version { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") }, None)
}
