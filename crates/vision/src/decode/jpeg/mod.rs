//! JPEG: zune-jpeg, fed so that it cannot pass off as decoded what it has not decoded.
//!
//! Decoders of JPEG are lenient. Where data end they go on with zero bits, leave rows as the caller's buffer had them, or
//! paint them grey, and report success. So the file is taken apart first, and the decoder gets a copy that holds one
//! picture and nothing else:
//!
//! - A picture in one scan, which nearly all are, has each piece of its coded data followed by one bits. No code is all
//!   ones (T.81, annex C), and the decoder refuses tables that have such a code: it fails at the first symbol that the
//!   file does not have.
//! - For the others (progressive, or one scan for each component) the codes are gone through before.
//! - Rows are written from top to bottom, and the last one is marked before: a mark that is still there is a failure.

mod bits;
mod scan;
mod structure;

use std::io::Cursor;

use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use self::structure::{Jpeg, Scan, ScanComponent, marker};
use super::DecodeError;

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The file ends before its picture does.
    Cut,
    /// Data are missing, at the end if the file is cut.
    Short,
    /// Anything else, in words that follow "the image cannot be decoded: ".
    Invalid(&'static str),
}

/// One bits, stuffed: more than the decoder looks ahead.
const ONES: [u8; 32] = [
    0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, //
    0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0,
];

/// A JPEG whose header has been read.
pub(super) struct Opened<'a> {
    jpeg: Jpeg<'a>,
}

impl<'a> Opened<'a> {
    /// Takes a file apart.
    pub(super) fn new(file: &'a [u8]) -> Result<Self, DecodeError> {
        structure::parse(file).map(|jpeg| Self { jpeg }).map_err(|fault| refusal(fault, true))
    }

    /// Width and height in pixels, before the picture is turned upright.
    pub(super) fn size(&self) -> (u32, u32) {
        (self.jpeg.frame.width as u32, self.jpeg.frame.height as u32)
    }

    /// The TIFF structure of the EXIF segment.
    pub(super) fn exif(&self) -> Option<&'a [u8]> {
        self.jpeg.exif
    }

    /// Bytes that decoding takes beside the rows: the copy of the file and, where scans complete each other, all
    /// coefficients.
    pub(super) fn scratch_bytes(&self) -> u64 {
        let Jpeg { frame, scans, .. } = &self.jpeg;
        let data: usize = scans.iter().flat_map(|scan| &scan.intervals).map(|data| data.len() + ONES.len()).sum();
        // Two bytes a coefficient, and a bit that says whether it is zero.
        let coefficients = if self.in_one_scan() { 0 } else { frame.all_blocks() * (2 * 64 + 8) + data };
        (data + coefficients) as u64
    }

    fn in_one_scan(&self) -> bool {
        let Jpeg { frame, scans, .. } = &self.jpeg;
        !frame.progressive && scans.len() == 1 && scans[0].components.len() == frame.components.len()
    }

    /// Decodes into `rows`, RGB without padding: all of them are written, or an error comes back. `copy` is scratch space.
    pub(super) fn decode_into(mut self, rows: &mut [u8], copy: &mut Vec<u8>) -> Result<(), DecodeError> {
        let cut = self.jpeg.cut;
        copy.clear();
        self.write_canonical(copy).map_err(|fault| refusal(fault, cut))?;
        let options = DecoderOptions::default()
            .jpeg_set_out_colorspace(ColorSpace::RGB)
            .set_max_width(usize::MAX)
            .set_max_height(usize::MAX)
            .set_strict_mode(true);
        let last = rows.len() - 3 * self.jpeg.frame.width;
        let mark = |x: usize| (x as u32).wrapping_mul(0x9E37_79B9).to_be_bytes()[0];
        rows[last..].iter_mut().enumerate().for_each(|(x, byte)| *byte = mark(x));
        match JpegDecoder::new_with_options(Cursor::new(copy.as_slice()), options).decode_into(rows) {
            Err(_) if cut => Err(DecodeError::Truncated),
            Err(error) => Err(DecodeError::Corrupt(format!("{error:?}"))),
            Ok(()) if rows[last..].iter().enumerate().all(|(x, byte)| *byte == mark(x)) => {
                Err(DecodeError::Corrupt("its last row was not decoded".into()))
            }
            Ok(()) => Ok(()),
        }
    }

    /// Writes the file that the decoder gets.
    fn write_canonical(&mut self, file: &mut Vec<u8>) -> Result<(), Fault> {
        let in_one_scan = self.in_one_scan();
        let Jpeg { frame, scans, .. } = &mut self.jpeg;
        for scan in scans {
            scan.trim(frame)?;
        }
        let jpeg = &self.jpeg;
        write_header(file, jpeg, !in_one_scan);
        if in_one_scan {
            write_scan(file, jpeg, &jpeg.scans[0], &ONES);
        } else if jpeg.frame.progressive {
            scan::check_progressive(jpeg)?;
            jpeg.scans.iter().for_each(|scan| write_scan(file, jpeg, scan, &[]));
        } else {
            write_split(file, jpeg)?;
        }
        file.extend([0xFF, marker::IMAGE_END]);
        // The decoder takes the end of the file for missing data when it looks ahead.
        file.extend([0; 8]);
        Ok(())
    }
}

