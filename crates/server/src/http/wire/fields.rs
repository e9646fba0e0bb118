//! The parameters of a request: a JSON object whatever its content type says, and the query string.
//!
//! Only what the table of the endpoint names is kept. It is read leniently where old clients need it, with errors that name the
//! parameter and never repeat what the client sent. Strings are borrowed from the body, because most of them are images.

use std::borrow::Cow;
use std::collections::BTreeMap;

use vultus_store::{Id, MAX_TEXT_CHARS, legacy_ids};

use super::body::Upload;
use super::json::{self, Value};
use super::parameters::{
    Endpoint, Form, Kind, MAX_LABEL_CHARS, MAX_OBJECT_BYTES, MAX_RATE, Parameter, picture_position,
};
use super::reference::Reference;
use crate::error::Entity;
use crate::flows::Picture;
use crate::http::wire::error::Error;

/// The parameters of one request by name.
pub(crate) struct Fields<'a> {
    values: BTreeMap<Cow<'a, str>, Value<'a>>,
    /// The body that they stand in.
    upload: &'a Upload,
    /// Whether the body is the picture itself.
    is_picture: bool,
}

impl<'a> Fields<'a> {
    /// Reads the parameters of an endpoint. With `lenient`, a body that is not JSON counts as none, because some clients send
    /// one with every GET.
    ///
    /// # Errors
    /// [`Error::EmptyBody`], [`Error::NotJson`], [`Error::Multipart`], [`Error::TooDeep`], [`Error::TooManyParameters`].
    pub(crate) fn read(endpoint: &Endpoint, upload: &'a Upload, query: &'a str, lenient: bool) -> Result<Self, Error> {
        let body = &upload.bytes;
        let is_picture = matches!(endpoint.form, Form::Picture(_)) && !json::is_object(body);
        let values = match endpoint.form {
            Form::Picture(_) if is_picture => {
                json::check_picture(body)?;
                BTreeMap::new()
            }
            Form::Json(_) | Form::Change(_) | Form::Picture(_) => json::object(endpoint, body)?,
            Form::Query => match json::object(endpoint, body) {
                Ok(values) => values,
                Err(Error::EmptyBody { .. }) => BTreeMap::new(),
                Err(error) if !lenient => return Err(error),
                Err(_) => BTreeMap::new(),
            },
        };
        let mut fields = Self { values, upload, is_picture };
        if !matches!(endpoint.form, Form::Json(_) | Form::Change(_)) {
            fields.add_query(endpoint, query);
        }
        Ok(fields)
    }

    /// Adds what the query string has and the body lacks; of a name that is repeated, the last value counts.
    fn add_query(&mut self, endpoint: &Endpoint, query: &'a str) {
        let pairs = form_urlencoded::parse(query.as_bytes());
        let sent: BTreeMap<_, _> = pairs.filter(|(name, _)| endpoint.parameter(name).is_some()).collect();
        for (name, value) in sent {
            self.values.entry(name).or_insert(Value::Text(value));
        }
    }

    /// The name and the value of a parameter, if it is there; `null` counts as absent.
    fn get(&self, parameter: &Parameter) -> Option<(&'static str, &Value<'a>)> {
        parameter.names().find_map(|name| {
            let value = self.values.get(name).filter(|value| !matches!(value, Value::Null))?;
            Some((name, value))
        })
    }

    fn text(&self, parameter: &Parameter) -> Result<Option<(&'static str, &str)>, Error> {
        match self.get(parameter) {
            None => Ok(None),
            Some((name, Value::Text(text))) => Ok(Some((name, text))),
            Some((name, other)) => Err(other.wrong(name, "a string")),
        }
    }

    /// A [`Kind::Label`], trimmed.
    pub(crate) fn label(&self, parameter: &Parameter) -> Result<Option<String>, Error> {
        let Some((name, text)) = self.text(parameter)? else { return Ok(None) };
        let text = text.trim();
        let problem = if text.chars().count() > MAX_LABEL_CHARS {
            format!("is longer than {MAX_LABEL_CHARS} characters")
        } else if text.chars().any(char::is_control) {
            "has control characters: send plain text".to_owned()
        } else {
            return Ok(Some(text.to_owned()));
        };
        Err(wrong_value(name, problem))
    }

