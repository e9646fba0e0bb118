//! Pictures for the tests: photographs, and what is made of them.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};

use crate::app::workspace;

/// A photograph of `testdata`, as a JPEG file.
pub fn photo(name: &str) -> Vec<u8> {
    std::fs::read(workspace().join("testdata").join(format!("{name}.jpg"))).unwrap()
}

/// A picture with nobody in it.
pub fn nobody() -> Vec<u8> {
    png(&RgbImage::from_fn(320, 240, |x, y| image::Rgb([(x / 2) as u8, y as u8, 128])).into())
}

/// The same photograph side by side: two faces of the same size.
pub fn twins(name: &str) -> Vec<u8> {
    side_by_side(&[(name, 1.0), (name, 1.0)])
}

/// Photographs side by side, each scaled.
pub fn side_by_side(photos: &[(&str, f32)]) -> Vec<u8> {
    let scaled = |(name, scale): &(&str, f32)| {
        let whole = image::load_from_memory(&photo(name)).unwrap().into_rgb8();
        let [width, height] = [whole.width(), whole.height()].map(|side| (side as f32 * scale) as u32);
        image::imageops::resize(&whole, width, height, image::imageops::FilterType::Triangle)
    };
    let photos: Vec<RgbImage> = photos.iter().map(scaled).collect();
    let (width, height) = (photos.iter().map(RgbImage::width).sum(), photos.iter().map(RgbImage::height).max());
    let mut canvas = RgbImage::new(width, height.unwrap());
    let mut x = 0;
    for photo in photos {
        image::imageops::replace(&mut canvas, &photo, x, 0);
        x += i64::from(photo.width());
    }
    let mut file = Cursor::new(Vec::new());
    canvas.write_to(&mut file, ImageFormat::Jpeg).unwrap();
    file.into_inner()
}

/// A small file of more pixels than the limit.
pub fn bomb() -> Vec<u8> {
    let file = png(&GrayImage::new(8000, 8000).into());
    assert!(file.len() < 1 << 20);
    file
}

fn png(picture: &DynamicImage) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}
