//! Every accepted format comes out upright and in its right colours; everything else is refused with a reason.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, Rgb, RgbImage, Rgba};
use vultus_vision::{Budget, DecodeError, Decoder, Image, Limits};

/// Colours of the drawn picture: top left, top right, bottom left, bottom right.
const QUADRANTS: [[u8; 3]; 4] = [[200, 30, 30], [30, 180, 40], [30, 40, 200], [240, 240, 240]];
const WIDTH: u32 = 64;
const HEIGHT: u32 = 48;

fn drawn() -> RgbImage {
    RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        Rgb(QUADRANTS[usize::from(x >= WIDTH / 2) + 2 * usize::from(y >= HEIGHT / 2)])
    })
}

fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn decode(bytes: &[u8]) -> Result<Image, DecodeError> {
    Decoder::new(Limits::default()).decode(bytes)
}

/// The colours in the middles of the four quadrants.
fn middles(image: &Image) -> [[u8; 3]; 4] {
    let (w, h) = (image.width(), image.height());
    [(w / 4, h / 4), (3 * w / 4, h / 4), (w / 4, 3 * h / 4), (3 * w / 4, 3 * h / 4)].map(|(x, y)| {
        let at = 3 * (y * w + x) as usize;
        std::array::from_fn(|c| image.pixels()[at + c])
    })
}

fn assert_quadrants(bytes: &[u8], expected: [[u8; 3]; 4], tolerance: u8) {
    let image = decode(bytes).unwrap();
    for (found, wanted) in middles(&image).iter().zip(&expected) {
        let near = found.iter().zip(wanted).all(|(a, b)| a.abs_diff(*b) <= tolerance);
        assert!(near, "found {found:?}, wanted {wanted:?}");
    }
}

#[test]
fn all_formats_keep_their_colours() {
    let picture = DynamicImage::ImageRgb8(drawn());
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff] {
        assert_quadrants(&encode(&picture, format), QUADRANTS, 0);
    }
    assert_quadrants(&encode(&picture, ImageFormat::Jpeg), QUADRANTS, 6);
    assert_quadrants(&encode(&picture, ImageFormat::Gif), QUADRANTS, 6);
    assert_quadrants(include_bytes!("data/quadrants.webp"), QUADRANTS, 0);
    assert_quadrants(include_bytes!("data/progressive.jpg"), QUADRANTS, 6);
    assert_quadrants(include_bytes!("data/cmyk.jpg"), QUADRANTS, 10);
}

#[test]
fn grey_pictures_become_grey_rgb() {
    let greys = [81, 119, 55, 240].map(|grey| [grey; 3]);
    assert_quadrants(include_bytes!("data/grey.jpg"), greys, 4);
    let grey: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_fn(WIDTH, HEIGHT, |x, _| Luma([x as u16 * 1024]));
    let image = decode(&encode(&DynamicImage::ImageLuma16(grey), ImageFormat::Png)).unwrap();
    assert_eq!(&image.pixels()[3 * 32..3 * 32 + 3], &[128; 3]);
}

#[test]
fn sixteen_bits_are_scaled_and_not_cut() {
    let deep = ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Rgb(drawn().get_pixel(x, y).0.map(|c| u16::from(c) * 257)));
    assert_quadrants(&encode(&DynamicImage::ImageRgb16(deep), ImageFormat::Png), QUADRANTS, 0);
}

#[test]
fn transparent_parts_become_white() {
    let picture = ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| {
        let [r, g, b] = drawn().get_pixel(x, y).0;
        Rgba([
            r,
            g,
            b,
            if x < WIDTH / 2 {
                255
            } else if y < HEIGHT / 2 {
                0
            } else {
                128
            },
        ])
    });
    let expected = [QUADRANTS[0], [255; 3], QUADRANTS[2], [247; 3]];
    assert_quadrants(&encode(&DynamicImage::ImageRgba8(picture), ImageFormat::Png), expected, 1);
}

