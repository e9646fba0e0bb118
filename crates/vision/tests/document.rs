//! A drawn card, photographed in many ways, through the real networks.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use vultus_vision::document::barcode::{self, Symbology};
use vultus_vision::document::checks::Verdict;
use vultus_vision::document::copy::CopySigns;
use vultus_vision::document::date::Date;
use vultus_vision::document::fields::{DocumentType, Kind, Source, Sources};
use vultus_vision::document::{Reader, aamva, capture};
use vultus_vision::models::Models;
use vultus_vision::{Decoder, Engine, Image, Params, Point};

const ZONE: [&str; 2] = ["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F3204153<<<<<<<2"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn models() -> Models {
    let dir = std::env::var_os("VULTUS_MODELS_DIR").map_or_else(|| root().join("target/models"), PathBuf::from);
    Models::open(&dir).unwrap()
}

fn picture(name: &str) -> Image {
    Decoder::default().decode(&std::fs::read(root().join("testdata").join(name)).unwrap()).unwrap()
}

fn today() -> Date {
    Date::new(2026, 11, 22).unwrap()
}

/// The colour at a fractional position, bilinear; `None` outside.
fn at(image: &Image, x: f32, y: f32) -> Option<[f32; 3]> {
    let (width, height) = (image.width() as f32, image.height() as f32);
    if !(0.0..width - 1.0).contains(&x) || !(0.0..height - 1.0).contains(&y) {
        return None;
    }
    let (left, top) = (x as usize, y as usize);
    let (fx, fy) = (x - left as f32, y - top as f32);
    let pixel = |x: usize, y: usize, c: usize| f32::from(image.pixels()[3 * (y * image.width() as usize + x) + c]);
    Some(std::array::from_fn(|c| {
        let upper = pixel(left, top, c) * (1.0 - fx) + pixel(left + 1, top, c) * fx;
        let lower = pixel(left, top + 1, c) * (1.0 - fx) + pixel(left + 1, top + 1, c) * fx;
        upper * (1.0 - fy) + lower * fy
    }))
}

/// A picture of this size whose pixels are given by a function.
fn drawn(width: u32, height: u32, colour: impl Fn(f32, f32) -> [f32; 3]) -> Image {
    let pixel = |i: u32| colour((i % width) as f32, (i / width) as f32).map(|c| c.round().clamp(0.0, 255.0) as u8);
    Image::from_rgb8(width, height, (0..width * height).flat_map(pixel).collect())
}

/// The card with a portrait in its frame, and a smaller, paler ghost of it.
fn card() -> Image {
    let (card, face) = (picture("specimen-card.png"), picture("obama-portrait.jpg"));
    let inside = |x: f32, y: f32, left: f32, top: f32, width: f32| {
        let scale = face.width() as f32 / width;
        let (u, v) = ((x - left) * scale, (y - top) * scale);
        (v < 1.2 * face.width() as f32).then(|| at(&face, u, v)).flatten()
    };
    drawn(card.width(), card.height(), |x, y| {
        let ground = at(&card, x.min(1010.0), y.min(636.0)).unwrap();
        match (inside(x, y, 36.0, 112.0, 250.0), inside(x, y, 850.0, 340.0, 110.0)) {
            (Some(portrait), _) => portrait,
            (_, Some(ghost)) => std::array::from_fn(|c| 0.4 * ghost[c] + 0.6 * ground[c]),
            _ => ground,
        }
    })
}

/// The card on planks, its middle in the middle of a picture of 1600 x 1200, turned by `degrees`, and its corners there.
fn photographed(card: &Image, degrees: f32, scale: f32) -> (Image, [Point; 4]) {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (half_width, half_height) = (card.width() as f32 / 2.0, card.height() as f32 / 2.0);
    let picture = drawn(1600, 1200, |x, y| {
        let (dx, dy) = ((x - 800.0) / scale, (y - 600.0) / scale);
        let on_card = at(card, dx * cos + dy * sin + half_width, dy * cos - dx * sin + half_height);
        on_card.unwrap_or_else(|| {
            let grain = (x * 0.9 + y * 3.1).sin() * 6.0 + (x * 0.013 + (y * 0.011).sin() * 3.0).sin() * 12.0;
            let gap = if (x + 0.2 * y) % 230.0 < 5.0 { 35.0 } else { 0.0 };
            [120.0 + grain - gap, 84.0 + grain - gap, 52.0 + grain - gap]
        })
    });
    let corner = |x: f32, y: f32| {
        let (x, y) = (x * half_width * scale, y * half_height * scale);
        Point::new(800.0 + x * cos - y * sin, 600.0 + x * sin + y * cos)
    };
    (picture, [corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)])
}

