//! The list of all routes.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::routing::get;
use axum::{Extension, Router, middleware};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tower_http::cors::{Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::pages::{docs, health, metrics};
use super::sandbox;
use super::v1::{collection, enroll, facedetect, feedback, identify, match_, spdetect};
use super::wire::{accept, observe, seats};
use crate::app::App;
use crate::auth::keys::Scope;
use crate::error::Error;

/// Everything the server answers.
pub fn router(app: Arc<App>) -> Router {
    let api = Router::from(api()).route_layer(middleware::from_fn(accept::check));
    Router::new()
        .nest("/v1", api.clone())
        .merge(api)
        .merge(Router::from(service()))
        .route("/openapi.json", get(docs::openapi))
        .route("/docs", get(docs::page))
        .route("/docs/scalar.js", get(docs::script))
        .fallback(async || Error::UnknownPath)
        .method_not_allowed_fallback(async || Error::WrongMethod)
        .layer(middleware::from_fn(seats::only_monitors))
        .layer(compression())
        .layer(middleware::from_fn_with_state(app.clone(), observe::observe))
        .layer(cors())
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .with_state(app)
}

/// What is answered on the address for metrics.
pub fn monitoring(app: Arc<App>) -> Router {
    Router::from(service())
        .route("/metrics", get(metrics::metrics))
        .fallback(async || Error::UnknownPath)
        .layer(middleware::from_fn_with_state(app.clone(), observe::observe))
        .with_state(app)
}

/// The documented API, with the scope that each endpoint needs. Served under `/v1` and without a prefix.
pub(super) fn api() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .routes(needs(Scope::Detect, routes!(facedetect::facedetect)))
        .routes(needs(Scope::Spoof, routes!(spdetect::spdetect)))
        .routes(needs(Scope::Match, routes!(match_::match_)))
        .routes(needs(Scope::Identify, routes!(identify::identify)))
        .routes(needs(Scope::EnrollmentsRead, routes!(enroll::list)))
        .routes(needs(Scope::EnrollmentsWrite, routes!(enroll::create, enroll::update, enroll::delete)))
        .routes(needs(Scope::EnrollmentsWrite, routes!(enroll::delete_embedding)))
        .routes(needs(Scope::CollectionsRead, routes!(collection::list)))
        .routes(needs(Scope::CollectionsWrite, routes!(collection::create, collection::update, collection::delete)))
        .routes(needs(Scope::CollectionsWrite, routes!(collection::remove_member)))
        .routes(needs(Scope::CollectionsWrite, routes!(collection::train)))
        .routes(needs(Scope::CollectionsWrite, routes!(feedback::feedback)))
}

/// What operators and monitors ask; open to everyone.
pub(super) fn service() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::version))
}

/// Tells [`crate::auth::keys::Caller`] which scope the routes ask of a key.
fn needs(scope: Scope, routes: UtoipaMethodRouter<Arc<App>>) -> UtoipaMethodRouter<Arc<App>> {
    routes.map(|router| router.route_layer(Extension(scope)))
}

/// Compresses long answers as they are sent, at the level that takes the least work. Shorter ones fit one packet anyway,
/// and files of the program are compressed already.
fn compression() -> CompressionLayer<SizeAbove> {
    const PACKET_BYTES: u64 = 1400;
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(SizeAbove::new(PACKET_BYTES))
}

/// Any page may call the API, since access is by key and never by cookie.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([header::ACCEPT, header::CONTENT_TYPE, HeaderName::from_static("x-api-key"), sandbox::HEADER])
        .expose_headers([header::RETRY_AFTER, HeaderName::from_static("x-request-id")])
        .max_age(Duration::from_hours(24))
}
