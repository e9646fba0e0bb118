//! The operations of the API, as its OpenAPI document lists them: tests of what holds for all of them leave none out.

use reqwest::Method;
use serde_json::{Value, json};
use vultus::auth::principal::Scope;

/// A documented operation.
pub struct Operation {
    pub id: String,
    pub method: Method,
    /// With the prefix `/v1`, unless it is a page.
    pub path: String,
    /// What a key needs; none if the operation is open.
    pub scope: Option<Scope>,
    /// The documented parameters with the schema of each, those of the query string and those of the body.
    pub query: Vec<(String, Value)>,
    pub body: Vec<(String, Value)>,
}

/// All operations that need a key.
pub fn operations() -> Vec<Operation> {
    all().into_iter().filter(|operation| operation.scope.is_some()).collect()
}

/// All operations.
pub fn all() -> Vec<Operation> {
    let document = serde_json::to_value(vultus::http::openapi()).unwrap();
    let items = document["paths"].as_object().unwrap().iter();
    let operations = items.flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |of| (path, of)));
    operations.map(|(path, (method, operation))| read(&document, path, method, operation)).collect()
}

fn read(document: &Value, path: &str, method: &str, operation: &Value) -> Operation {
    let scope = operation.pointer("/security/0/api_key/0").map(|scope| scope.as_str().unwrap().parse().unwrap());
    let query = operation["parameters"].as_array().into_iter().flatten();
    let query = query.map(|parameter| (parameter["name"].as_str().unwrap().to_owned(), parameter["schema"].clone()));
    let schema = operation.pointer("/requestBody/content/application~1json/schema/$ref");
    let schema = schema.map(|reference| document.pointer(&reference.as_str().unwrap()[1..]).unwrap());
    let schema = schema.cloned().unwrap_or(json!({}));
    let object = schema.pointer("/allOf/0").unwrap_or(&schema);
    let body = object["properties"].as_object().into_iter().flatten();
    Operation {
        id: operation["operationId"].as_str().unwrap().to_owned(),
        method: method.to_uppercase().parse().unwrap(),
        path: path.to_owned(),
        scope,
        query: query.collect(),
        body: body.map(|(name, schema)| (name.clone(), schema.clone())).collect(),
    }
}
