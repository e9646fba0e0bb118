//! The tables of the endpoints as OpenAPI: parameters, request bodies, errors.

use std::sync::Arc;

use serde_json::{Value, json};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{AllOfBuilder, AnyOfBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Schema};
use utoipa_axum::router::UtoipaMethodRouter;
use vultus_store::MAX_TEXT_CHARS;

use super::{KEY, links};
use crate::app::App;
use crate::auth::principal::Scope;
use crate::http::wire::parameters::{Endpoint, Form, Kind, MAX_LABEL_CHARS, MAX_OBJECT_BYTES, MAX_RATE, Parameter};
use crate::http::wire::problem::CODES;
use crate::http::wire::repeat::MAX_KEY_CHARS;

/// Pictures `img0` and so on that a schema names.
const NAMED_PICTURES: usize = 10;
/// Text without control characters (the categories of Unicode's `Cc`).
const PLAIN_TEXT: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
/// The same with something to see.
const VISIBLE_TEXT: &str =
    r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";

/// Characters that URLs may have unescaped (RFC 3986).
const UNRESERVED: &str = "^[A-Za-z0-9._~-]*$";

/// Adds what the table of an endpoint says to the description of its operation.
pub(in crate::http) fn describe(
    scope: Scope,
    endpoint: &Endpoint,
    (schemas, paths, _): &mut UtoipaMethodRouter<Arc<App>>,
) {
    for operation in paths.paths.values_mut().flat_map(operations) {
        operation.security = Some(vec![SecurityRequirement::new(KEY, [scope.name()])]);
        add_errors(operation);
        links::add(operation);
        if let Form::Json(name) | Form::Change(name) | Form::Picture(name) = endpoint.form {
            schemas.push((name.to_owned(), body(endpoint).into()));
            operation.request_body = Some(request_body(endpoint, name).into());
        }
        let in_query = endpoint.parameters.iter().filter(|parameter| !endpoint.in_body(parameter));
        operation.parameters = Some(in_query.map(query_parameter).collect()).filter(|list: &Vec<_>| !list.is_empty());
    }
    for operation in
        paths.paths.values_mut().flat_map(|item| [&mut item.post, &mut item.put, &mut item.delete]).flatten()
    {
        operation.parameters.get_or_insert_default().push(idempotency_key());
    }
}

/// The header of requests that may be sent again.
fn idempotency_key() -> RefOr<utoipa::openapi::path::Parameter> {
    let text = "A key of the client's choice, such as a UUID. A request that is sent again with the same key changes \
                nothing again and gets the same answer.";
    let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MAX_KEY_CHARS));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(text))
        .schema(Some(schema.pattern(Some("^[ -~]*$")).build()))
        .build()
        .into()
}

/// A body with the schema of this name; a picture may also be the body itself.
fn request_body(endpoint: &Endpoint, name: &str) -> RequestBody {
    let object = ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).build();
    let body = RequestBodyBuilder::new().content("application/json", object).required(Some(Required::True));
    if let Form::Json(_) | Form::Change(_) = endpoint.form {
        return body.build();
    }
    let file = || ContentBuilder::new().build();
    body.description(Some("The bytes of an image file, or JSON"))
        .content("image/jpeg", file())
        .content("image/png", file())
        .build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten()
}

/// Refers to the errors of all statuses.
fn add_errors(operation: &mut Operation) {
    for (status, _) in CODES {
        let reference = RefOr::Ref(Ref::from_response_name(error_name(status)));
        operation.responses.responses.insert(status.to_string(), reference);
    }
}

/// The errors of all statuses, each with its codes.
pub(super) fn errors() -> impl Iterator<Item = (String, Response)> {
    CODES.into_iter().map(|(status, codes)| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let codes = codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
        let response = ResponseBuilder::new().description(format!("`meta.code` is one of {codes}."));
        (error_name(status), response.content("application/json", content).build())
    })
}

fn error_name(status: u16) -> String {
    format!("Error{status}")
}

fn query_parameter(parameter: &Parameter) -> RefOr<utoipa::openapi::path::Parameter> {
    ParameterBuilder::new()
        .name(parameter.name)
        .parameter_in(ParameterIn::Query)
        .required(required(parameter))
        .description(Some(description(parameter)))
        .schema(Some(schema(parameter, None)))
        .build()
        .into()
}

fn required(parameter: &Parameter) -> Required {
    if parameter.required { Required::True } else { Required::False }
}

