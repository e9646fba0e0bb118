//! How carefully the server looks at pictures.

use vultus_vision::{DetectParams, EmbedParams, Limits, Params};

/// Settings of detection and embedding.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Vision")]
pub struct Vision {
    /// The server scales pictures so that their longest side has this many pixels, and then detects faces.
    #[arg(long, env = "VULTUS_DETECT_SIDE", default_value_t = DetectParams::default().side, value_name = "PIXELS",
          value_parser = clap::value_parser!(u32).range(64..=4096))]
    pub detect_side: u32,
    /// The same, for requests that ask for small faces.
    #[arg(long, env = "VULTUS_DETECT_SMALL_SIDE", default_value_t = DetectParams::default().small_faces_side,
          value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(64..=4096))]
    pub detect_small_side: u32,
    /// Least confidence of a detected face, 0 to 1.
    #[arg(long, env = "VULTUS_DETECT_CONFIDENCE", default_value = "0.6",
          value_name = "SCORE", value_parser = super::unit)]
    pub detect_confidence: f64,
    /// Most faces in an answer of `facedetect`, the largest ones.
    #[arg(long, env = "VULTUS_MAX_FACES", default_value_t = 500, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_faces: u32,
    /// Also embed the mirrored face. This is a little more accurate at very low false match rates and takes twice the time
    /// of that stage. Embeddings made with and without it are comparable.
    #[arg(long, env = "VULTUS_FLIP")]
    pub flip: bool,
}

impl Vision {
    /// The settings of all stages.
    pub fn params(&self, limits: Limits) -> Params {
        let detect = DetectParams {
            side: self.detect_side,
            small_faces_side: self.detect_small_side,
            min_confidence: self.detect_confidence as f32,
            ..DetectParams::default()
        };
        Params { limits, detect, embed: EmbedParams { flip: self.flip }, ..Params::default() }
    }
}
