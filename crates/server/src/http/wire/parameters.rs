//! What endpoints take: one table per endpoint, from which [`super::fields`] reads requests and `openapi.rs` describes them.

use crate::error::Entity;

/// Most characters of a label.
pub(crate) const MAX_LABEL_CHARS: usize = 200;
/// Most bytes of an object, without the white space between its parts.
pub(crate) const MAX_OBJECT_BYTES: usize = 4_096;
/// Highest rate at which strangers may be named.
pub(crate) const MAX_RATE: f64 = 0.1;

/// What one endpoint takes.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Where the parameters stand.
    pub(crate) form: Form,
    /// All parameters. Members of a body that are not among them are skipped.
    pub(crate) parameters: &'static [Parameter],
}

/// Where the parameters of an endpoint stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// In a JSON object, which has this name in the OpenAPI document.
    Json(&'static str),
    /// The same for a change: at least one of the parameters that may be absent has to be there.
    Change(&'static str),
    /// The picture is the body, or stands in a JSON object of this name; the others stand in the query string.
    Picture(&'static str),
    /// In the query string, or in a JSON object where clients prefer that.
    Query,
}

/// A parameter of an endpoint.
#[derive(Debug)]
pub(crate) struct Parameter {
    /// The documented name.
    pub(crate) name: &'static str,
    /// Other names that clients use.
    pub(crate) aliases: &'static [&'static str],
    /// What values it has.
    pub(crate) kind: Kind,
    /// Whether it has to be there.
    pub(crate) required: bool,
    /// What it means; the limits of its kind are added to it.
    pub(crate) description: &'static str,
}

/// The values of a parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// An image file in base64.
    Picture,
    /// Several of them: the name and a number, `img0`, `img1` and so on, with gaps.
    Pictures,
    /// A text for people: at most [`MAX_LABEL_CHARS`] characters, none of them a control character.
    Label,
    /// The id of such a thing, of this server or of another one.
    Id(Entity),
    /// The id that another server issued for the same thing.
    LegacyId,
    /// On or off.
    Switch,
    /// A score from 0 to 1.
    Score,
    /// A rate above 0 and at most [`MAX_RATE`].
    Rate,
    /// A whole number from 1.
    Count {
        /// The largest.
        most: u32,
    },
    /// The `meta.next_cursor` of a list of such things.
    Cursor(Entity),
    /// A JSON object of at most [`MAX_OBJECT_BYTES`] bytes.
    Object,
}

impl Parameter {
    /// A parameter that may be absent.
    pub(crate) const fn optional(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self { name, aliases: &[], kind, required: false, description }
    }

    /// A parameter that has to be there.
    pub(crate) const fn required(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self { name, aliases: &[], kind, required: true, description }
    }

    /// The same under further names.
    pub(crate) const fn or(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// The names under which it is looked for, the documented one first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    fn is(&self, name: &str) -> bool {
        match self.kind {
            Kind::Pictures => picture_position(name).is_some(),
            _ => self.names().any(|known| known == name),
        }
    }
}

impl Endpoint {
    /// Whether a parameter is documented as a part of the body.
    pub(crate) fn in_body(&self, parameter: &Parameter) -> bool {
        match self.form {
            Form::Json(_) | Form::Change(_) => true,
            Form::Picture(_) => matches!(parameter.kind, Kind::Picture),
            Form::Query => false,
        }
    }

    /// The parameter that has this name.
    pub(crate) fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters.iter().find(|parameter| parameter.is(name))
    }
}

/// Where `img7` stands among the pictures: behind a plain `img` and in the order of the numbers. None for other names.
pub(crate) fn picture_position(name: &str) -> Option<u64> {
    match name.strip_prefix("img")? {
        "" => Some(0),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().map(|number: u32| u64::from(number) + 1)
        }
        _ => None,
    }
}
