//! Reads an XML file entry by entry, so that a list of 100 MB never stands in memory as a tree.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{File, ListError, damaged};

/// Deepest nesting that is read; the real formats stay under 20.
const MAX_DEPTH: usize = 64;

/// An element with all that is in it.
#[derive(Debug, Default)]
pub struct Element {
    /// Name without its prefix.
    pub name: String,
    attributes: Vec<(String, String)>,
    /// Text directly in it, trimmed.
    pub text: String,
    /// Elements directly in it.
    pub children: Vec<Element>,
}

impl Element {
    fn start(start: &BytesStart<'_>) -> Result<Element, quick_xml::Error> {
        let mut element = Element { name: start.local_name().as_ref().to_owned(), ..Element::default() };
        for attribute in start.attributes() {
            let attribute = attribute?;
            let value = attribute.normalized_value(XmlVersion::Explicit1_0)?.into_owned();
            element.attributes.push((attribute.key.local_name().as_ref().to_owned(), value));
        }
        Ok(element)
    }

    /// An attribute's value, empty when it is not there.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// The elements of a name directly in it.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first element of a name directly in it, empty when it is not there.
    pub fn text_of(&self, name: &str) -> &str {
        self.children.iter().find(|child| child.name == name).map_or("", |child| child.text.as_str())
    }

    /// The elements of a name anywhere in it, in document order.
    pub fn deep<'a>(&'a self, name: &'a str) -> Vec<&'a Element> {
        let mut found = Vec::new();
        let mut open: Vec<&Element> = self.children.iter().rev().collect();
        while let Some(element) = open.pop() {
            if element.name == name {
                found.push(element);
            }
            open.extend(element.children.iter().rev());
        }
        found
    }
}

/// Name of the root element without its prefix, from the beginning of a file.
pub fn root_name(head: &str) -> Option<&str> {
    let mut rest = head;
    loop {
        let tag = rest.find('<').map(|at| &rest[at + 1..])?;
        if tag.starts_with(['?', '!']) {
            rest = tag;
            continue;
        }
        let name = tag.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next()?;
        return name.rsplit(':').next();
    }
}

/// Calls `visit` with each outermost element of the wanted names, and returns the root element without its content.
///
/// # Errors
/// When the file is not well-formed, ends early, or is nested deeper than any list.
pub fn each(
    file: File<'_>,
    text: &str,
    wanted: &[&str],
    mut visit: impl FnMut(Element) -> Result<(), ListError>,
) -> Result<Element, ListError> {
    let mut reader = Reader::from_str(text);
    let mut root = None;
    let mut depth = 0_usize;
    // The wanted element that is being read, and those inside it that are still open.
    let mut open: Vec<Element> = Vec::new();
    loop {
        let at = reader.buffer_position();
        let broken = |error: quick_xml::Error| damaged(file, format_args!("at byte {at}: {error}"));
        match reader.read_event().map_err(broken)? {
            Event::Start(start) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(damaged(file, format_args!("at byte {at}: nested deeper than {MAX_DEPTH} levels")));
                }
                let name = start.local_name();
                if !open.is_empty() || wanted.contains(&name.as_ref()) {
                    open.push(Element::start(&start).map_err(broken)?);
                }
                if root.is_none() {
                    root = Some(Element::start(&start).map_err(broken)?);
                }
            }
            Event::Empty(start) => {
                if let Some(parent) = open.last_mut() {
                    parent.children.push(Element::start(&start).map_err(broken)?);
                } else if wanted.contains(&start.local_name().as_ref()) {
                    visit(Element::start(&start).map_err(broken)?)?;
                }
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if let Some(mut element) = open.pop() {
                    element.text.truncate(element.text.trim_end().len());
                    match open.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => visit(element)?,
                    }
                }
            }
            Event::Text(part) => push(&mut open, &part.xml10_content()),
            Event::CData(part) => push(&mut open, &part.xml10_content()),
            Event::GeneralRef(reference) => {
                let name = reference.clone().into_inner();
                let named = quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned);
                let character = reference.resolve_char_ref().map_err(broken)?.map(String::from);
                push_reference(&mut open, &character.or(named).unwrap_or_default());
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    if depth > 0 {
        return Err(damaged(file, "it ends before its last element is closed"));
    }
    root.ok_or_else(|| damaged(file, "it is empty"))
}

fn push(open: &mut [Element], part: &str) {
    if let Some(element) = open.last_mut() {
        let part = if element.text.is_empty() { part.trim_start() } else { part };
        element.text.push_str(part);
    }
}

fn push_reference(open: &mut [Element], part: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(part);
    }
}
