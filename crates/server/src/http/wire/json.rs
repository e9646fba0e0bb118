//! JSON objects with the parameters of an endpoint, within bounds that do not depend on what a client sends.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::parameters::{Endpoint, Kind};
use crate::http::wire::error::Error;

/// Most members of the object; a client that sends everything it has still stays far below.
const MAX_MEMBERS: usize = 1_000;
/// Deepest nesting of arrays and objects, the outermost included. Readers of stored objects have limits of their own, from
/// 64 on.
const MAX_DEPTH: usize = 32;

/// A parameter's value.
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    /// The text of a parameter that may be an object.
    Json(&'a RawValue),
    /// Another array or object: no parameter is one, so its content is dropped.
    Nested(&'static str),
}

impl Value<'_> {
    pub(super) fn wrong(&self, field: &str, expected: &'static str) -> Error {
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

/// Reads the members that the endpoint knows; of one that is repeated, the last value counts.
pub(super) fn object<'a>(endpoint: &Endpoint, body: &'a [u8]) -> Result<BTreeMap<Cow<'a, str>, Value<'a>>, Error> {
    let json = without_mark(body);
    if json.is_empty() {
        return Err(Error::EmptyBody { expected: "send a JSON object" });
    }
    if is_multipart(json) {
        return Err(Error::Multipart);
    }
    check_bounds(json)?;
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let values = Object(endpoint).deserialize(&mut deserializer);
    values.and_then(|values| deserializer.end().map(|()| values)).map_err(|error| not_json(json, &error))
}

/// Whether a body is JSON by its first byte: no image format begins with a brace.
pub(super) fn is_object(body: &[u8]) -> bool {
    first_byte(body) == Some(b'{')
}

/// Fails unless the body may be an image file.
///
/// # Errors
/// [`Error::EmptyBody`] or [`Error::Multipart`].
pub(super) fn check_picture(body: &[u8]) -> Result<(), Error> {
    match without_mark(body) {
        [] => Err(Error::EmptyBody { expected: "send the bytes of an image file, or JSON with \"img\"" }),
        start if is_multipart(start) => Err(Error::Multipart),
        _ => Ok(()),
    }
}

/// Without a byte order mark and the white space around.
/// The first byte that counts: after a byte order mark and white space.
pub(super) fn first_byte(body: &[u8]) -> Option<u8> {
    without_mark(body).first().copied()
}

fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii()
}

/// Whether a body is that of an HTML form with files (RFC 7578), by its first lines.
fn is_multipart(body: &[u8]) -> bool {
    const HEADER: &[u8] = b"content-disposition:";
    let start = &body[..body.len().min(512)];
    start.starts_with(b"--") && start.windows(HEADER.len()).any(|part| part.eq_ignore_ascii_case(HEADER))
}

/// Refuses too many members and too deep a nesting, before anything is made of them.
fn check_bounds(json: &[u8]) -> Result<(), Error> {
    let (mut depth, mut members, mut rest) = (0, 1, json);
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'"' => rest = after_string(tail),
            b'{' | b'[' if depth == MAX_DEPTH => return Err(Error::TooDeep { limit: MAX_DEPTH }),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 1 && members == MAX_MEMBERS => {
                return Err(Error::TooManyParameters { limit: MAX_MEMBERS });
            }
            b',' if depth == 1 => members += 1,
            _ => {}
        }
    }
    Ok(())
}

/// What follows a string of which the first quote has been read.
fn after_string(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        if rest[at] == b'"' {
            return &rest[at + 1..];
        }
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    &[]
}

/// Says where JSON is wrong, and nothing of what it holds: the messages of the parser quote it.
fn not_json(json: &[u8], error: &serde_json::Error) -> Error {
    let problem = match error.classify() {
        Category::Data if json.starts_with(b"\"") => "it is a string, which may hold JSON that was encoded twice",
        Category::Data => "it is not an object",
        Category::Eof => "it ends too early",
        Category::Syntax | Category::Io => "it has a syntax error",
    };
    Error::NotJson { problem, line: error.line(), column: error.column() }
}

/// Valid JSON without the white space between its parts.
pub fn compact(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find(|c: char| c == '"' || c.is_ascii_whitespace()) {
        let is_string = rest.as_bytes()[at] == b'"';
        let end = if is_string { rest.len() - after_string(&rest.as_bytes()[at + 1..]).len() } else { at };
        text.push_str(&rest[..end]);
        rest = if is_string { &rest[end..] } else { &rest[at + 1..] };
    }
    text.push_str(rest);
    text
}

/// The object of an endpoint.
struct Object<'e>(&'e Endpoint);

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = BTreeMap<Cow<'de, str>, Value<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = BTreeMap<Cow<'de, str>, Value<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = BTreeMap::new();
        while let Some(Text(name)) = map.next_key()? {
            let value = match self.0.parameter(&name).map(|parameter| parameter.kind) {
                None => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                Some(Kind::Object) => {
                    let json: &'de RawValue = map.next_value()?;
                    if json.get() == "null" { Value::Null } else { Value::Json(json) }
                }
                Some(_) => map.next_value()?,
            };
            values.insert(name, value);
        }
        Ok(values)
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
