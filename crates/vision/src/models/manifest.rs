//! The manifest: the files that the engine needs, their hashes, their packages, and their input formats.

use std::collections::HashSet;

use serde::Deserialize;

use super::Error;

/// The manifest that is built into the program.
const BUILTIN: &str = include_str!("../../../../models/manifest.toml");

/// All files that the engine can use, at most one for each role and CPU architecture.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The entries, in the order of the text.
    #[serde(rename = "file")]
    pub files: Vec<FileEntry>,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The inference runtime, a shared library.
    Runtime,
    /// Faces in an image, with five points each.
    Detection,
    /// An aligned face to an embedding.
    Recognition,
    /// 68 points of a face.
    Landmarks,
    /// Live face or presentation attack.
    Liveness,
    /// Lines of printed text in an image.
    TextDetection,
    /// A line of text to characters.
    TextRecognition,
    /// A line of text upright or upside down.
    TextOrientation,
}

impl Role {
    /// The role as the manifest writes it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Runtime => "runtime",
            Role::Detection => "detection",
            Role::Recognition => "recognition",
            Role::Landmarks => "landmarks",
            Role::Liveness => "liveness",
            Role::TextDetection => "text_detection",
            Role::TextRecognition => "text_recognition",
            Role::TextOrientation => "text_orientation",
        }
    }
}

/// One file in the models directory.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// What the file is for.
    pub role: Role,
    /// CPU architecture, as in `std::env::consts::ARCH`. Absent if the file suits all.
    pub arch: Option<String>,
    /// Name in the models directory, without a path.
    pub file: String,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// SPDX identifier of the licence that the publisher gives.
    pub licence: String,
    /// Page of the project that made the file.
    pub homepage: Option<String>,
    /// The package that holds the file. Absent for a file that the operator brings.
    pub package: Option<Package>,
    /// The input format of the network. Absent for the runtime.
    pub input: Option<InputSpec>,
    /// From cosine to score; recognition only.
    pub calibration: Option<CalibrationSpec>,
}

impl FileEntry {
    /// The file name without its last extension: the identity of a model, stored with each embedding.
    pub fn stem(&self) -> &str {
        self.file.rsplit_once('.').map_or(self.file.as_str(), |(stem, _)| stem)
    }

    /// Whether the file can be used on the CPU architecture of this program.
    pub fn suits_this_machine(&self) -> bool {
        self.arch.as_deref().is_none_or(|arch| arch == std::env::consts::ARCH)
    }

    fn check(&self) -> Result<(), String> {
        let fail = |what: &str| Err(format!("the entry for {}: {what}", self.role.name()));
        if self.file.is_empty() || self.file.starts_with('.') || self.file.contains(['/', '\\']) {
            return fail("`file` must be a plain file name");
        }
        if !is_sha256(&self.sha256) || self.package.as_ref().is_some_and(|p| !is_sha256(&p.archive_sha256)) {
            return fail("a sha256 must be 64 lower-case hexadecimal digits");
        }
        if self.role != Role::Runtime {
            let Some(input) = &self.input else { return fail("[file.input] is missing") };
            if input.width == 0 || input.height == 0 || !input.mean.is_finite() || !input.scale.is_normal() {
                return fail("[file.input] needs a width, height and scale other than 0");
            }
        }
        if self.role == Role::Recognition {
            if self.input.as_ref().and_then(|input| input.dimension).is_none_or(|dimension| dimension == 0) {
                return fail("[file.input] needs `dimension`, the length of the embedding");
            }
            let Some(calibration) = &self.calibration else { return fail("[file.calibration] is missing") };
            let points = &calibration.points;
            // NaN compares false, so it is refused here too.
            let rising = points.windows(2).all(|pair| pair[0][0] < pair[1][0] && pair[0][1] < pair[1][1]);
            if points.len() < 2 || !rising {
                return fail("the calibration needs at least two points, both numbers strictly rising");
            }
        }
        Ok(())
    }
}

/// The package that carries a file, pinned by version and hash.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The package manager to ask.
    pub ecosystem: Ecosystem,
    /// Name of the package.
    pub name: String,
    /// The exact version.
    pub version: String,
    /// File name of the archive: a wheel (zip) or a gzipped tar.
    pub archive: String,
    /// SHA-256 of the archive, 64 lower-case hexadecimal digits.
    pub archive_sha256: String,
    /// Full path of the file inside the archive.
    pub member: String,
    /// The Python version to ask a wheel for, whatever Python the operator has.
    pub python_version: Option<String>,
    /// The wheel platform to ask for.
    pub platform: Option<String>,
}

/// A package manager family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ecosystem {
    /// Python packages; archives are wheels.
    Pypi,
    /// JavaScript packages; archives are gzipped tars.
    Npm,
}