    /// A [`Kind::Label`] that has to be there and not be empty.
    pub(crate) fn required_label(&self, parameter: &Parameter) -> Result<String, Error> {
        self.label(parameter)?.filter(|text| !text.is_empty()).ok_or_else(|| missing(parameter))
    }

    /// A [`Kind::Object`] as compact JSON.
    pub(crate) fn object(&self, parameter: &Parameter) -> Result<Option<String>, Error> {
        let Some((name, value)) = self.get(parameter) else { return Ok(None) };
        let text = match value {
            Value::Json(json) if json.get().starts_with('{') => json::compact(json.get()),
            Value::Json(_) => return Err(wrong_value(name, "must be a JSON object")),
            other => return Err(other.wrong(name, "an object")),
        };
        if text.len() > MAX_OBJECT_BYTES {
            return Err(wrong_value(name, format!("is longer than {MAX_OBJECT_BYTES} bytes")));
        }
        Ok(Some(text))
    }

    /// A [`Kind::Id`], if it is there and not empty.
    pub(crate) fn id(&self, parameter: &Parameter) -> Result<Option<Reference>, Error> {
        let Kind::Id(entity) = parameter.kind else { return Ok(None) };
        let Some((name, text)) = self.text(parameter)? else { return Ok(None) };
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let length = text.chars().count();
        if length > MAX_TEXT_CHARS {
            let problem = format!("is no id: it has {length} characters, and an id has at most {MAX_TEXT_CHARS}");
            return Err(wrong_value(name, problem));
        }
        Reference::new(entity, text).map(Some)
    }

    /// A [`Kind::Id`] that has to be there.
    pub(crate) fn required_id(&self, parameter: &Parameter) -> Result<Reference, Error> {
        self.id(parameter)?.ok_or_else(|| missing(parameter))
    }

    /// A [`Kind::LegacyId`], trimmed; it may be empty.
    pub(crate) fn legacy_id(&self, parameter: &Parameter) -> Result<Option<String>, Error> {
        let Some((name, text)) = self.text(parameter)? else { return Ok(None) };
        let text = text.trim();
        if !text.is_empty() {
            legacy_ids::check(text).map_err(|problem| wrong_value(name, problem.to_string()))?;
        }
        Ok(Some(text.to_owned()))
    }

