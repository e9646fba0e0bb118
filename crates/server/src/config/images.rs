//! Limits of pictures, and whether the server keeps enrolled ones.

use vultus_vision::Limits;

/// Limits of images, and whether and where they are kept.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Images")]
pub struct Images {
    /// Longest encoded image in bytes.
    #[arg(long, env = "VULTUS_MAX_IMAGE_BYTES", default_value_t = Limits::default().max_bytes, value_name = "BYTES")]
    pub max_image_bytes: usize,
    /// Most pixels of an image (width x height).
    #[arg(long, env = "VULTUS_MAX_IMAGE_PIXELS", default_value_t = Limits::default().max_pixels, value_name = "N")]
    pub max_image_pixels: u64,
    /// Bytes of memory that all images together may take while the server decodes them and looks at them. The server
    /// refuses an image that needs more than all of it. An image that needs more than is free waits. A sixteenth more is kept
    /// for images that need no more than that.
    #[arg(long, env = "VULTUS_DECODE_MEMORY_BYTES", default_value_t = 512 << 20, value_name = "BYTES")]
    pub decode_memory_bytes: u64,
    /// Most images that one request adds to an enrollment. A request that makes an enrollment has ten at most.
    #[arg(long, env = "VULTUS_MAX_IMAGES", default_value_t = 100, value_name = "N")]
    pub max_images: usize,
    /// Keep enrolled images. Without this option the server stores embeddings only, never a picture.
    #[arg(long, env = "VULTUS_KEEP_IMAGES")]
    pub keep_images: bool,
    /// Place of the kept images: `s3://BUCKET/PREFIX`. The usual AWS_ variables name credentials, region and endpoint
    /// [default: `blobs` in the data directory].
    #[arg(long, env = "VULTUS_BLOBS_URL", value_name = "URL")]
    pub blobs_url: Option<String>,
}

impl Images {
    /// The limits for the decoder.
    pub fn limits(&self) -> Limits {
        Limits { max_bytes: self.max_image_bytes, max_pixels: self.max_image_pixels }
    }
}
