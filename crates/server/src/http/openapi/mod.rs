//! The description of the API for programs, collected from the handlers.

mod describe;
mod links;

use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};

pub(super) use describe::describe;

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
    let mut api = super::router::service().into_openapi().nest("/v1", super::router::v1().into_openapi());
    let key = ApiKeyValue::with_description("x-api-key", "An API key, as `vultus keys create` makes it.");
    let mut components = api.components.take().unwrap_or_default();
    components.responses.extend(describe::errors().map(|(name, response)| (name, response.into())));
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
