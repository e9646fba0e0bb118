//! The description of the API for programs, collected from the handlers.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder,
};
use utoipa_axum::router::OpenApiRouter;

const KEY: &str = "api_key";

/// What the reference says first.
const INTRODUCTION: &str = "Finds faces, compares them one to one, identifies people in collections, and tells live faces \
from prints and screens. Send your key as `x-api-key`. Every answer is an object with `success`, `message` and `data`; what \
the API of 2017 does not have stands in `meta`. `docs/api.md` of the source has the rules that hold for all endpoints.";

/// The groups of endpoints, in the order in which a reader needs them.
const TAGS: [(&str, &str); 5] = [
    ("Detection", "Where faces are, and whether they are live."),
    ("Enrollments", "The people that are known, each by one or more pictures."),
    ("Recognition", "Is this that person? Who of the collection is this?"),
    ("Collections", "People to be told apart."),
    ("Service", "For operators and monitors; open to everyone."),
];

/// The OpenAPI document of all routes. The same handlers also answer without `/v1`, which it does not repeat.
pub fn openapi() -> OpenApi {
    let mut api = OpenApiRouter::default().nest("/v1", super::router::api()).to_openapi();
    for item in api.paths.paths.values_mut() {
        operations(item).for_each(protect);
    }
    api.merge(super::router::service().to_openapi());
    let key = ApiKeyValue::with_description("x-api-key", "An API key, as `vultus keys create` makes it.");
    let mut components = api.components.take().unwrap_or_else(Components::new);
    components.add_security_scheme(KEY, SecurityScheme::ApiKey(ApiKey::Header(key)));
    let licence = LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).build();
    let info = InfoBuilder::new()
        .title("vultus")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(INTRODUCTION))
        .license(Some(licence))
        .build();
    let tags = TAGS.map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build());
    OpenApiBuilder::from(api).info(info).tags(Some(tags)).components(Some(components)).build()
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
