//! The whole pipeline on real photographs against committed values. Needs the models: `vultus models pull --to
//! target/models`. After a deliberate change, `VULTUS_WRITE_GOLDEN=1 cargo test -p vultus-vision --test golden` writes
//! the values again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vultus_vision::models::Models;
use vultus_vision::{DetectSize, Dominant, Embedding, Engine, Face, Image, Landmarks, Params, Rect, dominant};

const PHOTOS: [&str; 4] = ["biden.jpg", "collins.jpg", "obama-blue-room.jpg", "obama-portrait.jpg"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn engine() -> Engine {
    let dir = std::env::var_os("VULTUS_MODELS_DIR").map_or_else(|| root().join("target/models"), PathBuf::from);
    Engine::load(&Models::open(&dir).unwrap(), Params::default()).unwrap()
}

fn photo(name: &str) -> Vec<u8> {
    std::fs::read(root().join("testdata").join(name)).unwrap()
}

/// What the engine says of the dominant face of a photograph.
struct Seen {
    image: Image,
    face: Face,
    landmarks: Landmarks,
    embedding: Embedding,
    real: f32,
}

fn look(engine: &mut Engine, bytes: &[u8]) -> Seen {
    let image = engine.decode(bytes).unwrap();
    let faces = engine.detect(&image, DetectSize::Standard).unwrap();
    let Dominant::One(face) = dominant(&faces) else { panic!("no dominant face among {}", faces.len()) };
    let landmarks = engine.landmarks(&image, face).unwrap();
    let embedding = engine.embed(&image, face, &landmarks).unwrap();
    let real = engine.liveness(&image, face).unwrap().real;
    Seen { face: face.clone(), image, landmarks, embedding, real }
}

/// Committed values of one photograph.
#[derive(Debug, Serialize, Deserialize)]
struct Golden {
    photo: String,
    rect: [f32; 4],
    points: Vec<[f32; 2]>,
    landmarks: Vec<[f32; 2]>,
    /// Components rounded to four decimals: an error of 1e-4 against a threshold of 1e-3.
    embedding: Vec<f32>,
    real: f32,
}

fn rounded(value: f32, digits: i32) -> f32 {
    let unit = 10f32.powi(digits);
    (value * unit).round() / unit
}

impl Golden {
    fn of(photo: &str, seen: &Seen) -> Self {
        let Rect { x1, y1, x2, y2 } = seen.face.rect;
        let pair = |p: &vultus_vision::Point| [rounded(p.x, 1), rounded(p.y, 1)];
        Self {
            photo: photo.into(),
            rect: [x1, y1, x2, y2].map(|v| rounded(v, 1)),
            points: seen.face.points.iter().map(pair).collect(),
            landmarks: seen.landmarks.0.iter().map(pair).collect(),
            embedding: seen.embedding.as_slice().iter().map(|v| rounded(*v, 4)).collect(),
            real: rounded(seen.real, 3),
        }
    }
}

#[test]
fn the_pipeline_gives_the_committed_values() {
    let mut engine = engine();
    let seen = PHOTOS.map(|name| look(&mut engine, &photo(name)));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden.json");
    if std::env::var_os("VULTUS_WRITE_GOLDEN").is_some() {
        let values: Vec<Golden> = PHOTOS.iter().zip(&seen).map(|(name, seen)| Golden::of(name, seen)).collect();
        std::fs::write(&path, serde_json::to_string(&values).unwrap() + "\n").unwrap();
    }
    let golden: Vec<Golden> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(golden.len(), PHOTOS.len());
    for (golden, seen) in golden.iter().zip(&seen) {
        let name = &golden.photo;
        let [x1, y1, x2, y2] = golden.rect;
        assert!(seen.face.rect.iou(&Rect::new(x1, y1, x2, y2)) > 0.9, "{name}: {:?}", seen.face.rect);
        let size = x2 - x1;
        let places =
            seen.face.points.iter().chain(&seen.landmarks.0).zip(golden.points.iter().chain(&golden.landmarks));
        for (point, &[x, y]) in places {
            assert!((point.x - x).hypot(point.y - y) < 0.02 * size, "{name}: {point:?} was ({x}, {y})");
        }
        let committed = Embedding::normalised(golden.embedding.clone()).unwrap();
        assert!(seen.embedding.cosine(&committed) > 0.999, "{name}: {}", seen.embedding.cosine(&committed));
        assert!((seen.real - golden.real).abs() < 0.02, "{name}: {}", seen.real);
    }
}

#[test]
fn people_are_reported_apart_at_the_served_thresholds() {
    let mut engine = engine();
    let [biden, collins, obama, again] = PHOTOS.map(|name| look(&mut engine, &photo(name)).embedding);
    let score = |a: &Embedding, b: &Embedding| engine.calibration().score(a.cosine(b));
    assert!(score(&obama, &again) > 0.5, "{}", score(&obama, &again));
    for (a, b) in [(&biden, &collins), (&biden, &obama), (&collins, &obama), (&biden, &again)] {
        assert!(score(a, b) < 0.4, "{}", score(a, b));
    }
    assert!((score(&obama, &obama) - 1.0).abs() < 1e-3);
}

/// The same photograph, scaled by a factor.
fn scaled(name: &str, factor: f32) -> Vec<u8> {
    let picture = image::load_from_memory(&photo(name)).unwrap();
    let side = |length: u32| (length as f32 * factor) as u32;
    let filter = image::imageops::FilterType::Triangle;
    let picture = picture.resize_exact(side(picture.width()), side(picture.height()), filter);
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[test]
fn size_does_not_change_who_it_is() {
    let mut engine = engine();
    let reference = look(&mut engine, &photo("collins.jpg"));
    for factor in [0.5, 2.0, 4.0] {
        let other = look(&mut engine, &scaled("collins.jpg", factor));
        let cosine = reference.embedding.cosine(&other.embedding);
        assert!(cosine > 0.9, "{cosine} at {factor}");
        let Rect { x1, y1, x2, y2 } = other.face.rect;
        let back = Rect::new(x1 / factor, y1 / factor, x2 / factor, y2 / factor);
        assert!(back.iou(&reference.face.rect) > 0.9, "{back:?} at {factor}");
    }
}

#[test]
fn quality_notices_blur_and_darkness() {
    let mut engine = engine();
    let picture = image::load_from_memory(&photo("collins.jpg")).unwrap();
    let mut measure = |picture: image::DynamicImage| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        let seen = look(&mut engine, bytes.get_ref());
        engine.quality(&seen.image, &seen.face, &seen.landmarks)
    };
    let sharp = measure(picture.clone());
    let blurred = measure(picture.blur(3.0));
    let dark = measure(picture.brighten(-60));
    assert!(blurred.sharpness < sharp.sharpness / 4.0, "{} of {}", blurred.sharpness, sharp.sharpness);
    assert!(dark.brightness < sharp.brightness - 0.1);
    let mirrored = measure(picture.fliph());
    assert!((mirrored.roll_deg + sharp.roll_deg).abs() < 3.0, "{} and {}", mirrored.roll_deg, sharp.roll_deg);
    let turned = [sharp.yaw_deg, sharp.pitch_deg, sharp.roll_deg].map(f32::abs);
    assert!(turned.iter().all(|angle| *angle < 20.0), "an upright portrait: {sharp:?}");
}

#[test]
fn a_wall_has_no_face() {
    let mut engine = engine();
    let grey = Image::from_rgb8(320, 240, vec![127; 3 * 320 * 240]);
    assert!(engine.detect(&grey, DetectSize::Standard).unwrap().is_empty());
    for (width, height) in [(1, 1), (2000, 1), (1, 2000)] {
        let thin = Image::from_rgb8(width, height, vec![200; 3 * (width * height) as usize]);
        assert!(engine.detect(&thin, DetectSize::Standard).unwrap().is_empty());
    }
}