/// A JPEG with an EXIF segment that holds nothing but the orientation.
fn oriented(orientation: u8) -> Vec<u8> {
    let jpeg = encode(&DynamicImage::ImageRgb8(drawn()), ImageFormat::Jpeg);
    let tag = [0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
    let exif = [b"Exif\0\0II*\0\x08\0\0\0\x01\0".as_slice(), &tag, &[0; 4]].concat();
    let segment = [&[0xFF, 0xE1], (exif.len() as u16 + 2).to_be_bytes().as_slice(), &exif].concat();
    [&jpeg[..2], &segment, &jpeg[2..]].concat()
}

#[test]
fn exif_orientation_turns_the_picture_upright() {
    let [a, b, c, d] = QUADRANTS;
    // The four quadrants after the turn that each value of the tag asks for (TIFF 6.0, tag 274).
    let turned = [
        [a, b, c, d],
        [b, a, d, c],
        [d, c, b, a],
        [c, d, a, b],
        [a, c, b, d],
        [c, a, d, b],
        [d, b, c, a],
        [b, d, a, c],
    ];
    for (orientation, expected) in (1..).zip(turned) {
        let bytes = oriented(orientation);
        assert_quadrants(&bytes, expected, 6);
        let image = decode(&bytes).unwrap();
        let sides = if orientation < 5 { (WIDTH, HEIGHT) } else { (HEIGHT, WIDTH) };
        assert_eq!((image.width(), image.height()), sides, "orientation {orientation}");
    }
}

#[test]
fn what_is_no_picture_is_named_as_such() {
    assert_eq!(decode(b"").unwrap_err(), DecodeError::Empty);
    for bytes in [b"hello world".as_slice(), b"%PD", b"\x89PN", &[0; 4096], b"\0\0\0\xFFftyp", b"--", b"<xml>"] {
        assert_eq!(decode(bytes).unwrap_err(), DecodeError::Unrecognised);
    }
}

#[test]
fn what_is_sent_in_place_of_a_picture_is_named_with_what_to_do() {
    let named: [(&[u8], &str); 10] = [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0", "HEIC"),
        (b"\0\0\0\x1Cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "a video"),
        (b"\xFF\x0A\xFA", "JPEG XL"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\n<?xml version=\"1.0\"?><svg/>", "SVG"),
        (b" <!DOCTYPE html><title>x", "an HTML page"),
        (b"--x\r\nContent-Disposition: form-data; name=\"img\"\r\n", "a multipart form"),
        (b"/9j/4AAQSkZJRgABAQ", "base64 text"),
        (b"data:image/png;base64,iVBORw0KGgo", "base64 text"),
    ];
    for (bytes, name) in named {
        let message = decode(bytes).unwrap_err().to_string();
        assert!(message.starts_with(&format!("this is {name}, which is not supported: send ")), "{message}");
    }
}

#[test]
fn a_cut_picture_is_refused() {
    let picture = DynamicImage::ImageRgb8(drawn());
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff] {
        let bytes = encode(&picture, format);
        for part in [bytes.len() / 2, bytes.len() - 12] {
            assert!(decode(&bytes[..part]).is_err(), "{part} bytes of {} of a {format:?}", bytes.len());
        }
    }
    let jpeg = oriented(6);
    assert_eq!(decode(&jpeg[..jpeg.len() - 40]).unwrap_err(), DecodeError::Truncated);
    let progressive = include_bytes!("data/progressive.jpg");
    assert_eq!(decode(&progressive[..progressive.len() / 2]).unwrap_err(), DecodeError::Truncated);
}

/// A BMP of a few bytes whose header announces a picture of 60,000 x 60,000 pixels.
fn bomb() -> Vec<u8> {
    let mut bytes = encode(&DynamicImage::ImageRgb8(drawn()), ImageFormat::Bmp);
    bytes[18..22].copy_from_slice(&60_000u32.to_le_bytes());
    bytes[22..26].copy_from_slice(&60_000u32.to_le_bytes());
    bytes
}

#[test]
fn limits_hold_before_anything_is_decoded() {
    let limit = Limits::default().max_pixels;
    let refused = DecodeError::TooManyPixels { width: 60_000, height: 60_000, limit };
    // Without any memory for pixels: none is asked for.
    let penniless = Arc::new(Budget::new(0, Duration::ZERO));
    assert_eq!(Decoder::with_budget(Limits::default(), penniless).decode(&bomb()).unwrap_err(), refused);

    let png = encode(&DynamicImage::ImageRgb8(drawn()), ImageFormat::Png);
    let limits = Limits { max_bytes: png.len() - 1, max_pixels: u64::MAX };
    let refused = DecodeError::TooManyBytes { bytes: png.len(), limit: png.len() - 1 };
    assert_eq!(Decoder::new(limits).decode(&png).unwrap_err(), refused);

    let exact = Limits { max_bytes: usize::MAX, max_pixels: u64::from(WIDTH * HEIGHT) };
    let jpeg = encode(&DynamicImage::ImageRgb8(drawn()), ImageFormat::Jpeg);
    assert!(Decoder::new(exact).decode(&jpeg).is_ok());
    let below = Limits { max_pixels: exact.max_pixels - 1, ..exact };
    assert!(matches!(Decoder::new(below).decode(&jpeg), Err(DecodeError::TooManyPixels { .. })));
}

#[test]
fn a_reused_buffer_leaves_no_trace() {
    let mut decoder = Decoder::new(Limits::default());
    let large = RgbImage::from_pixel(300, 200, Rgb([9, 9, 9]));
    let image = decoder.decode(&encode(&DynamicImage::ImageRgb8(large), ImageFormat::Jpeg)).unwrap();
    decoder.recycle(image);
    let jpeg = encode(&DynamicImage::ImageRgb8(drawn()), ImageFormat::Jpeg);
    assert_eq!(decoder.decode(&jpeg).unwrap(), decode(&jpeg).unwrap());
    assert!(decoder.decode(&jpeg[..jpeg.len() / 2]).is_err());
    assert_eq!(decoder.decode(&jpeg).unwrap(), decode(&jpeg).unwrap());
}

#[test]
fn pictures_never_reach_a_log() {
    let image = decode(&encode(&DynamicImage::ImageRgb8(drawn()), ImageFormat::Png)).unwrap();
    assert_eq!(format!("{image:?}"), "Image(64 x 48)");
}
