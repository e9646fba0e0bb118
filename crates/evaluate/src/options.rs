//! Options with the same names and defaults as in the server, so that we measure what the server does.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use vultus_vision::{DetectParams, EmbedParams, Limits, Params};

/// Models, threads, limits and the settings of the engine.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Directory of the models; `vultus models pull` fetches them.
    #[arg(long, env = "VULTUS_MODELS_DIR", default_value = "./data/models", value_name = "DIR")]
    pub models_dir: PathBuf,
    /// Inference threads, each with its own copy of the networks [default: the available cores].
    #[arg(long, env = "VULTUS_ENGINE_THREADS", value_name = "N")]
    engine_threads: Option<NonZeroUsize>,
    /// Longest encoded image in bytes.
    #[arg(long, env = "VULTUS_MAX_IMAGE_BYTES", default_value_t = Limits::default().max_bytes, value_name = "BYTES")]
    max_image_bytes: usize,
    /// Most pixels of an image (width x height).
    #[arg(long, env = "VULTUS_MAX_IMAGE_PIXELS", default_value_t = Limits::default().max_pixels, value_name = "N")]
    max_image_pixels: u64,
    /// Longest side that pictures are scaled to for detection, in pixels.
    #[arg(long, env = "VULTUS_DETECT_SIDE", default_value_t = DetectParams::default().side, value_name = "PIXELS",
          value_parser = clap::value_parser!(u32).range(64..=4096))]
    detect_side: u32,
    /// The same for small faces.
    #[arg(long, env = "VULTUS_DETECT_SMALL_SIDE", default_value_t = DetectParams::default().small_faces_side,
          value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(64..=4096))]
    detect_small_side: u32,
    /// Least confidence of a detected face, 0 to 1.
    #[arg(long, env = "VULTUS_DETECT_CONFIDENCE", default_value_t = DetectParams::default().min_confidence,
          value_name = "SCORE", value_parser = unit)]
    detect_confidence: f32,
    /// Also embed the mirrored face.
    #[arg(long, env = "VULTUS_FLIP")]
    flip: bool,
}

impl Options {
    /// The settings of all stages.
    pub fn params(&self) -> Params {
        Params {
            limits: Limits { max_bytes: self.max_image_bytes, max_pixels: self.max_image_pixels },
            detect: DetectParams {
                side: self.detect_side,
                small_faces_side: self.detect_small_side,
                min_confidence: self.detect_confidence,
                ..DetectParams::default()
            },
            embed: EmbedParams { flip: self.flip },
            ..Params::default()
        }
    }

    /// The number of threads in force.
    pub fn threads(&self) -> usize {
        let available = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.engine_threads.map_or_else(available, NonZeroUsize::get)
    }
}

fn unit(text: &str) -> Result<f32, String> {
    let in_range = text.parse().ok().filter(|value| (0.0..=1.0).contains(value));
    in_range.ok_or_else(|| "must be a number from 0 to 1".into())
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_engine() {
        let command = Options::augment_args(clap::Command::new("test"));
        let options = Options::from_arg_matches(&command.get_matches_from(["test"])).unwrap();
        assert_eq!(options.params(), Params::default());
    }
}
