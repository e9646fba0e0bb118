//! Cuts a box out of a picture at a given size, with anti-aliasing, and turns pixels into network input.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::geometry::Rect;
use crate::image::Image;
use crate::models::{Colour, InputSpec};

/// Most pixels of a picture whose edges are continued, those of 2048 x 2048: many times what any network takes.
const MAX_PADDED: f32 = 4_194_304.0;

/// Resizes boxes of pictures. Owns the scratch buffers of the SIMD resizer, so keep it.
#[derive(Debug, Default)]
pub struct Resampler {
    resizer: Resizer,
}

impl Resampler {
    /// The part of `image` inside `rect`, as `width` x `height` pixels; where `rect` reaches beyond the picture its edge
    /// pixels go on. Shrinking averages (a triangle filter over the covered pixels), so that nothing aliases.
    pub fn cut(&mut self, image: &Image, rect: &Rect, width: u32, height: u32) -> Image {
        let inside =
            rect.x1 >= 0.0 && rect.y1 >= 0.0 && rect.x2 <= image.width() as f32 && rect.y2 <= image.height() as f32;
        if inside {
            return self.resize(image, rect, width, height);
        }
        let excess = rect.width() * rect.height() / MAX_PADDED;
        if excess > 1.5 {
            // The result is small: continuing the edges of a smaller picture costs less and changes nothing to see.
            let factor = excess.sqrt().recip();
            let [small_width, small_height] =
                [image.width(), image.height()].map(|length| ((length as f32 * factor).round() as u32).max(1));
            let whole = Rect::new(0.0, 0.0, image.width() as f32, image.height() as f32);
            let small = self.resize(image, &whole, small_width, small_height);
            let Rect { x1, y1, x2, y2 } = *rect;
            let rect = Rect::new(x1 * factor, y1 * factor, x2 * factor, y2 * factor);
            return self.cut(&small, &rect, width, height);
        }
        let (left, top) = (rect.x1.floor(), rect.y1.floor());
        let padded = padded(image, left as i64, top as i64, rect.x2.ceil() as i64, rect.y2.ceil() as i64);
        let moved = Rect::new(rect.x1 - left, rect.y1 - top, rect.x2 - left, rect.y2 - top);
        self.resize(&padded, &moved, width, height)
    }

    fn resize(&mut self, image: &Image, rect: &Rect, width: u32, height: u32) -> Image {
        let mut pixels = vec![0; 3 * width as usize * height as usize];
        // A box is never thinner than a pixel: the resizer refuses empty sources.
        let (left, top) = (rect.x1.min(image.width() as f32 - 1.0), rect.y1.min(image.height() as f32 - 1.0));
        let crop_width = rect.width().max(1.0).min(image.width() as f32 - left);
        let crop_height = rect.height().max(1.0).min(image.height() as f32 - top);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).crop(
            left.into(),
            top.into(),
            crop_width.into(),
            crop_height.into(),
        );
        // The pixel type is named: the resizer is not compiled for all the others.
        let source = TypedImageRef::<U8x3>::from_buffer(image.width(), image.height(), image.pixels());
        let target = TypedImage::<U8x3>::from_buffer(width, height, &mut pixels);
        if let (Ok(source), Ok(mut target)) = (source, target) {
            let resized = self.resizer.resize_typed(&source, &mut target, &options);
            debug_assert!(resized.is_ok(), "{resized:?} for {rect:?} of {image:?}");
        }
        Image::from_rgb8(width, height, pixels)
    }
}

/// Copies the pixels from (`left`, `top`) to (`right`, `bottom`), repeating the edges beyond the picture.
fn padded(image: &Image, left: i64, top: i64, right: i64, bottom: i64) -> Image {
    let (width, height) = ((right - left).max(1) as u32, (bottom - top).max(1) as u32);
    let mut pixels = Vec::with_capacity(3 * width as usize * height as usize);
    for y in top..top + i64::from(height) {
        for x in left..left + i64::from(width) {
            pixels.extend_from_slice(&image.clamped(x, y));
        }
    }
    Image::from_rgb8(width, height, pixels)
}

/// The shape of a network's input tensor: batch of one, channels, height, width.
pub fn input_shape(spec: &InputSpec) -> [usize; 4] {
    [1, spec.colour.channels() as usize, spec.height as usize, spec.width as usize]
}

/// Writes a picture into `planes` as network input, channel by channel (CHW), each value as `(x - mean) * scale`.
pub fn planes(image: &Image, spec: &InputSpec, planes: &mut Vec<f32>) {
    let value = |x: f32| (x - spec.mean) * spec.scale;
    let pixels = image.pixels();
    planes.clear();
    match spec.colour {
        Colour::Rgb => (0..3).for_each(|c| planes.extend(pixels.iter().skip(c).step_by(3).map(|&x| value(x.into())))),
        Colour::Bgr => {
            (0..3).rev().for_each(|c| planes.extend(pixels.iter().skip(c).step_by(3).map(|&x| value(x.into()))));
        }
        Colour::Grey => planes.extend(pixels.chunks_exact(3).map(|pixel| value(luma(pixel)))),
    }
}

/// Brightness of an RGB pixel, 0 to 255 (ITU-R BT.601 weights).
pub fn luma(pixel: &[u8]) -> f32 {
    0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_far_beyond_the_picture_costs_no_more_than_one_within() {
        // A white square in the middle of black, in boxes of growing size around it.
        let pixels = (0..100 * 100)
            .flat_map(|i| [if (25..75).contains(&(i % 100)) && (25..75).contains(&(i / 100)) { 255 } else { 0 }; 3]);
        let image = Image::from_rgb8(100, 100, pixels.collect());
        for reach in [10.0, 1000.0, 100_000.0, 1e9, f32::INFINITY] {
            let rect = Rect::new(-reach, -reach, 100.0 + reach, 100.0 + reach);
            let crop = Resampler::default().cut(&image, &rect, 64, 64);
            assert_eq!((crop.width(), crop.height()), (64, 64));
            let black = crop.pixels()[..3] == [0; 3];
            assert!(black || reach > 1000.0, "{reach}");
        }
        let near = Resampler::default().cut(&image, &Rect::new(-10.0, -10.0, 110.0, 110.0), 64, 64);
        assert_eq!(near.pixels()[3 * (32 * 64 + 32)], 255);
        Resampler::default().cut(&image, &Rect::new(f32::NAN, 0.0, f32::NAN, 50.0), 64, 64);
    }
}