/// The object of a JSON body. Where pictures are required, at least one of the named ones has to be there; in a change, anything
/// that may be absent.
fn body(endpoint: &Endpoint) -> Schema {
    let mut object = ObjectBuilder::new();
    let mut alternatives = Vec::new();
    for parameter in endpoint.parameters.iter().filter(|parameter| endpoint.in_body(parameter)) {
        let described = schema(parameter, Some(description(parameter)));
        let is_alternative = matches!(endpoint.form, Form::Change(_)) && !parameter.required;
        if let Kind::Pictures = parameter.kind {
            object = object.property("img0", described);
            for number in 1..NAMED_PICTURES {
                object = object.property(format!("img{number}"), schema(parameter, None));
            }
            if is_alternative || parameter.required {
                alternatives.extend((0..NAMED_PICTURES).map(|number| with(&format!("img{number}"), parameter)));
            }
            continue;
        }
        object = object.property(parameter.name, described);
        if parameter.required {
            object = object.required(parameter.name);
        } else if is_alternative {
            alternatives.push(with(parameter.name, parameter));
        }
    }
    if alternatives.is_empty() {
        return object.build().into();
    }
    let any = alternatives.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item);
    AllOfBuilder::new().item(object).item(any).build().into()
}

/// Any object with this member, which is not `null`, and if it is an id, not empty.
fn with(name: &str, parameter: &Parameter) -> ObjectBuilder {
    let least = matches!(parameter.kind, Kind::Id(_)).then_some(1);
    let value = ObjectBuilder::new().schema_type(schema_type(types(parameter.kind).to_vec())).min_length(least);
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).property(name, value).required(name)
}

fn description(parameter: &Parameter) -> String {
    match parameter.aliases {
        [] => parameter.description.to_owned(),
        aliases => format!("{} Also taken under the name `{}`.", parameter.description, aliases.join("`, `")),
    }
}

/// The values of a parameter. One that may be absent may also be `null`, or if it is an id, empty.
fn schema(parameter: &Parameter, description: Option<String>) -> RefOr<Schema> {
    let text = || ObjectBuilder::new();
    let least = parameter.required.then_some(1);
    let object = match parameter.kind {
        Kind::Picture | Kind::Pictures => {
            text().min_length(Some(1)).content_encoding("base64").content_media_type("image/*")
        }
        Kind::Label => {
            let pattern = if parameter.required { VISIBLE_TEXT } else { PLAIN_TEXT };
            text().min_length(least).max_length(Some(MAX_LABEL_CHARS)).pattern(Some(pattern))
        }
        Kind::Id(_) | Kind::Cursor(_) => text().min_length(least).max_length(Some(MAX_TEXT_CHARS)),
        Kind::LegacyId => text().max_length(Some(MAX_TEXT_CHARS)).pattern(Some(UNRESERVED)),
        Kind::Switch => text().enum_values(Some(switch_words())),
        Kind::Score => text().minimum(Some(0)).maximum(Some(1)),
        Kind::Rate => text().exclusive_minimum(Some(0)).maximum(Some(MAX_RATE)),
        Kind::Count { most } => text().minimum(Some(1)).maximum(Some(most as usize)),
        Kind::Object => text(),
    };
    let mut types = types(parameter.kind).to_vec();
    // Of several pictures, one that is `null` is absent.
    if !parameter.required || matches!(parameter.kind, Kind::Pictures) {
        types.push(Type::Null);
    }
    let description = match parameter.kind {
        Kind::Object => description.map(|text| format!("{text} At most {MAX_OBJECT_BYTES} bytes.")),
        _ => description,
    };
    object.schema_type(schema_type(types)).description(description).build().into()
}

fn types(kind: Kind) -> &'static [Type] {
    match kind {
        Kind::Picture | Kind::Pictures | Kind::Label | Kind::Id(_) | Kind::LegacyId | Kind::Cursor(_) => {
            &[Type::String]
        }
        Kind::Switch => &[Type::Boolean, Type::Integer, Type::String],
        Kind::Score | Kind::Rate => &[Type::Number],
        Kind::Count { .. } => &[Type::Integer],
        Kind::Object => &[Type::Object],
    }
}

fn schema_type(mut types: Vec<Type>) -> SchemaType {
    if types.len() == 1 { SchemaType::new(types.remove(0)) } else { types.into_iter().collect() }
}

/// What turns a switch on or off; words count in any case.
fn switch_words() -> Vec<Value> {
    let words = ["true", "1", "yes", "", "false", "0", "no"].map(Value::from);
    [json!(true), json!(false), json!(1), json!(0), Value::Null].into_iter().chain(words).collect()
}
