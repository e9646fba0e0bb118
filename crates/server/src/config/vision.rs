//! How carefully pictures are looked at.

use vultus_vision::{DetectParams, EmbedParams, Limits, Params};

/// Settings of detection and embedding.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Vision")]
pub struct Vision {
    /// Longest side that pictures are scaled to for detection, in pixels.
    #[arg(long, env = "VULTUS_DETECT_SIDE", default_value_t = DetectParams::default().side, value_name = "PIXELS",
          value_parser = clap::value_parser!(u32).range(64..=4096))]
    pub detect_side: u32,
    /// The same where a request asks for small faces.
    #[arg(long, env = "VULTUS_DETECT_SMALL_SIDE", default_value_t = DetectParams::default().small_faces_side,
          value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(64..=4096))]
    pub detect_small_side: u32,
    /// Least confidence of a detected face, 0 to 1.
    #[arg(long, env = "VULTUS_DETECT_CONFIDENCE", default_value = "0.6",
          value_name = "SCORE", value_parser = super::unit)]
    pub detect_confidence: f64,
    /// Also embed the mirrored face: a little more accuracy at very low false match rates, for twice the time of that
    /// stage. Embeddings made with and without are comparable.
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
