//! Names of what is sent in place of a supported image.

use super::DecodeError;

/// How far markup is searched.
const HEAD: usize = 1024;

/// The error for bytes of no supported format, which names what they are where that is known.
pub(super) fn name(bytes: &[u8]) -> DecodeError {
    const JPEG: &str = "send it as JPEG or PNG";
    let head = bytes[..bytes.len().min(HEAD)].to_ascii_lowercase();
    let has = |text: &str| head.windows(text.len()).any(|window| window == text.as_bytes());
    let text = head.trim_ascii_start();
    let (format, advice) = if let Some(format) = boxed(bytes) {
        (format, JPEG)
    } else if bytes.starts_with(&[0xFF, 0x0A]) || bytes.starts_with(b"\0\0\0\x0CJXL ") {
        ("JPEG XL", JPEG)
    } else if bytes.starts_with(b"%PDF-") {
        ("a PDF document", "send its page as JPEG or PNG")
    } else if text.starts_with(b"--") && has("content-disposition:") {
        ("a multipart form", "send the bytes of the image file as the request body, or JSON with the image in base64")
    } else if text.starts_with(b"<svg") || text.starts_with(b"<?xml") && has("<svg") {
        ("SVG", JPEG)
    } else if text.starts_with(b"<!doctype html") || text.starts_with(b"<html") {
        ("an HTML page", "send the image itself, not the page or address that shows it")
    } else if text.starts_with(b"data:image/") || text.starts_with(b"/9j/") || text.starts_with(b"ivborw0kggo") {
        ("base64 text", "send the bytes that it stands for, or JSON with the text")
    } else {
        return DecodeError::Unrecognised;
    };
    DecodeError::Unsupported { format, advice }
}

/// The format of a file in the ISO base media format (ISO/IEC 14496-12): the brands follow `ftyp`.
fn boxed(bytes: &[u8]) -> Option<&'static str> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
    let kind = bytes.get(4..8)?;
    let brands = bytes.get(8..length.clamp(12, 256).min(bytes.len()))?;
    let has = |names: &[&[u8]]| brands.chunks_exact(4).any(|brand| names.contains(&brand));
    match kind {
        b"ftyp" if has(&[b"avif", b"avis"]) => Some("AVIF"),
        b"ftyp" if has(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"]) => Some("HEIC"),
        b"ftyp" if has(&[b"isom", b"iso2", b"mp41", b"mp42", b"qt  ", b"3gp4", b"3gp5"]) => Some("a video"),
        _ => None,
    }
}
