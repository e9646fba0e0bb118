//! The parameters of a request: a JSON object whatever its content type says, and the query string.
//!
//! Read leniently where old clients need it, with errors that name the parameter. Strings are borrowed from the body,
//! because most of them are images.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use axum::extract::Query;
use axum::http::Uri;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use vultus_store::{Id, Kind, ParseIdError};

use super::body::Upload;
use crate::error::{Entity, Error};
use crate::flows::Picture;

/// Bodies longer than this are parsed off the async threads: the longest ones take 100 ms and more.
const INLINE_BYTES: usize = 64 << 10;

/// The parameters of one request by name.
#[derive(Default)]
pub(crate) struct Fields<'a> {
    values: BTreeMap<Cow<'a, str>, Value<'a>>,
    /// The body they stand in, unless that may have no pictures.
    upload: Option<&'a Upload>,
}

/// A parameter's value.
enum Value<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    /// The text of a parameter that may be an object.
    Json(&'a RawValue),
    /// Another array or object: no parameter is one, so its content is dropped.
    Nested(&'static str),
}

/// Parameters that may be objects.
const OBJECTS: [&str; 1] = ["metadata"];
/// Longest name or external id.
const MAX_NAME_CHARS: usize = 200;
/// Longest metadata.
const MAX_METADATA_BYTES: usize = 4_096;

/// Parses the body and hands the parameters to `read`.
///
/// # Errors
/// [`Error::EmptyBody`], [`Error::NotJson`], and those of `read`.
pub(crate) async fn from_json<T: Send + 'static>(
    upload: Upload,
    read: impl FnOnce(&Fields<'_>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let long = upload.bytes.len() > INLINE_BYTES;
    let parse = move || {
        let parameters = read(&Fields { upload: Some(&upload), ..Fields::parse(&upload.bytes)? })?;
        upload.free();
        Ok(parameters)
    };
    if !long {
        return parse();
    }
    tokio::task::spawn_blocking(parse).await.map_err(|_| Error::Panicked)?
}

/// The parameters of a GET or DELETE: those of the body, then those of the query string. A GET's body that is not JSON
/// counts as none, because some clients send one to every request.
///
/// # Errors
/// [`Error::NotJson`] for a `strict` body.
pub(crate) fn from_body_or_query<'a>(body: &'a Bytes, uri: &Uri, strict: bool) -> Result<Fields<'a>, Error> {
    let mut fields = match Fields::parse(body) {
        Ok(fields) => fields,
        Err(Error::EmptyBody { .. }) => Fields::default(),
        Err(error) if strict => return Err(error),
        Err(_) => Fields::default(),
    };
    for (name, value) in from_query(uri).values {
        fields.values.entry(name).or_insert(value);
    }
    Ok(fields)
}

/// The parameters of the query string; of one that is repeated, the last value counts.
pub(crate) fn from_query(uri: &Uri) -> Fields<'static> {
    let query = Query::<Vec<(String, String)>>::try_from_uri(uri).map(|query| query.0).unwrap_or_default();
    let values = query.into_iter().map(|(name, value)| (name.into(), Value::Text(value.into()))).collect();
    Fields { values, upload: None }
}

/// The first byte that counts: after a byte order mark and white space.
pub(crate) fn first_byte(body: &[u8]) -> Option<u8> {
    without_mark(body).first().copied()
}

fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii()
}

