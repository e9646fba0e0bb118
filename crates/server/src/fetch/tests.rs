//! Pulls from made-up packages in a folder; nothing here reaches a package client.

use std::io::Write as _;

use sha2::{Digest as _, Sha256};

use super::*;

const WEIGHTS: &[u8] = b"weights of the recognition network";
const POINTS: &[u8] = b"weights of the landmarks network";

fn sha256(bytes: &[u8]) -> String {
    files::hex(&Sha256::digest(bytes))
}

fn wheel(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn tgz(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// A models directory whose manifest takes recognition from a wheel and landmarks from a `.tgz`, and a folder with both
/// archives. The other roles are plain files in the folder.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { root: TempDir::new().unwrap() };
        fs::create_dir_all(place.models()).unwrap();
        fs::create_dir_all(place.from()).unwrap();
        let wheel = wheel(&[("pkg/other.bin", b"not wanted"), ("pkg/weights.onnx", WEIGHTS)]);
        let tgz = tgz(&[("package/readme", b"not wanted"), ("package/points.onnx", POINTS)]);
        fs::write(place.from().join("made_up-1.whl"), &wheel).unwrap();
        fs::write(place.from().join("made-up-1.tgz"), &tgz).unwrap();
        let mut manifest = entry("recognition", "weights.onnx", WEIGHTS)
            + &package("pypi", "made_up-1.whl", &sha256(&wheel), "pkg/weights.onnx")
            + "[file.input]\nwidth = 1\nheight = 1\ncolour = \"rgb\"\nmean = 0.0\nscale = 1.0\ndimension = 2\n"
            + "[file.calibration]\npoints = [[-1.0, 0.0], [1.0, 1.0]]\n"
            + &entry("landmarks", "points.onnx", POINTS)
            + &package("npm", "made-up-1.tgz", &sha256(&tgz), "package/points.onnx")
            + INPUT;
        for role in ["detection", "liveness", "runtime", "text_detection", "text_orientation", "text_recognition"] {
            let file = format!("{role}.bin");
            manifest += &entry(role, &file, role.as_bytes());
            manifest += if role == "runtime" { "" } else { INPUT };
            fs::write(place.from().join(file), role).unwrap();
        }
        fs::write(place.models().join("manifest.toml"), manifest).unwrap();
        place
    }

    fn models(&self) -> PathBuf {
        self.root.path().join("models")
    }

    fn from(&self) -> PathBuf {
        self.root.path().join("from")
    }

    fn pull(&self) -> anyhow::Result<()> {
        pull(&self.models(), &[self.from()])
    }

    fn names(&self) -> Vec<String> {
        let items = fs::read_dir(self.models()).unwrap();
        let mut names: Vec<_> = items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != ".lock" && name != "manifest.toml");
        names.sort();
        names
    }
}

const INPUT: &str = "[file.input]\nwidth = 1\nheight = 1\ncolour = \"rgb\"\nmean = 0.0\nscale = 1.0\n";

fn entry(role: &str, file: &str, content: &[u8]) -> String {
    let (bytes, hash) = (content.len(), sha256(content));
    format!("[[file]]\nrole = \"{role}\"\nfile = \"{file}\"\nbytes = {bytes}\nsha256 = \"{hash}\"\nlicence = \"MIT\"\n")
}

fn package(ecosystem: &str, archive: &str, hash: &str, member: &str) -> String {
    format!(
        "[file.package]\necosystem = \"{ecosystem}\"\nname = \"made-up\"\nversion = \"1\"\narchive = \"{archive}\"\n\
         archive_sha256 = \"{hash}\"\nmember = \"{member}\"\n"
    )
}

const ALL: [&str; 8] = [
    "detection.bin",
    "liveness.bin",
    "points.onnx",
    "runtime.bin",
    "text_detection.bin",
    "text_orientation.bin",
    "text_recognition.bin",
    "weights.onnx",
];

#[test]
fn only_the_named_members_are_unpacked() {
    let place = Place::new();
    place.pull().unwrap();
    assert_eq!(place.names(), ALL);
    assert_eq!(fs::read(place.models().join("weights.onnx")).unwrap(), WEIGHTS);
    assert_eq!(fs::read(place.models().join("points.onnx")).unwrap(), POINTS);
    assert!(place.from().join("made_up-1.whl").exists(), "the operator's archive is left where it is");
    ensure(&place.models()).unwrap();
}

#[test]
fn a_damaged_file_is_fetched_again_and_a_good_one_is_not() {
    let place = Place::new();
    place.pull().unwrap();
    // The same size: only the hash tells.
    fs::write(place.models().join("points.onnx"), vec![b'x'; POINTS.len()]).unwrap();
    fs::remove_file(place.from().join("made_up-1.whl")).unwrap();
    place.pull().unwrap();
    assert_eq!(fs::read(place.models().join("points.onnx")).unwrap(), POINTS);
}

#[test]
fn an_archive_with_another_hash_is_refused_and_leaves_nothing() {
    let place = Place::new();
    fs::write(place.from().join("made_up-1.whl"), wheel(&[("pkg/weights.onnx", WEIGHTS)])).unwrap();
    let error = format!("{:#}", place.pull().unwrap_err());
    assert!(error.contains("made_up-1.whl is refused"), "{error}");
    assert!(!place.names().contains(&"weights.onnx".to_owned()));
    assert_eq!(fs::read_dir(place.models().join(CACHE)).unwrap().count(), 0);
}

#[test]
fn a_member_with_another_hash_is_refused_and_leaves_nothing() {
    let place = Place::new();
    let manifest = place.models().join("manifest.toml");
    let text = fs::read_to_string(&manifest).unwrap().replace(&sha256(WEIGHTS), &sha256(b"else"));
    fs::write(manifest, text).unwrap();
    let error = format!("{:#}", place.pull().unwrap_err());
    assert!(error.contains("weights.onnx is refused"), "{error}");
    assert!(!place.names().contains(&"weights.onnx".to_owned()));
    assert_eq!(fs::read_dir(place.models().join(CACHE)).unwrap().count(), 0);
}

#[test]
fn an_interrupted_pull_goes_on_with_the_archive_that_it_has() {
    let place = Place::new();
    let cache = place.models().join(CACHE);
    fs::create_dir_all(cache.join("partial-killed")).unwrap();
    fs::rename(place.from().join("made-up-1.tgz"), cache.join("made-up-1.tgz")).unwrap();
    place.pull().unwrap();
    assert_eq!(place.names(), ALL, "and the cache is gone");
}

#[test]
fn an_own_file_without_a_package_has_to_be_brought() {
    let place = Place::new();
    fs::remove_file(place.from().join("liveness.bin")).unwrap();
    let error = place.pull().unwrap_err().to_string();
    assert!(error.contains("liveness.bin is missing") && error.contains("put it into"), "{error}");
}

#[test]
fn a_source_that_holds_nothing_of_use_is_an_error() {
    let place = Place::new();
    let elsewhere = place.root.path().join("holiday.zip");
    fs::write(&elsewhere, "photos").unwrap();
    let error = pull(&place.models(), &[elsewhere]).unwrap_err().to_string();
    assert!(error.contains("holiday.zip holds nothing"), "{error}");
    assert!(pull(&place.models(), &[place.root.path().join("absent")]).is_err());
}

#[test]
fn two_pulls_at_once_end_well() {
    let place = Place::new();
    std::thread::scope(|scope| {
        let pulls: Vec<_> = (0..4).map(|_| scope.spawn(|| place.pull())).collect();
        for pull in pulls {
            pull.join().unwrap().unwrap();
        }
    });
    assert_eq!(place.names(), ALL);
}
