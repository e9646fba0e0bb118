//! What the programs of `fuzz/` drive of the transport. It is only compiled for them.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::body::Upload;
use super::fields::Fields;
use super::parameters::{Endpoint, Form, Kind, Parameter};
use crate::error::{Entity, Error};

const IMAGE: Parameter = Parameter::optional("img", Kind::Picture, "");
const IMAGES: Parameter = Parameter::required("img0", Kind::Pictures, "");
const NAME: Parameter = Parameter::optional("name", Kind::Label, "");
const SWITCH: Parameter = Parameter::optional("unknowns", Kind::Switch, "").or(&["other"]);
const THRESHOLD: Parameter = Parameter::optional("threshold", Kind::Score, "");
const FMR: Parameter = Parameter::optional("fmr", Kind::Rate, "");
const LIMIT: Parameter = Parameter::optional("limit", Kind::Count { most: 100 }, "");
const PERSON: Parameter = Parameter::required("enrollment_id", Kind::Id(Entity::Enrollment), "").or(&["id"]);
const LEGACY: Parameter = Parameter::optional("legacy_id", Kind::LegacyId, "");
const CURSOR: Parameter = Parameter::optional("cursor", Kind::Cursor(Entity::Enrollment), "");
const METADATA: Parameter = Parameter::optional("metadata", Kind::Object, "");
const PARAMETERS: &[Parameter] = &[IMAGES, NAME, SWITCH, THRESHOLD, FMR, LIMIT, PERSON, LEGACY, CURSOR, METADATA];

const ENDPOINTS: [Endpoint; 3] = [
    Endpoint { form: Form::Json("Body"), parameters: PARAMETERS },
    Endpoint { form: Form::Query, parameters: PARAMETERS },
    Endpoint { form: Form::Picture("Body"), parameters: &[IMAGE, SWITCH] },
];

/// Longest error message. What a client sent is not repeated in it.
const MESSAGE_BYTES: usize = 500;

/// Reads a body and a query string as the parameters of endpoints.
///
/// # Panics
/// When a parameter has another value than `serde_json` finds, or an error is longer than it may be.
pub fn fields(body: &[u8], query: &str) {
    let upload = Upload::of(Bytes::copy_from_slice(body));
    for endpoint in &ENDPOINTS {
        match Fields::read(endpoint, &upload, query, false) {
            Ok(fields) => read_all(&fields),
            Err(error) => check_message(&error),
        }
    }
    let json = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let whole = serde_json::from_slice::<Map<String, Value>>(json);
    match (Fields::read(&ENDPOINTS[0], &upload, query, false), whole) {
        (Ok(fields), Ok(whole)) => compare(&fields, &whole),
        (Err(Error::TooDeep { .. } | Error::TooManyParameters { .. }), _) | (_, Err(_)) => {}
        (Err(error), Ok(_)) => panic!("an object is refused: {error}"),
    }
}

fn read_all(fields: &Fields<'_>) {
    let results = [
        fields.label(&NAME).map(drop),
        fields.required_label(&NAME).map(drop),
        fields.object(&METADATA).map(drop),
        fields.id(&PERSON).map(drop),
        fields.required_id(&PERSON).map(drop),
        fields.legacy_id(&LEGACY).map(drop),
        fields.switch(&SWITCH).map(drop),
        fields.number(&THRESHOLD).map(drop),
        fields.number(&FMR).map(drop),
        fields.count(&LIMIT).map(drop),
        fields.cursor(&CURSOR).map(drop),
        fields.picture(&IMAGE).map(drop),
        fields.pictures(3).map(drop),
    ];
    results.iter().filter_map(|result| result.as_ref().err()).for_each(check_message);
}

fn compare(fields: &Fields<'_>, whole: &Map<String, Value>) {
    if let Ok(name) = fields.label(&NAME) {
        assert_eq!(name.as_deref(), whole.get("name").and_then(Value::as_str).map(str::trim));
    }
    if let Ok(Some(metadata)) = fields.object(&METADATA) {
        assert_eq!(serde_json::from_str::<Value>(&metadata).ok().as_ref(), whole.get("metadata"));
        assert_eq!(super::compact(&metadata), metadata);
    }
    if let (Ok(Some(number)), Some(Value::Number(sent))) = (fields.number(&THRESHOLD), whole.get("threshold")) {
        assert_eq!(Some(number), sent.as_f64());
    }
}

fn check_message(error: &Error) {
    let message = error.to_string();
    assert!(message.len() <= MESSAGE_BYTES, "{message}");
}

/// Decodes a text.
///
/// # Panics
/// When another decoder finds other bytes, or their number is not what was announced.
pub fn base64(text: &str) {
    let Some(bytes) = super::base64::decode(text) else { return };
    assert_eq!(bytes.len(), super::base64::decoded_bytes(text));
    let digits = text.trim_ascii().rsplit(',').next().unwrap_or_default();
    let digits = digits.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let digits = digits.filter(|byte| *byte != b'=').map(|byte| {
        if byte == b'-' {
            b'+'
        } else if byte == b'_' {
            b'/'
        } else {
            byte
        }
    });
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decoded = GeneralPurpose::new(&STANDARD, config).decode(digits.collect::<Vec<u8>>());
    assert_eq!(decoded.as_ref(), Ok(&bytes));
}
