//! What can be done with the result of an operation.

use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::Operation;

/// Where an id goes in the operation that a link leads to.
enum Place {
    Query,
    Body,
}

/// The operation, the value of its answer, the operation that takes the value, under which name, and where.
const LINKS: [(&str, &str, &str, &str, Place); 10] = [
    ("enroll", "enrollment_id", "match", "id", Place::Body),
    ("enroll", "enrollment_id", "listEnrollments", "enrollment_id", Place::Query),
    ("enroll", "enrollment_id", "updateEnrollment", "enrollment_id", Place::Body),
    ("enroll", "enrollment_id", "updateCollection", "enrollment_id", Place::Body),
    ("enroll", "enrollment_id", "deleteEnrollment", "enrollment_id", Place::Query),
    ("createCollection", "collection_id", "listCollections", "collection_id", Place::Query),
    ("createCollection", "collection_id", "updateCollection", "collection_id", Place::Body),
    ("createCollection", "collection_id", "identify", "collection_id", Place::Body),
    ("createCollection", "collection_id", "train", "collection_id", Place::Body),
    ("createCollection", "collection_id", "deleteCollection", "collection_id", Place::Query),
];

/// Adds the links of an operation to its answer.
pub(super) fn add(operation: &mut Operation) {
    let Some(RefOr::T(answer)) = operation.responses.responses.get_mut("200") else { return };
    for (from, value, to, name, place) in &LINKS {
        if operation.operation_id.as_deref() != Some(*from) {
            continue;
        }
        let expression = format!("$response.body#/data/{value}");
        let link = LinkBuilder::new().operation_id(*to);
        let link = match place {
            Place::Query => link.parameter(*name, expression),
            Place::Body => link.request_body(Some(json!({ *name: expression }))),
        };
        answer.links.insert((*to).to_owned(), link.build().into());
    }
}
