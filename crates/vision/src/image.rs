//! A decoded picture.

use std::fmt;
use std::sync::Arc;

use crate::decode::Lease;

/// An upright picture: RGB, 8 bits a channel, rows from top to bottom without padding.
#[derive(Clone)]
pub struct Image {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
    /// The memory that a decoded picture has taken from a budget, for as long as the picture is there.
    _lease: Option<Arc<Lease>>,
}

impl Image {
    /// Wraps RGB rows.
    ///
    /// # Panics
    /// When `pixels` does not hold exactly `3 * width * height` bytes.
    pub fn from_rgb8(width: u32, height: u32, pixels: Vec<u8>) -> Self {
        assert_eq!(pixels.len(), 3 * width as usize * height as usize, "RGB rows of {width} x {height}");
        Self { width, height, pixels, _lease: None }
    }

    /// Wraps RGB rows whose memory is a part of a budget.
    pub(crate) fn leased(width: u32, height: u32, pixels: Vec<u8>, lease: Lease) -> Self {
        Self { _lease: Some(Arc::new(lease)), ..Self::from_rgb8(width, height, pixels) }
    }

    /// The buffer of the rows. What it took from a budget is given back.
    pub(crate) fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The rows, three bytes (red, green, blue) a pixel.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The pixel at column `x` and row `y`, each pulled into the picture if it lies outside.
    pub(crate) fn clamped(&self, x: i64, y: i64) -> [u8; 3] {
        let x = x.clamp(0, i64::from(self.width) - 1) as usize;
        let y = y.clamp(0, i64::from(self.height) - 1) as usize;
        let at = 3 * (y * self.width as usize + x);
        [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]]
    }
}

impl PartialEq for Image {
    fn eq(&self, other: &Self) -> bool {
        (self.width, self.height, &self.pixels) == (other.width, other.height, &other.pixels)
    }
}

impl Eq for Image {}

impl fmt::Debug for Image {
    /// Pictures of people never reach a log: only the size is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({} x {})", self.width, self.height)
    }
}
