//! Fields from the printed lines: a value stands behind its label, right of it, or below it.

use super::labels::{labelled, plain};
use super::printed_date::{self, Order};
use super::{DocumentType, Field, Kind, Source};
use crate::document::date::Date;
use crate::document::reader::TextLine;

/// The lines of a front and their labels.
pub struct Print<'l> {
    lines: &'l [TextLine],
    /// For each line its label and the text behind it.
    labels: Vec<Option<(Kind, String)>>,
    order: Order,
    today: Date,
}

/// Labels of medical insurance cards are words that other documents use otherwise, and the other way round.
fn belongs(kind: Kind, insurance: bool) -> bool {
    match kind {
        Kind::MemberId | Kind::Group | Kind::Plan | Kind::Name => insurance,
        Kind::Number | Kind::Class | Kind::Nationality => !insurance,
        _ => true,
    }
}

impl<'l> Print<'l> {
    pub fn new(lines: &'l [TextLine], document_type: Option<DocumentType>, country: Option<&str>, today: Date) -> Self {
        let insurance = document_type == Some(DocumentType::InsuranceCard);
        let numbered = document_type == Some(DocumentType::DrivingLicence);
        let american = country == Some("USA")
            || lines.iter().any(|line| {
                let text = plain(&line.text);
                text == "USA"
                    || text.contains("DRIVERLICENSE")
                    || text.contains("UNITEDSTATES")
                    || text.contains("RXBIN")
            });
        let label = |line: &TextLine| {
            let (kind, behind) = labelled(&line.text, numbered)?;
            let kind = if insurance && kind == Kind::Surname { Kind::Name } else { kind };
            belongs(kind, insurance).then_some((kind, behind))
        };
        let order = if american { Order::MonthFirst } else { Order::DayFirst };
        Self { lines, labels: lines.iter().map(label).collect(), order, today }
    }

    /// The first value of each labelled field.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        for (at, label) in self.labels.iter().enumerate() {
            let Some((kind, behind)) = label else { continue };
            if fields.iter().any(|field| field.kind == *kind) {
                continue;
            }
            if let Some((value, confidence)) = self.value_of(at, *kind, behind) {
                fields.push(Field { kind: *kind, value, source: Source::Ocr, confidence, agreement: None });
            }
        }
        fields
    }

    /// Whether a value stands anywhere on the front.
    pub fn shows(&self, kind: Kind, value: &str) -> bool {
        let wanted = plain(value);
        let shows = |line: &TextLine| match kind {
            Kind::Birth | Kind::Issue | Kind::Expiry => self.read(kind, &line.text).is_some_and(|date| date == value),
            // A single letter stands in every line.
            Kind::Sex | Kind::Class => false,
            _ => wanted.len() >= 2 && plain(&line.text).contains(&wanted),
        };
        self.lines.iter().any(shows)
    }

    fn value_of(&self, label: usize, kind: Kind, behind: &str) -> Option<(String, f32)> {
        let own = self.read(kind, behind).map(|value| (value, self.lines[label].confidence));
        let found = own.or_else(|| {
            let near = [self.right_of(label), self.below(label)].into_iter().flatten();
            near.filter_map(|at| Some((self.read(kind, &self.lines[at].text)?, self.lines[at].confidence, at)))
                .map(|(value, confidence, at)| self.continued(kind, value, confidence, at))
                .next()
        });
        match (found, kind) {
            (Some((value, confidence)), Kind::Address) if !behind.is_empty() => {
                Some(self.continued(kind, value, confidence, label))
            }
            (found, _) => found,
        }
    }

    /// An address with the lines below its first one.
    fn continued(&self, kind: Kind, value: String, confidence: f32, at: usize) -> (String, f32) {
        const MAX_MORE: usize = 2;
        let (mut value, mut confidence, mut last) = (value, confidence, at);
        if kind == Kind::Address {
            for _ in 0..MAX_MORE {
                let Some(next) = self.below(last) else { break };
                value = format!("{value}, {}", self.lines[next].text);
                (confidence, last) = (confidence.min(self.lines[next].confidence), next);
            }
        }
        (value, confidence)
    }

    /// The nearest line on the same height, if it is no label.
    fn right_of(&self, label: usize) -> Option<usize> {
        const MAX_GAP: f32 = 8.0;
        let from = &self.lines[label].position;
        let gap = |at: usize| {
            let other = &self.lines[at].position;
            let gap = other.center.x - other.width / 2.0 - (from.center.x + from.width / 2.0);
            let level = (other.center.y - from.center.y).abs() < 0.6 * from.height.max(other.height);
            (level && (-0.5 * from.height..MAX_GAP * from.height).contains(&gap)).then_some((at, gap))
        };
        self.nearest(label, gap)
    }

    /// The nearest line that begins below this one, if it is no label.
    fn below(&self, label: usize) -> Option<usize> {
        let from = &self.lines[label].position;
        let left = from.center.x - from.width / 2.0;
        let gap = |at: usize| {
            let other = &self.lines[at].position;
            let (down, start) = (other.center.y - from.center.y, other.center.x - other.width / 2.0);
            let height = from.height.max(other.height);
            let under = (0.5 * height..2.2 * height).contains(&down) && (start - left).abs() < 3.0 * height;
            under.then_some((at, down + (start - left).abs() / 2.0))
        };
        self.nearest(label, gap)
    }

    fn nearest(&self, label: usize, gap: impl Fn(usize) -> Option<(usize, f32)>) -> Option<usize> {
        let others = (0..self.lines.len()).filter(|&at| at != label).filter_map(gap);
        let (at, _) = others.min_by(|a, b| a.1.total_cmp(&b.1))?;
        self.labels[at].is_none().then_some(at)
    }

    /// A text as the value of a field, in its usual form. `None` if the text cannot be a value of that field.
    fn read(&self, kind: Kind, text: &str) -> Option<String> {
        let text = text.trim();
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        let digits = text.chars().filter(char::is_ascii_digit).count();
        let whole = || text.split_whitespace().collect::<Vec<_>>().join(" ");
        match kind {
            Kind::Birth | Kind::Issue | Kind::Expiry => {
                printed_date::parse(text, self.order, kind != Kind::Expiry, self.today).map(|date| date.to_string())
            }
            Kind::Sex => match plain(text).chars().next()? {
                'M' => Some("M".to_owned()),
                'F' | 'W' => Some("F".to_owned()),
                'X' => Some("X".to_owned()),
                _ => None,
            },
            Kind::Surname | Kind::GivenNames | Kind::Name => (letters >= 2 && digits == 0).then(whole),
            Kind::Nationality => (letters >= 3 && digits == 0).then(whole),
            Kind::Number | Kind::MemberId => {
                // A number goes up to the first word without a digit.
                let words = text.split_whitespace().take_while(|word| word.chars().any(|c| c.is_ascii_digit()));
                let number = words.collect::<Vec<_>>().join(" ");
                let length = number.chars().filter(|c| c.is_alphanumeric()).count();
                ((5..=24).contains(&length)).then_some(number)
            }
            Kind::Group => (digits >= 1 && digits + letters <= 20).then(whole),
            Kind::Plan => (letters + digits >= 2).then(whole),
            Kind::Address => (letters >= 3 && letters + digits >= 6).then(whole),
            Kind::Class => (1..=16).contains(&(letters + digits)).then(whole),
        }
    }
}
