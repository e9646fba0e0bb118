//! The description of the API for programs, collected from the handlers.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder,
};
use utoipa_axum::router::OpenApiRouter;

const KEY: &str = "api_key";

/// The OpenAPI document of all routes. The same handlers also answer without `/v1`, which it does not repeat.
pub fn openapi() -> OpenApi {
    let mut api = OpenApiRouter::default().nest("/v1", super::api()).to_openapi();
    for item in api.paths.paths.values_mut() {
        operations(item).for_each(protect);
    }
    api.merge(super::service().to_openapi());
    let key = ApiKeyValue::with_description("x-api-key", "An API key, as `vultus keys create` makes it.");
    let mut components = api.components.take().unwrap_or_else(Components::new);
    components.add_security_scheme(KEY, SecurityScheme::ApiKey(ApiKey::Header(key)));
    let licence = LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).build();
    let info = InfoBuilder::new()
        .title("vultus")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(env!("CARGO_PKG_DESCRIPTION")))
        .license(Some(licence))
        .build();
    OpenApiBuilder::from(api).info(info).components(Some(components)).build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten()
}

/// Notes that an operation needs a key, and the form of all its errors.
fn protect(operation: &mut Operation) {
    operation.security = Some(vec![SecurityRequirement::new::<_, _, &str>(KEY, [])]);
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let error = ResponseBuilder::new()
        .description(
            "An error: 400, 401, 403, 404, 405, 406, 410, 429, 500 or 503; `meta.code` tells which. With a key in test \
             mode, the header `x-sandbox-status` asks for one of them, or for 418.",
        )
        .content("application/json", content)
        .build();
    operation.responses.responses.insert("default".into(), error.into());
}
