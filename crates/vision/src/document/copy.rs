//! Signs that a picture shows a copy and not the document itself: no colour, as in a photocopy, or the pixel grid of a
//! screen. They are evidence, not proof. A colour print shows neither, a document may be grey, and a picture that was made
//! smaller has lost the grid.

use super::grey::Grey;
use crate::image::Image;

/// The values measured on the picture of a document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CopySigns {
    /// Spread of the opponent colours red-green and yellow-blue (the first part of Hasler and Süsstrunk's measure of
    /// colourfulness, 2003), in levels; the light, which tints everything alike, does not count.
    pub colour: f32,
    /// Part of the picture, 0 to 1, with a fine grid in both directions.
    pub grid: f32,
}

/// A spread below this is noise and not colour.
const MIN_COLOUR: f32 = 4.0;

/// A grid over at least this part is not a pattern of the document.
const MAX_GRID: f32 = 0.3;

impl CopySigns {
    /// Measures a picture at its own resolution.
    pub fn of(document: &Image) -> Self {
        Self { colour: colour(document), grid: grid(&Grey::of(document)) }
    }

    /// Whether there is no colour.
    pub fn looks_photocopied(&self) -> bool {
        self.colour < MIN_COLOUR
    }

    /// Whether there is the grid of a screen.
    pub fn looks_like_a_screen(&self) -> bool {
        self.grid > MAX_GRID
    }
}

fn colour(image: &Image) -> f32 {
    let spread = |opponent: fn([f64; 3]) -> f64| {
        let values = || image.pixels().chunks_exact(3).map(|p| opponent([p[0], p[1], p[2]].map(f64::from)));
        let count = (image.pixels().len() / 3).max(1) as f64;
        let mean = values().sum::<f64>() / count;
        values().map(|value| (value - mean).powi(2)).sum::<f64>() / count
    };
    let red_green = spread(|[r, g, _]| r - g);
    let yellow_blue = spread(|[r, g, b]| f64::midpoint(r, g) - b);
    (red_green + yellow_blue).sqrt() as f32
}

/// Side of the tiles in which a grid is looked for, in pixels.
const TILE: usize = 64;

/// Periods of a grid, in pixels: a finer one is lost, a coarser one is print.
const PERIODS: std::ops::Range<usize> = 2..12;

/// Correlation of a tile with itself, one period on, from which on it repeats.
const MIN_CORRELATION: f32 = 0.35;

/// Part of the tiles that repeat both along rows and along columns.
fn grid(grey: &Grey) -> f32 {
    let (columns, rows) = (grey.width / TILE, grey.height / TILE);
    let tiles = columns * rows;
    let is_grid = |tile: &usize| {
        let tile = detail(grey, tile % columns * TILE, tile / columns * TILE);
        repeats(&tile, 1) && repeats(&tile, TILE)
    };
    (0..tiles).filter(is_grid).count() as f32 / tiles.max(1) as f32
}

/// What differs from the mean of the nine pixels around: print and shading are coarser than a grid.
fn detail(grey: &Grey, left: usize, top: usize) -> Vec<f32> {
    let at = |x: usize, y: usize| f32::from(grey.pixels[y.min(grey.height - 1) * grey.width + x.min(grey.width - 1)]);
    let mean = |x: usize, y: usize| {
        let around = (0..49).map(|i| at((x + i % 7).saturating_sub(3), (y + i / 7).saturating_sub(3)));
        around.sum::<f32>() / 49.0
    };
    let pixel = |i: usize| (left + i % TILE, top + i / TILE);
    (0..TILE * TILE).map(pixel).map(|(x, y)| at(x, y) - mean(x, y)).collect()
}

/// Whether a tile is like itself `period` steps on, more than at the periods beside it, for any of the periods.
fn repeats(tile: &[f32], step: usize) -> bool {
    let energy: f32 = tile.iter().map(|v| v * v).sum();
    // A flat tile holds nothing but rounding.
    if energy < 2.0 * tile.len() as f32 {
        return false;
    }
    let correlation = |period: usize| {
        let inside = |i: &usize| if step == 1 { i % TILE + period < TILE } else { i / TILE + period < TILE };
        let pairs = (0..tile.len()).filter(inside).map(|i| tile[i] * tile[i + period * step]);
        pairs.sum::<f32>() / energy * TILE as f32 / (TILE - period) as f32
    };
    let values: Vec<f32> = (PERIODS.start - 1..=PERIODS.end).map(correlation).collect();
    values.windows(3).any(|w| w[1] > MIN_CORRELATION && w[1] > w[0] && w[1] > w[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A photograph of a federal work, in the public domain.
    fn photo() -> Image {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/collins.jpg");
        crate::Decoder::default().decode(&std::fs::read(path).unwrap()).unwrap()
    }

    fn changed(image: &Image, change: impl Fn(usize, usize, [u8; 3]) -> [u8; 3]) -> Image {
        let width = image.width() as usize;
        let pixels = image.pixels().chunks_exact(3).enumerate();
        let pixels = pixels.flat_map(|(i, p)| change(i % width, i / width, [p[0], p[1], p[2]])).collect();
        Image::from_rgb8(image.width(), image.height(), pixels)
    }

    #[test]
    fn a_photograph_shows_no_sign() {
        let signs = CopySigns::of(&photo());
        assert!(!signs.looks_photocopied() && !signs.looks_like_a_screen(), "{signs:?}");
    }

    #[test]
    fn grey_in_tinted_light_has_no_colour() {
        let copy = changed(&photo(), |_, _, p| {
            let grey = (u16::from(p[0]) + u16::from(p[1]) + u16::from(p[2])) / 6 + 100;
            [(grey + 10) as u8, grey as u8, (grey - 10) as u8]
        });
        assert!(CopySigns::of(&copy).looks_photocopied());
    }

    #[test]
    fn the_grid_of_a_screen_shows() {
        // Dark lines between pixels of 4.7 pixels in the photograph.
        let screen = changed(&photo(), |x, y, p| {
            let edge = |at: usize| (at as f32 % 4.7) < 1.4;
            p.map(|c| if edge(x) || edge(y) { c / 2 } else { c })
        });
        let signs = CopySigns::of(&screen);
        assert!(signs.looks_like_a_screen(), "{signs:?}");
    }
}
