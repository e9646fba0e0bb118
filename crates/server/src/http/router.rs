//! The list of all routes: `v1` and pages. Each list has its own layers.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::routing::get;
use axum::{Router, middleware};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tower_http::cors::{AllowHeaders, Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_axum::routes;

use super::pages::{HEADERS, docs, health, metrics};
use super::routes::{Routes, needs, open, page};
use super::v1::{collection, enroll, facedetect, feedback, identify, match_, spdetect};
use super::wire::{accept, observe, repeat, seats};
use crate::app::App;
use crate::auth::principal::Scope;
use crate::http::wire::error::Error;

/// Everything the server answers.
pub fn router(app: Arc<App>) -> Router {
    v1_router(&app).merge(pages_router(&app)).with_state(app)
}

/// The documented API, under `/v1` and without a prefix, and the answer to unknown paths. Any page in a browser may call it.
fn v1_router(app: &Arc<App>) -> Router<Arc<App>> {
    let v1 = v1().into_router(app).route_layer(middleware::from_fn(accept::check));
    let v1 = Router::new().nest("/v1", v1.clone()).merge(v1).fallback(async || Error::UnknownPath);
    observed(v1, app).layer(cors())
}

/// What people and monitors open. A browser shows it to nobody but the one who opened it.
fn pages_router(app: &Arc<App>) -> Router<Arc<App>> {
    let pages = observed(service().into_router(app).merge(pages().into_router(app)), app);
    HEADERS
        .into_iter()
        .fold(pages, |pages, (name, value)| pages.layer(SetResponseHeaderLayer::if_not_present(name, value)))
}

/// What holds for every request: it is logged and bounded in time, and its errors are rendered.
fn observed(router: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
    let nosniff = HeaderValue::from_static("nosniff");
    let no_store = HeaderValue::from_static("no-store");
    router
        .method_not_allowed_fallback(async || Error::WrongMethod)
        .layer(middleware::from_fn(seats::only_monitors))
        .layer(compression())
        .layer(middleware::from_fn_with_state(app.clone(), observe::observe))
        .layer(SetResponseHeaderLayer::if_not_present(header::X_CONTENT_TYPE_OPTIONS, nosniff))
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, no_store))
}

/// What is answered on the address for metrics.
pub fn monitoring(app: Arc<App>) -> Router {
    let metrics = Routes::new([page("/metrics", get(metrics::metrics))]);
    let routes = service().into_router(&app).merge(metrics.into_router(&app));
    routes
        .fallback(async || Error::UnknownPath)
        .layer(middleware::from_fn_with_state(app.clone(), observe::observe))
        .with_state(app)
}

/// The routes of the API, by key.
pub(super) fn v1() -> Routes {
    use Scope::{CollectionsRead, CollectionsWrite, Detect, EnrollmentsRead, EnrollmentsWrite, Identify, Match, Spoof};
    Routes::new([
        needs(Detect, &facedetect::FACEDETECT, routes!(facedetect::facedetect)),
        needs(Spoof, &spdetect::SPDETECT, routes!(spdetect::spdetect)),
        needs(Match, &match_::MATCH, routes!(match_::match_)),
        needs(Identify, &identify::IDENTIFY, routes!(identify::identify)),
        needs(EnrollmentsRead, &enroll::LIST, routes!(enroll::list)),
        needs(EnrollmentsWrite, &enroll::CREATE, routes!(enroll::create)),
        needs(EnrollmentsWrite, &enroll::UPDATE, routes!(enroll::update)),
        needs(EnrollmentsWrite, &enroll::DELETE, routes!(enroll::delete)),
        needs(EnrollmentsWrite, &enroll::DELETE_EMBEDDING, routes!(enroll::delete_embedding)),
        needs(CollectionsRead, &collection::LIST, routes!(collection::list)),
        needs(CollectionsWrite, &collection::CREATE, routes!(collection::create)),
        needs(CollectionsWrite, &collection::UPDATE, routes!(collection::update)),
        needs(CollectionsWrite, &collection::DELETE, routes!(collection::delete)),
        needs(CollectionsWrite, &collection::REMOVE_MEMBER, routes!(collection::remove_member)),
        needs(CollectionsWrite, &collection::TRAIN, routes!(collection::train)),
        needs(CollectionsWrite, &feedback::FEEDBACK, routes!(feedback::feedback)),
    ])
}

/// What operators and monitors ask.
pub(super) fn service() -> Routes {
    Routes::new([open(routes!(health::healthz)), open(routes!(health::readyz)), open(routes!(health::version))])
}

/// What people open in a browser.
fn pages() -> Routes {
    Routes::new([
        page("/openapi.json", get(docs::openapi)),
        page("/docs", get(docs::page)),
        page("/docs/start.js", get(docs::start)),
        page("/docs/scalar.js", get(docs::scalar)),
    ])
}

/// Compresses long answers as they are sent, at the level that takes the least work. Shorter ones fit one packet anyway,
/// and files of the program are compressed already.
fn compression() -> CompressionLayer<SizeAbove> {
    const PACKET_BYTES: u64 = 1400;
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(SizeAbove::new(PACKET_BYTES))
}

/// Any page may call the API, with any header, since access is by key and never by cookie. Snippets of old tools carry
/// headers such as `cache-control` and `postman-token`.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::RETRY_AFTER, HeaderName::from_static("x-request-id"), repeat::REPLAYED])
        .max_age(Duration::from_hours(24))
}