#[test]
fn a_card_is_found_and_read_whichever_way_it_lies() {
    let (mut reader, mut engine) =
        (Reader::load(&models()).unwrap(), Engine::load(&models(), Params::default()).unwrap());
    let card = card();
    for degrees in [6.0, 97.0, 180.0, 262.0] {
        let (picture, truth) = photographed(&card, degrees, 1.1);
        let document = reader.read(&picture, today()).unwrap();
        assert_eq!(document.zone.as_ref().unwrap().mrz.lines, ZONE, "{degrees} degrees");
        let corners = document.corners.unwrap();
        let worst = (0..4).map(|i| corners[i].distance(truth[i])).fold(0.0, f32::max);
        assert!(worst < 16.0, "{degrees} degrees: {corners:?} for {truth:?}");
        assert!(document.image.width() > document.image.height());
        // The portrait is on the left of the upright card, the ghost on the right.
        let portrait = engine.portrait(&document.image).unwrap().unwrap();
        assert!(portrait.face.rect.center().x < 0.35 * document.image.width() as f32, "{degrees} degrees");
        assert!(portrait.chip.width() > 100 && portrait.chip.height() > 100);
    }
}

#[test]
fn the_fields_of_a_card_agree_with_its_zone() {
    let card = card();
    let document = Reader::load(&models()).unwrap().read(&card, today()).unwrap();
    let sources = Sources { zone: document.zone.as_ref(), lines: &document.lines, barcode: None };
    assert_eq!(sources.document_type(), Some(DocumentType::IdentityCard));
    let fields = sources.fields(today());
    let expected = [
        (Kind::Surname, "ERIKSSON"),
        (Kind::GivenNames, "ANNA MARIA"),
        (Kind::Number, "D23145890"),
        (Kind::Birth, "1974-08-12"),
        (Kind::Expiry, "2032-04-15"),
    ];
    for (kind, value) in expected {
        let field = fields.iter().find(|field| field.kind == kind).unwrap();
        assert_eq!((field.value.as_str(), field.source, field.agreement), (value, Source::Mrz, Some(true)), "{kind:?}");
    }
    // Without its zone the same comes from the print.
    let fields = Sources { lines: &document.lines, ..Sources::default() }.fields(today());
    for (kind, value) in expected {
        let field = fields.iter().find(|field| field.kind == kind).unwrap();
        assert_eq!((field.value.as_str(), field.source), (value, Source::Ocr), "{kind:?}");
    }
    let facts = capture::facts(&card, &document, sources.document_type());
    assert_eq!(facts.blur.verdict, Verdict::Pass, "{facts:?}");
    assert_eq!(facts.resolution.verdict, Verdict::Fail, "{facts:?}");
    assert_eq!(facts.glare.verdict, Verdict::Pass, "{facts:?}");
    let signs = CopySigns::of(&card);
    assert!(!signs.looks_like_a_screen() && !signs.looks_photocopied(), "{signs:?}");
}

#[test]
fn a_picture_of_nothing_is_an_empty_document() {
    let mut reader = Reader::load(&models()).unwrap();
    for (width, height) in [(1, 1), (3, 900), (640, 480)] {
        let document = reader.read(&drawn(width, height, |_, _| [128.0; 3]), today()).unwrap();
        assert!(document.zone.is_none() && document.lines.is_empty() && document.corners.is_none());
    }
}

#[test]
fn the_barcode_of_a_licence_is_read_clean_turned_and_small() {
    let symbol = picture("licence-barcode.png");
    let symbol = drawn(symbol.width(), symbol.height(), |x, y| {
        let pixel = 3 * (y as usize * symbol.width() as usize + x as usize);
        [f32::from(symbol.pixels()[pixel]); 3]
    });
    let licence = aamva::parse(&barcode::read(&symbol, Symbology::Pdf417).unwrap()).unwrap();
    assert_eq!((licence.family_name.as_deref(), licence.number.as_deref()), (Some("SAMPLE"), Some("T64235789")));
    assert_eq!(licence.expiry, Date::new(2034, 12, 10));
    for (degrees, scale) in [(8.0, 1.5), (-14.0, 1.2), (90.0, 1.3)] {
        let (photo, _) = photographed(&symbol, degrees, scale);
        let text = barcode::read(&photo, Symbology::Pdf417).unwrap_or_default();
        assert_eq!(aamva::parse(&text).as_ref(), Ok(&licence), "{degrees} degrees");
    }
    assert_eq!(barcode::read(&drawn(200, 200, |x, _| [x; 3]), Symbology::Pdf417), None);
}