/// How pixels become the input tensor, always `[1, channels, height, width]` in 32-bit floats.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Whether the network works at other heights and widths too; `width` and `height` are then the usual ones.
    #[serde(default)]
    pub any_size: bool,
    /// Which channels, in which order.
    pub colour: Colour,
    /// An 8-bit value `x` becomes `(x - mean) * scale`.
    pub mean: f32,
    /// See `mean`.
    pub scale: f32,
    /// Length of the embedding; recognition only.
    pub dimension: Option<u32>,
}

/// Channels of an input tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// One channel of luma.
    Grey,
}

impl Colour {
    /// Number of channels, 3 or 1.
    pub fn channels(self) -> u32 {
        match self {
            Colour::Rgb | Colour::Bgr => 3,
            Colour::Grey => 1,
        }
    }
}

/// The score of two faces as a piecewise linear function of the cosine of their embeddings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationSpec {
    /// `[cosine, score]` knots, strictly rising in both.
    pub points: Vec<[f32; 2]>,
}

impl Manifest {
    /// The manifest that is built into the program.
    ///
    /// # Panics
    /// When the manifest in the source tree is malformed, which a test rules out.
    pub fn builtin() -> Manifest {
        Manifest::parse(BUILTIN).expect("the built-in manifest is well formed")
    }

    /// Parses and checks the text of a manifest.
    ///
    /// # Errors
    /// [`Error::Manifest`] naming the entry and what is wrong with it.
    pub fn parse(text: &str) -> Result<Manifest, Error> {
        let manifest: Manifest = toml::from_str(text).map_err(|error| Error::Manifest(error.to_string()))?;
        let mut seen = HashSet::new();
        for entry in &manifest.files {
            entry.check().map_err(Error::Manifest)?;
            if !seen.insert((entry.role, entry.arch.as_deref())) {
                return Err(Error::Manifest(format!("two entries for {}", entry.role.name())));
            }
        }
        Ok(manifest)
    }

    /// The entries that this machine uses, in the order of the text.
    pub fn for_this_machine(&self) -> impl Iterator<Item = &FileEntry> {
        self.files.iter().filter(|entry| entry.suits_this_machine())
    }

    /// Replaces all entries of the roles that `other` names by those of `other`.
    #[must_use]
    pub fn overridden_by(mut self, other: Manifest) -> Manifest {
        self.files.retain(|entry| other.files.iter().all(|theirs| theirs.role != entry.role));
        self.files.extend(other.files);
        self
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = r#"
        [[file]]
        role = "recognition"
        file = "mine.v2.onnx"
        bytes = 3
        sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
        licence = "LicenseRef-mine"
        [file.input]
        width = 96
        height = 112
        colour = "rgb"
        mean = 127.5
        scale = 0.0078125
        dimension = 192
        [file.calibration]
        points = [[-1.0, 0.0], [1.0, 1.0]]
    "#;

    #[test]
    fn the_builtin_manifest_has_every_role_on_both_architectures() {
        let manifest = Manifest::builtin();
        let faces = [Role::Runtime, Role::Detection, Role::Recognition, Role::Landmarks, Role::Liveness];
        let texts = [Role::TextDetection, Role::TextRecognition, Role::TextOrientation];
        for role in faces.into_iter().chain(texts) {
            for arch in ["x86_64", "aarch64"] {
                let suits = |e: &&FileEntry| e.role == role && e.arch.as_deref().is_none_or(|a| a == arch);
                assert_eq!(manifest.files.iter().filter(suits).count(), 1, "{role:?} on {arch}");
            }
        }
    }

    #[test]
    fn an_operators_entry_replaces_the_role() {
        let manifest = Manifest::builtin().overridden_by(Manifest::parse(OWN).unwrap());
        let recognition: Vec<_> = manifest.files.iter().filter(|e| e.role == Role::Recognition).collect();
        assert_eq!(recognition.len(), 1);
        assert_eq!(recognition[0].stem(), "mine.v2");
        assert!(manifest.files.iter().any(|e| e.role == Role::Detection));
    }

    #[test]
    fn mistakes_are_named() {
        let message = |text: String| Manifest::parse(&text).unwrap_err().to_string();
        assert!(message(OWN.replace("mine.v2.onnx", "../mine.onnx")).contains("plain file name"));
        assert!(message(OWN.replace("00000000\"", "0000000Z\"")).contains("sha256"));
        assert!(message(OWN.replace("[1.0, 1.0]", "[1.0, 0.0]")).contains("strictly rising"));
        assert!(message(OWN.replace("dimension = 192", "")).contains("dimension"));
        assert!(message(OWN.replace("scale =", "scael =")).contains("scael"));
        assert!(message(format!("{OWN}{OWN}")).contains("two entries"));
    }
}
