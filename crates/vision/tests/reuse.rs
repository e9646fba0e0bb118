//! Nothing of a picture is left in what comes of the next one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use vultus_vision::document::date::Date;
use vultus_vision::document::{Document, Reader};
use vultus_vision::models::Models;
use vultus_vision::{
    Decoder, DetectSize, Embedding, Engine, Face, Image, Landmarks, Limits, Liveness, Params, Quality,
};

const LIMITS: Limits = Limits { max_bytes: 1 << 20, max_pixels: 1 << 18 };

/// Real files of all formats.
fn samples() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dirs = ["tests/data", "tests/data/jpeg", "../../fuzz/seeds/image"].map(|dir| root.join(dir));
    let entries = dirs.iter().flat_map(|dir| std::fs::read_dir(dir).unwrap()).map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.is_file() && path.extension().is_none_or(|e| e != "json")).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[derive(Debug, Clone)]
enum Damage {
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Marker(prop::sample::Index, u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, value)| Damage::Set(at, value)),
        at().prop_map(Damage::Cut),
        (at(), 1..64usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        (at(), 1..64usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
        (at(), 0xC0..=0xFEu8).prop_map(|(at, code)| Damage::Marker(at, code)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        let length = bytes.len();
        if length == 0 {
            break;
        }
        let span = |at: &prop::sample::Index, count: usize| at.index(length)..(at.index(length) + count).min(length);
        match damage {
            Damage::Set(at, value) => bytes[at.index(length)] = *value,
            Damage::Cut(at) => bytes.truncate(at.index(length)),
            Damage::Remove(at, count) => drop(bytes.drain(span(at, *count))),
            Damage::Repeat(at, count) => {
                let part = bytes[span(at, *count)].to_vec();
                drop(bytes.splice(span(at, 0), part));
            }
            Damage::Marker(at, code) => drop(bytes.splice(span(at, 0), [0xFF, *code])),
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_used_decoder_gives_what_a_new_one_gives(
        files in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(damage(), 0..3)), 2..5),
    ) {
        let samples = samples();
        let mut used = Decoder::new(LIMITS);
        for (sample, damages) in files {
            let bytes = damaged(sample.get(&samples).clone(), &damages);
            let found = used.decode(&bytes);
            prop_assert_eq!(&found, &Decoder::new(LIMITS).decode(&bytes));
            if let Ok(image) = found {
                used.recycle(image);
            }
        }
    }
}

fn testdata(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)).unwrap()
}

fn models() -> Models {
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/models");
    Models::open(&std::env::var_os("VULTUS_MODELS_DIR").map_or_else(built, PathBuf::from)).unwrap()
}

/// All that an engine says of a picture.
#[derive(Debug, PartialEq)]
struct Seen {
    image: Image,
    faces: Vec<(Face, Landmarks, Embedding, Liveness, Quality)>,
}

fn look(engine: &mut Engine, bytes: &[u8]) -> Seen {
    let image = engine.decode(bytes).unwrap();
    let mut faces = Vec::new();
    for face in engine.detect(&image, DetectSize::Small).unwrap() {
        let landmarks = engine.landmarks(&image, &face).unwrap();
        let embedding = engine.embed(&image, &face, &landmarks).unwrap();
        let liveness = engine.liveness(&image, &face).unwrap();
        let quality = engine.quality(&image, &face, &landmarks);
        faces.push((face, landmarks, embedding, liveness, quality));
    }
    let seen = Seen { image: image.clone(), faces };
    engine.recycle(image);
    seen
}

#[test]
fn a_used_engine_says_what_a_new_one_says() {
    const PICTURES: [&str; 5] =
        ["collins.jpg", "specimen-card.png", "obama-portrait.jpg", "licence-barcode.png", "biden.jpg"];
    let models = models();
    let mut used = Engine::load(&models, Params::default()).unwrap();
    // Twice round, so that every picture comes after a larger and a smaller one.
    for name in PICTURES.into_iter().chain(PICTURES.into_iter().rev()) {
        let bytes = testdata(name);
        assert!(used.decode(&bytes[..bytes.len() / 2]).is_err(), "half of {name}");
        let seen = look(&mut used, &bytes);
        assert!(seen == look(&mut Engine::load(&models, Params::default()).unwrap(), &bytes), "{name}");
    }
}

#[test]
fn a_used_reader_reads_what_a_new_one_reads() {
    let models = models();
    let today = Date::new(2026, 11, 22).unwrap();
    let read = |reader: &mut Reader, name: &str| -> Document {
        reader.read(&Decoder::default().decode(&testdata(name)).unwrap(), today).unwrap()
    };
    let mut used = Reader::load(&models).unwrap();
    for name in ["specimen-card.png", "collins.jpg", "licence-barcode.png", "specimen-card.png"] {
        let found = read(&mut used, name);
        assert!(found == read(&mut Reader::load(&models).unwrap(), name), "{name}");
    }
}
