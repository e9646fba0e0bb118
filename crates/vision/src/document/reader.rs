//! The facade: reads the printed text of a document. It is made for one thread, and loaded only if documents are read. It has
//! other networks than [`Engine`](crate::Engine).

use std::f32::consts::FRAC_PI_2;

use super::date::Date;
use super::find::find;
use super::ocr::Recogniser;
use super::orientation::Orientation;
use super::rectify::{rectify, turned};
use super::spell::Alphabet;
use super::text::{TextBox, TextDetector};
use super::zone::Zone;
use crate::error::Error;
use crate::geometry::Point;
use crate::image::Image;
use crate::models::{InputSpec, Models, Role, metadata};
use crate::network::{Network, OnnxNetwork};
use crate::resample::Resampler;

/// A line of the printed text.
#[derive(Debug, Clone, PartialEq)]
pub struct TextLine {
    /// Its box.
    pub position: TextBox,
    /// Its text.
    pub text: String,
    /// Mean probability of its characters.
    pub confidence: f32,
}

/// A document and all its text. Positions are pixels of `image`.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The document alone, its text upright but for a tilt of less than 45 degrees.
    pub image: Image,
    /// Its corners in the picture, clockwise from its own upper left. `None` if they were not found. `image` is
    /// then the whole picture.
    pub corners: Option<[Point; 4]>,
    /// The machine readable zone, if there is one.
    pub zone: Option<Zone>,
    /// Every other line, from top to bottom.
    pub lines: Vec<TextLine>,
}

/// A candidate for the document: its pixels, and everything found on them before the lines are read.
struct Page {
    image: Image,
    corners: Option<[Point; 4]>,
    boxes: Vec<TextBox>,
    zone: Option<Zone>,
}

impl Page {
    fn zone_holds(&self) -> bool {
        self.zone.as_ref().is_some_and(|zone| zone.mrz.all_hold())
    }

    /// Turns everything by quarters, so that text at `angle` (radians, clockwise) runs to the right.
    fn turn_upright(&mut self, angle: f32) {
        let quarters = (-angle / FRAC_PI_2).round().rem_euclid(4.0) as u8;
        if quarters == 0 {
            return;
        }
        let size = (self.image.width() as f32, self.image.height() as f32);
        self.image = turned(&self.image, quarters);
        let in_zone = self.zone.iter_mut().flat_map(|zone| &mut zone.lines);
        self.boxes.iter_mut().chain(in_zone).for_each(|line| *line = line.turned(size, quarters));
        if let Some(corners) = &mut self.corners {
            corners.rotate_right(quarters.into());
        }
    }
}

/// Text detection and recognition with their networks.
pub struct Reader {
    resampler: Resampler,
    detector: TextDetector,
    orientation: Orientation,
    pub(super) recogniser: Recogniser,
    pub(super) alphabet: Alphabet,
}

/// Longer side of the detector's input. At 640 pixels the zone of a document that fills the picture has letters of ten
/// pixels, and is found on every picture of the evaluation set.
const DETECTION_SIDE: u32 = 640;

impl Reader {
    /// Loads the text networks.
    ///
    /// # Errors
    /// [`Error::Runtime`], [`Error::Models`] or [`Error::Model`]: each says what to do.
    pub fn load(models: &Models) -> Result<Self, Error> {
        let (detection, input) = stage(models, Role::TextDetection)?;
        let detector = TextDetector::new(detection, input);
        let (orientation, input) = stage(models, Role::TextOrientation)?;
        let orientation = Orientation::new(orientation, input);
        let (recognition, input) = stage(models, Role::TextRecognition)?;
        let characters = metadata(&models.stock_graph(Role::TextRecognition)?, "character")?
            .ok_or_else(|| Error::Model("the text recogniser has no list of characters".into()))?;
        let recogniser = Recogniser::new(recognition, input, &characters);
        let alphabet = Alphabet::new(|wanted| recogniser.classes_of(wanted));
        Ok(Self { resampler: Resampler::default(), detector, orientation, recogniser, alphabet })
    }

    /// Finds and reads the machine readable zone; `today` decides the centuries. `None` if there is no zone. A zone with
    /// failed check digits is a result: see [`checks`](super::mrz::Mrz::checks).
    ///
    /// # Errors
    /// [`Error::Inference`] or [`Error::Model`].
    pub fn mrz(&mut self, image: &Image, today: Date) -> Result<Option<Zone>, Error> {
        let boxes = self.detector.detect(&mut self.resampler, image, DETECTION_SIDE)?;
        self.mrz_among(image, &boxes, today)
    }

    /// Finds the document, turns it upright, and reads the zone and every other printed line. Lines run as the zone does,
    /// or, without one, the way round that the orientation network says of the longest.
    ///
    /// # Errors
    /// [`Error::Inference`] or [`Error::Model`].
    pub fn read(&mut self, image: &Image, today: Date) -> Result<Document, Error> {
        let mut page = self.page(image, today)?;
        let angle = match page.zone.as_ref().and_then(|zone| zone.lines.first()) {
            Some(line) => line.angle,
            None => self.orientation.angle(&page.image, &page.boxes)?,
        };
        page.boxes.iter_mut().for_each(|line| *line = line.towards(angle));
        page.turn_upright(angle);
        let Page { image, corners, boxes, zone } = page;
        let in_zone = |position: &TextBox| {
            let covers = |line: &TextBox| line.relative(position.center).1.abs() < line.height / 2.0;
            zone.as_ref().is_some_and(|zone| zone.lines.iter().any(covers))
        };
        let mut lines = Vec::with_capacity(boxes.len());
        for position in boxes.into_iter().filter(|position| !in_zone(position)) {
            let posteriors = self.recogniser.posteriors(&image, &position, None)?;
            let (text, confidence) = self.recogniser.text(&posteriors);
            if !text.is_empty() {
                lines.push(TextLine { position, text, confidence });
            }
        }
        lines.sort_by(|a, b| a.position.center.y.total_cmp(&b.position.center.y));
        Ok(Document { image, corners, zone, lines })
    }

    /// The document that was found in the picture, or the whole picture if that has more text: a quadrilateral can be a part
    /// of a document, or something else.
    fn page(&mut self, image: &Image, today: Date) -> Result<Page, Error> {
        let Some(corners) = find(&mut self.resampler, image) else {
            return self.look(image.clone(), None, today);
        };
        let page = self.look(rectify(image, &corners), Some(corners), today)?;
        if page.zone_holds() {
            return Ok(page);
        }
        let whole = self.look(image.clone(), None, today)?;
        let says_more = whole.zone_holds() || whole.boxes.len() > 2 * page.boxes.len();
        Ok(if says_more { whole } else { page })
    }

    fn look(&mut self, image: Image, corners: Option<[Point; 4]>, today: Date) -> Result<Page, Error> {
        let boxes = self.detector.detect(&mut self.resampler, &image, DETECTION_SIDE)?;
        let zone = self.mrz_among(&image, &boxes, today)?;
        Ok(Page { image, corners, boxes, zone })
    }
}

fn stage(models: &Models, role: Role) -> Result<(Box<dyn Network>, InputSpec), Error> {
    let entry = models.entry(role)?;
    let input = entry.input.clone().ok_or_else(|| Error::Model(format!("{} has no input description", entry.file)))?;
    let network = OnnxNetwork::load(models, &models.graph(role)?)?;
    Ok((Box::new(network), input))
}
