//! Routes, and who may call them. A route joins the router only as a [`Route`], and only [`needs`], [`open`] and [`page`]
//! make those: no handler is public because somebody forgot to say that it is not.

use std::sync::Arc;

use axum::routing::MethodRouter;
use axum::{Extension, Router, middleware};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::auth;
use super::openapi::describe;
use super::wire::parameters::Endpoint;
use crate::app::App;
use crate::auth::principal::Scope;

/// A route with its access.
pub(super) enum Route {
    /// For keys with a scope.
    Needs(Scope, &'static Endpoint, UtoipaMethodRouter<Arc<App>>),
    /// For everyone.
    Open(UtoipaMethodRouter<Arc<App>>),
    /// For everyone, and not part of the OpenAPI document.
    Page(&'static str, MethodRouter<Arc<App>>),
}

/// One endpoint for keys with a scope; it takes what its table lists.
pub(super) fn needs(scope: Scope, endpoint: &'static Endpoint, routes: UtoipaMethodRouter<Arc<App>>) -> Route {
    Route::Needs(scope, endpoint, routes)
}

/// An endpoint for everyone.
pub(super) fn open(routes: UtoipaMethodRouter<Arc<App>>) -> Route {
    Route::Open(routes)
}

/// A page for everyone.
pub(super) fn page(path: &'static str, routes: MethodRouter<Arc<App>>) -> Route {
    Route::Page(path, routes)
}

/// Routes that share their layers.
pub(super) struct Routes(Vec<Route>);

impl Routes {
    pub(super) fn new(routes: impl IntoIterator<Item = Route>) -> Self {
        Self(routes.into_iter().collect())
    }

    /// The router, which asks for what each route needs.
    pub(super) fn into_router(self, app: &Arc<App>) -> Router<Arc<App>> {
        self.0.into_iter().fold(Router::new(), |router, route| match route {
            Route::Needs(scope, endpoint, (schemas, paths, methods)) => {
                let admit = middleware::from_fn_with_state((app.clone(), scope), auth::admit);
                let methods = methods.route_layer(Extension(endpoint)).route_layer(admit);
                router.merge(Router::from(OpenApiRouter::new().routes((schemas, paths, methods))))
            }
            Route::Open(routes) => router.merge(Router::from(OpenApiRouter::new().routes(routes))),
            Route::Page(path, methods) => router.route(path, methods),
        })
    }

    /// The OpenAPI document of the routes.
    pub(super) fn into_openapi(self) -> OpenApi {
        let documented = self.0.into_iter().filter_map(|route| match route {
            Route::Needs(scope, endpoint, mut routes) => {
                describe(scope, endpoint, &mut routes);
                Some(routes)
            }
            Route::Open(routes) => Some(routes),
            Route::Page(..) => None,
        });
        documented.fold(OpenApiRouter::<Arc<App>>::default(), OpenApiRouter::routes).into_openapi()
    }
}