impl<'a> Fields<'a> {
    /// Reads a JSON object. Of a key that is repeated, the last value counts.
    fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let json = without_mark(body);
        if json.is_empty() {
            return Err(Error::EmptyBody { expected: "send a JSON object" });
        }
        serde_json::from_slice(json).map_err(|error| Error::NotJson { detail: error.to_string() })
    }

    /// The value of a parameter; `null` counts as absent.
    fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.values.get(name).filter(|value| !matches!(value, Value::Null))
    }

    /// A text, if it is there.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(other.wrong(name, "a string")),
        }
    }

    /// The name of a person or a collection.
    pub(crate) fn name(&self) -> Result<Option<String>, Error> {
        self.label("name")
    }

    /// A short text for people: at most 200 characters, none of them a control character.
    pub(crate) fn label(&self, name: &str) -> Result<Option<String>, Error> {
        let Some(text) = self.text(name)?.map(str::trim) else { return Ok(None) };
        let problem = if text.chars().count() > MAX_NAME_CHARS {
            format!("is longer than {MAX_NAME_CHARS} characters")
        } else if text.chars().any(char::is_control) {
            "has control characters: send plain text".to_owned()
        } else {
            return Ok(Some(text.to_owned()));
        };
        Err(wrong_value(name, problem))
    }

    /// The JSON object that a client keeps with a person: at most 4,096 bytes.
    pub(crate) fn metadata(&self) -> Result<Option<String>, Error> {
        let json = match self.get("metadata") {
            None => return Ok(None),
            Some(Value::Json(json)) if json.get().starts_with('{') => json.get(),
            Some(Value::Json(_)) => return Err(wrong_value("metadata", "must be a JSON object")),
            Some(other) => return Err(other.wrong("metadata", "an object")),
        };
        if json.len() > MAX_METADATA_BYTES {
            return Err(wrong_value("metadata", format!("is longer than {MAX_METADATA_BYTES} bytes")));
        }
        Ok(Some(json.to_owned()))
    }

    /// An id of `entity` under one of several names, if it is there and not empty.
    pub(crate) fn id(&self, names: &[&str], entity: Entity) -> Result<Option<Id>, Error> {
        for name in names {
            let Some(text) = self.text(name)?.map(str::trim).filter(|text| !text.is_empty()) else { continue };
            return match text.parse::<Id>() {
                Ok(id) if id.kind() == entity.kind() => Ok(Some(id)),
                Ok(_) | Err(ParseIdError::Unrecognised) => Err(Error::NotFound(entity)),
                Err(error @ ParseIdError::TooLong(_)) => Err(wrong_value(name, format!("is no id: {error}"))),
            };
        }
        Ok(None)
    }

    /// An id that has to be there; the first name is the one that the error asks for.
    pub(crate) fn required_id(&self, names: &[&str], entity: Entity) -> Result<Id, Error> {
        let expected = match entity {
            Entity::Enrollment => "send the id of an enrollment",
            Entity::Collection => "send the id of a collection",
            Entity::Embedding => "send the id of an embedding",
        };
        self.id(names, entity)?.ok_or_else(|| Error::MissingField { field: names[0].into(), expected })
    }

    /// A switch: a JSON boolean, or one of the words and numbers that stand for one.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::Number(number)) if [0.0, 1.0].contains(number) => Ok(Some(*number > 0.5)),
            Some(Value::Text(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "" | "true" | "1" | "yes" => Ok(Some(true)),
                "false" | "0" | "no" => Ok(Some(false)),
                _ => Err(wrong_value(name, "must be one of true, 1, yes, false, 0, no")),
            },
            Some(other) => Err(other.wrong(name, "a boolean")),
        }
    }

    /// A score threshold from 0 to 1; a numeric text counts.
    pub(crate) fn threshold(&self) -> Result<Option<f64>, Error> {
        let Some(value) = self.number("threshold")? else { return Ok(None) };
        if (0.0..=1.0).contains(&value) {
            Ok(Some(value))
        } else {
            Err(wrong_value("threshold", "must lie between 0 and 1"))
        }
    }

    /// A rate at which strangers may be named: above 0 and at most 0.1; a numeric text counts.
    pub(crate) fn fmr(&self) -> Result<Option<f64>, Error> {
        let Some(value) = self.number("fmr")? else { return Ok(None) };
        if value > 0.0 && value <= 0.1 {
            Ok(Some(value))
        } else {
            Err(wrong_value("fmr", "must be above 0 and at most 0.1, such as 1e-4"))
        }
    }

    /// How many entries to answer at most: 1 to `most`.
    pub(crate) fn limit(&self, most: u32) -> Result<Option<u32>, Error> {
        let Some(value) = self.number("limit")? else { return Ok(None) };
        if value.fract() == 0.0 && (1.0..=f64::from(most)).contains(&value) {
            Ok(Some(value as u32))
        } else {
            Err(wrong_value("limit", format!("must be a whole number from 1 to {most}")))
        }
    }

    /// Where a page of a list begins: the `meta.next_cursor` of the one before.
    pub(crate) fn cursor(&self, kind: Kind) -> Result<Option<Id>, Error> {
        let Some(text) = self.text("cursor")?.filter(|text| !text.is_empty()) else { return Ok(None) };
        let id = text.parse::<Id>().ok().filter(|id| id.kind() == kind);
        id.map(Some).ok_or_else(|| wrong_value("cursor", "must be the meta.next_cursor of the page before"))
    }

    fn number(&self, name: &str) -> Result<Option<f64>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(*number)),
            Some(Value::Text(text)) => match text.trim().parse::<f64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(Error::WrongType { field: name.into(), expected: "a number", found: "a string" }),
            },
            Some(other) => Err(other.wrong(name, "a number")),
        }
    }

    /// The picture in a parameter that has to be there.
    pub(crate) fn picture(&self, name: &str) -> Result<Picture, Error> {
        match (self.text(name)?, self.upload) {
            (Some(text), Some(upload)) => upload.picture(name, text),
            _ => Err(Error::MissingField { field: name.into(), expected: "send an image in base64" }),
        }
    }

    /// Whether there is a picture.
    pub(crate) fn has_pictures(&self) -> bool {
        self.values.keys().any(|name| image_position(name).is_some() && self.get(name).is_some())
    }

    /// The pictures `img0`, `img1`, ... in the order of their numbers. Gaps are allowed, and so are a plain `img` (first)
    /// and values that are `null`, which count as absent.
    pub(crate) fn pictures(&self, at_most: usize) -> Result<Vec<Picture>, Error> {
        let mut names: Vec<(u64, &str)> = self
            .values
            .keys()
            .filter(|name| self.get(name).is_some())
            .filter_map(|name| Some((image_position(name)?, name.as_ref())))
            .collect();
        names.sort_unstable();
        if names.is_empty() {
            return Err(Error::MissingField { field: "img0".into(), expected: "send at least one image in base64" });
        }
        // Before any of them is decoded.
        if names.len() > at_most {
            return Err(Error::TooManyImages { sent: names.len(), limit: at_most });
        }
        names.into_iter().map(|(_, name)| self.picture(name)).collect()
    }
}