fn refusal(fault: Fault, cut: bool) -> DecodeError {
    match fault {
        Fault::Cut => DecodeError::Truncated,
        Fault::Short if cut => DecodeError::Truncated,
        Fault::Short => DecodeError::Corrupt("a part of its data is missing".into()),
        Fault::Invalid(what) => DecodeError::Corrupt(what.into()),
    }
}

fn write_segment(file: &mut Vec<u8>, code: u8, parts: &[&[u8]]) {
    let length: usize = 2 + parts.iter().map(|part| part.len()).sum::<usize>();
    file.extend([0xFF, code]);
    file.extend((length as u16).to_be_bytes());
    parts.iter().for_each(|part| file.extend_from_slice(part));
}

/// What comes before the scans.
fn write_header(file: &mut Vec<u8>, jpeg: &Jpeg<'_>, progressive: bool) {
    file.extend([0xFF, marker::IMAGE_START]);
    if jpeg.motion {
        write_segment(file, marker::APP0, &[b"AVI1\0\0\0\0"]);
    }
    if let Some(adobe) = jpeg.adobe {
        write_segment(file, marker::ADOBE, &[adobe]);
    }
    jpeg.quantisation.iter().flatten().for_each(|table| write_segment(file, marker::QUANTISATION, &[table]));
    let code = if progressive { marker::PROGRESSIVE } else { marker::SEQUENTIAL };
    write_segment(file, code, &[jpeg.frame.body]);
}

/// A scan with the tables that are in force for it; `end` follows each restart interval.
fn write_scan(file: &mut Vec<u8>, jpeg: &Jpeg<'_>, scan: &Scan<'_>, end: &[u8]) {
    for (class, tables) in [(0x00, &scan.dc), (0x10, &scan.ac)] {
        for (number, table) in (0..).zip(tables) {
            let used =
                scan.components.iter().any(|component| number == if class == 0 { component.dc } else { component.ac });
            if let Some(table) = table.filter(|_| used) {
                write_segment(file, marker::HUFFMAN, &[&[class | number as u8], table]);
            }
        }
    }
    write_segment(file, marker::RESTART_INTERVAL, &[&(scan.restart as u16).to_be_bytes()]);
    let selectors = scan
        .components
        .iter()
        .flat_map(|component| [jpeg.frame.components[component.index].id, (component.dc << 4 | component.ac) as u8]);
    let selectors: Vec<u8> = selectors.collect();
    let precision = scan.precision.0 << 4 | scan.precision.1;
    let parameters = [scan.band.0 as u8, scan.band.1 as u8, precision];
    write_segment(file, marker::SCAN, &[&[scan.components.len() as u8], &selectors, &parameters]);
    for (i, interval) in scan.intervals.iter().enumerate() {
        if i > 0 {
            file.extend([0xFF, marker::RESTART + (i - 1) as u8 % 8]);
        }
        file.extend_from_slice(interval);
        file.extend_from_slice(end);
    }
}

/// A sequential picture in several scans, which zune-jpeg decodes wrongly where components are subsampled, as a
/// progressive one of the same coefficients.
fn write_split(file: &mut Vec<u8>, jpeg: &Jpeg<'_>) -> Result<(), Fault> {
    let mut missing = vec![true; jpeg.frame.components.len()];
    for scan in &jpeg.scans {
        for component in &scan.components {
            if !std::mem::take(&mut missing[component.index]) {
                return Err(Fault::Invalid("two of its scans have the same component"));
            }
        }
        let split = scan::split(&jpeg.frame, scan)?;
        write_scan(file, jpeg, &part(scan, &scan.components, (0, 0), &split.dc), &[]);
        for (component, data) in scan.components.chunks(1).zip(&split.ac) {
            write_scan(file, jpeg, &part(scan, component, (1, 63), data), &[]);
        }
    }
    if missing.contains(&true) { Err(Fault::Short) } else { Ok(()) }
}

/// Some coefficients of some components of a scan.
fn part<'a>(scan: &Scan<'a>, components: &[ScanComponent], band: (usize, usize), data: &'a [Vec<u8>]) -> Scan<'a> {
    let intervals = data.iter().map(Vec::as_slice).collect();
    Scan { components: components.to_vec(), band, intervals, ..scan.clone() }
}