    /// A [`Kind::Switch`]: a JSON boolean, or one of the words and numbers that stand for one.
    pub(crate) fn switch(&self, parameter: &Parameter) -> Result<Option<bool>, Error> {
        let Some((name, value)) = self.get(parameter) else { return Ok(None) };
        match value {
            Value::Bool(on) => Ok(Some(*on)),
            Value::Number(number) if [0.0, 1.0].contains(number) => Ok(Some(*number > 0.5)),
            Value::Number(_) => Err(wrong_value(name, SWITCH)),
            Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "" | "true" | "1" | "yes" => Ok(Some(true)),
                "false" | "0" | "no" => Ok(Some(false)),
                _ => Err(wrong_value(name, SWITCH)),
            },
            other => Err(other.wrong(name, "a boolean")),
        }
    }

    /// A [`Kind::Score`] or [`Kind::Rate`]; a numeric text counts.
    pub(crate) fn number(&self, parameter: &Parameter) -> Result<Option<f64>, Error> {
        let Some((name, value)) = self.get_number(parameter)? else { return Ok(None) };
        match parameter.kind {
            Kind::Rate if value > 0.0 && value <= MAX_RATE => Ok(Some(value)),
            Kind::Rate => Err(wrong_value(name, format!("must be above 0 and at most {MAX_RATE}, such as 1e-4"))),
            _ if (0.0..=1.0).contains(&value) => Ok(Some(value)),
            _ => Err(wrong_value(name, "must lie between 0 and 1")),
        }
    }

    /// A [`Kind::Count`]; a numeric text counts.
    pub(crate) fn count(&self, parameter: &Parameter) -> Result<Option<u32>, Error> {
        let Kind::Count { most } = parameter.kind else { return Ok(None) };
        let Some((name, value)) = self.get_number(parameter)? else { return Ok(None) };
        if value.fract() == 0.0 && (1.0..=f64::from(most)).contains(&value) {
            Ok(Some(value as u32))
        } else {
            Err(wrong_value(name, format!("must be a whole number from 1 to {most}")))
        }
    }

    fn get_number(&self, parameter: &Parameter) -> Result<Option<(&'static str, f64)>, Error> {
        match self.get(parameter) {
            None => Ok(None),
            Some((name, Value::Number(number))) => Ok(Some((name, *number))),
            Some((name, Value::Text(text))) => match text.trim().parse::<f64>() {
                Ok(number) => Ok(Some((name, number))),
                Err(_) => Err(Error::WrongType { field: name.into(), expected: "a number", found: "a string" }),
            },
            Some((name, other)) => Err(other.wrong(name, "a number")),
        }
    }

    /// A [`Kind::Cursor`]: where a page of a list begins.
    pub(crate) fn cursor(&self, parameter: &Parameter) -> Result<Option<Id>, Error> {
        let Kind::Cursor(entity) = parameter.kind else { return Ok(None) };
        let Some((name, text)) = self.text(parameter)?.filter(|(_, text)| !text.is_empty()) else { return Ok(None) };
        let id = text.parse::<Id>().ok().filter(|id| id.kind() == entity.kind());
        id.map(Some).ok_or_else(|| wrong_value(name, "must be the meta.next_cursor of the page before"))
    }

    /// A [`Kind::Picture`], which has to be there.
    pub(crate) fn picture(&self, parameter: &Parameter) -> Result<Picture, Error> {
        if self.is_picture {
            return Ok(self.upload.as_picture());
        }
        let (name, text) = self.text(parameter)?.ok_or_else(|| missing(parameter))?;
        self.upload.picture(name, text)
    }

    /// Whether the body is the picture itself.
    pub(crate) fn is_picture(&self) -> bool {
        self.is_picture
    }

    /// Whether there are [`Kind::Pictures`].
    pub(crate) fn has_pictures(&self) -> bool {
        self.pictures_by_number().next().is_some()
    }

    /// [`Kind::Pictures`] in the order of their numbers, at least one. Gaps are allowed, and so are a plain `img` (first)
    /// and values that are `null`, which count as absent. No picture is decoded when there are more than `limit`.
    pub(crate) fn pictures(&self, limit: usize) -> Result<Vec<Picture>, Error> {
        let mut sent: Vec<_> = self.pictures_by_number().collect();
        if sent.is_empty() {
            return Err(Error::MissingField { field: "img0".into(), expected: "send at least one image in base64" });
        }
        if sent.len() > limit {
            return Err(Error::TooManyImages { sent: sent.len(), limit });
        }
        sent.sort_unstable_by_key(|(number, name, _)| (*number, *name));
        let one = |(_, name, value): (u64, &str, &Value<'_>)| match value {
            Value::Text(text) => self.upload.picture(name, text),
            other => Err(other.wrong(name, "a string")),
        };
        sent.into_iter().map(one).collect()
    }

    fn pictures_by_number(&self) -> impl Iterator<Item = (u64, &str, &Value<'a>)> {
        let present = self.values.iter().filter(|(_, value)| !matches!(value, Value::Null));
        present.filter_map(|(name, value)| Some((picture_position(name)?, name.as_ref(), value)))
    }
}

const SWITCH: &str = "must be one of true, 1, yes, false, 0, no";

fn wrong_value(field: &str, problem: impl Into<String>) -> Error {
    Error::WrongValue { field: field.to_owned(), problem: problem.into() }
}

/// The error for a parameter that is absent.
fn missing(parameter: &Parameter) -> Error {
    let expected = match parameter.kind {
        Kind::Picture | Kind::Pictures => "send an image in base64",
        Kind::Id(Entity::Enrollment) => "send the id of an enrollment",
        Kind::Id(Entity::Collection) => "send the id of a collection",
        Kind::Id(Entity::Embedding) => "send the id of an embedding",
        Kind::Label | Kind::LegacyId | Kind::Cursor(_) => "send a text",
        Kind::Switch => "send true or false",
        Kind::Score | Kind::Rate | Kind::Count { .. } => "send a number",
        Kind::Object => "send an object",
    };
    Error::MissingField { field: parameter.name.into(), expected }
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