/// Where `img7` stands among the images: behind a plain `img` and in the order of the numbers. None for other names.
fn image_position(name: &str) -> Option<u64> {
    match name.strip_prefix("img")? {
        "" => Some(0),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().map(|n: u32| u64::from(n) + 1)
        }
        _ => None,
    }
}

fn wrong_value(field: &str, problem: impl Into<String>) -> Error {
    Error::WrongValue { field: field.to_owned(), problem: problem.into() }
}

impl Value<'_> {
    fn wrong(&self, field: &str, expected: &'static str) -> Error {
        let found = match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Json(_) => "an object",
            Self::Nested(name) => name,
        };
        Error::WrongType { field: field.to_owned(), expected, found }
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with the parameters")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some(Text(name)) = map.next_key()? {
                    let value = if OBJECTS.contains(&name.as_ref()) {
                        let json: &'de RawValue = map.next_value()?;
                        if json.get() == "null" { Value::Null } else { Value::Json(json) }
                    } else {
                        map.next_value()?
                    };
                    fields.insert(name, value);
                }
                Ok(Fields { values: fields, upload: None })
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A string that is borrowed unless it has escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Text(text) => Ok(Text(text)),
            _ => Err(serde::de::Error::custom("expected a string")),
        }
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Nested("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Nested("an object"))
    }
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
