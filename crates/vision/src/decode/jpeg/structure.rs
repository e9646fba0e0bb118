//! A JPEG file taken apart: its frame, its tables and its scans (ITU-T T.81, annex B). Nothing is decoded here.
//!
//! What lies between segments, what follows the picture and every segment that the picture does not need are stepped
//! over: thumbnails, previews, further pictures, fill bytes.

use memchr::memchr;

use super::Fault;

/// Most scans of one picture, the bound of the decoder as well.
const MAX_SCANS: usize = 100;

/// Markers, the second byte after 0xFF.
pub(super) mod marker {
    pub(in super::super) const RESTART: u8 = 0xD0;
    pub(in super::super) const IMAGE_START: u8 = 0xD8;
    pub(in super::super) const IMAGE_END: u8 = 0xD9;
    pub(in super::super) const SCAN: u8 = 0xDA;
    pub(in super::super) const QUANTISATION: u8 = 0xDB;
    pub(in super::super) const HUFFMAN: u8 = 0xC4;
    pub(in super::super) const RESTART_INTERVAL: u8 = 0xDD;
    pub(in super::super) const ADOBE: u8 = 0xEE;
    pub(in super::super) const APP0: u8 = 0xE0;
    pub(in super::super) const APP1: u8 = 0xE1;
    pub(in super::super) const SEQUENTIAL: u8 = 0xC0;
    pub(in super::super) const PROGRESSIVE: u8 = 0xC2;
}

/// A component of the frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Horizontal and vertical sampling factor, 1 to 4.
    pub(super) sampling: (usize, usize),
}

/// The frame header.
#[derive(Debug, Clone)]
pub(super) struct Frame<'a> {
    pub(super) progressive: bool,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) components: Vec<Component>,
    /// The segment without marker and length.
    pub(super) body: &'a [u8],
}

impl Frame<'_> {
    /// The largest sampling factors.
    fn max_sampling(&self) -> (usize, usize) {
        let factors = self.components.iter().map(|component| component.sampling);
        factors.fold((1, 1), |most, factor| (most.0.max(factor.0), most.1.max(factor.1)))
    }

    /// Columns and rows of coding units that several components share.
    pub(super) fn units(&self) -> (usize, usize) {
        let (h, v) = self.max_sampling();
        (self.width.div_ceil(8 * h), self.height.div_ceil(8 * v))
    }

    /// Columns and rows of the blocks of a component that lie in the picture, which are those of a scan of its own.
    pub(super) fn blocks(&self, component: usize) -> (usize, usize) {
        let ((h, v), (h_max, v_max)) = (self.components[component].sampling, self.max_sampling());
        ((self.width * h).div_ceil(8 * h_max), (self.height * v).div_ceil(8 * v_max))
    }

    /// Blocks of all components, with those that fill the last coding units.
    pub(super) fn all_blocks(&self) -> usize {
        let (columns, rows) = self.units();
        columns
            * rows
            * self.components.iter().map(|component| component.sampling.0 * component.sampling.1).sum::<usize>()
    }
}

/// A component of a scan, with the numbers of its Huffman tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScanComponent {
    /// Its place in [`Frame::components`].
    pub(super) index: usize,
    pub(super) dc: usize,
    pub(super) ac: usize,
}

/// Huffman tables by number, as counts and symbols.
pub(super) type Tables<'a> = [Option<&'a [u8]>; 4];

/// A scan.
#[derive(Debug, Clone)]
pub(super) struct Scan<'a> {
    pub(super) components: Vec<ScanComponent>,
    /// First and last coefficient.
    pub(super) band: (usize, usize),
    /// The bit position before (0 in a first scan) and of this scan.
    pub(super) precision: (u8, u8),
    pub(super) dc: Tables<'a>,
    pub(super) ac: Tables<'a>,
    /// Coding units between two restart markers; 0 is none.
    pub(super) restart: usize,
    /// The coded data between restart markers, still stuffed.
    pub(super) intervals: Vec<&'a [u8]>,
}

/// A JPEG file taken apart.
#[derive(Debug, Clone)]
pub(super) struct Jpeg<'a> {
    pub(super) frame: Frame<'a>,
    /// Quantisation tables by number, each with its first byte.
    pub(super) quantisation: Tables<'a>,
    pub(super) adobe: Option<&'a [u8]>,
    /// The TIFF structure of the EXIF segment.
    pub(super) exif: Option<&'a [u8]>,
    /// A frame of Motion JPEG, which leaves out the usual Huffman tables.
    pub(super) motion: bool,
    pub(super) scans: Vec<Scan<'a>>,
    /// Whether the file ends where more of the picture may have followed.
    pub(super) cut: bool,
}

/// What a scan needs, gathered on the way to it.
#[derive(Default)]
struct Seen<'a> {
    frame: Option<Frame<'a>>,
    quantisation: Tables<'a>,
    dc: Tables<'a>,
    ac: Tables<'a>,
    adobe: Option<&'a [u8]>,
    exif: Option<&'a [u8]>,
    motion: bool,
    restart: usize,
}

/// Takes a file apart, up to the end of its first picture.
///
/// # Errors
/// [`Fault::Cut`] when the file ends before its first scan, [`Fault::Invalid`] when a segment is malformed.
pub(super) fn parse(file: &[u8]) -> Result<Jpeg<'_>, Fault> {
    let mut seen = Seen::default();
    let mut scans: Vec<Scan<'_>> = Vec::new();
    let mut at = 2;
    let mut cut = true;
    while let Some((code, after)) = next_marker(file, at) {
        at = after;
        if code == marker::IMAGE_END {
            cut = false;
            break;
        }
        if (marker::RESTART..=marker::IMAGE_START).contains(&code) || code == 0x01 {
            continue;
        }
        let Some(body) = segment(file, at) else { break };
        at += 2 + body.len();
        if code != marker::SCAN {
            seen.take(code, body, !scans.is_empty())?;
            continue;
        }
        if scans.len() == MAX_SCANS {
            return Err(Fault::Invalid("it has too many scans"));
        }
        let frame = seen.frame.as_ref().ok_or(Fault::Invalid("a scan comes before the frame"))?;
        let mut scan = seen.scan(frame, body)?;
        at = scan.read(file, at)?;
        let whole = !frame.progressive && scan.components.len() == frame.components.len();
        scans.push(scan);
        if whole {
            cut = next_marker(file, at).is_none();
            break;
        }
    }
    let Seen { frame, quantisation, adobe, exif, motion, .. } = seen;
    match frame {
        Some(frame) if !scans.is_empty() => Ok(Jpeg { frame, quantisation, adobe, exif, motion, scans, cut }),
        _ if cut => Err(Fault::Cut),
        _ => Err(Fault::Invalid("it has no scan")),
    }
}

/// The next marker from `at` on and the place behind it.
fn next_marker(file: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        at += memchr(0xFF, file.get(at..)?)? + 1;
        match file.get(at)? {
            // A fill byte: the next round begins with it.
            0xFF | 0x00 => {}
            &code => return Some((code, at + 1)),
        }
    }
}

/// The segment whose length stands at `at`.
fn segment(file: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes([*file.get(at)?, *file.get(at + 1)?]));
    file.get(at + 2..at + length)
}

impl<'a> Seen<'a> {
    fn take(&mut self, code: u8, body: &'a [u8], after_scan: bool) -> Result<(), Fault> {
        match code {
            marker::SEQUENTIAL..=marker::PROGRESSIVE if self.frame.is_none() => {
                self.frame = Some(frame(body, code == marker::PROGRESSIVE)?);
            }
            marker::HUFFMAN => self.huffman(body)?,
            marker::SEQUENTIAL..=0xCF => return Err(Fault::Invalid("it is coded in a way that is not supported")),
            marker::QUANTISATION => self.quantisation(body, after_scan)?,
            marker::RESTART_INTERVAL => {
                let &[high, low] = body else { return Err(Fault::Invalid("a restart interval is malformed")) };
                self.restart = usize::from(u16::from_be_bytes([high, low]));
            }
            marker::ADOBE if body.starts_with(b"Adobe") => self.adobe = Some(body),
            marker::APP0 if body.starts_with(b"AVI1") => self.motion = true,
            marker::APP1 => self.exif = self.exif.or(body.strip_prefix(b"Exif\0\0")),
            _ => {}
        }
        Ok(())
    }

    fn huffman(&mut self, mut body: &'a [u8]) -> Result<(), Fault> {
        const MALFORMED: Fault = Fault::Invalid("a Huffman table is malformed");
        while let Some((&head, rest)) = body.split_first() {
            let symbols: usize = rest.get(..16).ok_or(MALFORMED)?.iter().map(|&count| usize::from(count)).sum();
            let table = rest.get(..16 + symbols).filter(|_| symbols <= 256).ok_or(MALFORMED)?;
            let tables = if head >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(head & 15)).filter(|_| head < 0x20).ok_or(MALFORMED)? = Some(table);
            body = &rest[16 + symbols..];
        }
        Ok(())
    }

    fn quantisation(&mut self, mut body: &'a [u8], after_scan: bool) -> Result<(), Fault> {
        const MALFORMED: Fault = Fault::Invalid("a quantisation table is malformed");
        while let Some(&head) = body.first() {
            let length = if head >> 4 == 0 { 65 } else { 129 };
            let table = body.get(..length).filter(|_| head < 0x20).ok_or(MALFORMED)?;
            let place = self.quantisation.get_mut(usize::from(head & 15)).ok_or(MALFORMED)?;
            if after_scan && place.is_some_and(|former| former != table) {
                return Err(Fault::Invalid("its quantisation changes between scans, which is not supported"));
            }
            *place = Some(table);
            body = &body[length..];
        }
        Ok(())
    }

    fn scan(&self, frame: &Frame<'_>, body: &[u8]) -> Result<Scan<'a>, Fault> {
        const MALFORMED: Fault = Fault::Invalid("a scan header is malformed");
        let (&count, rest) = body.split_first().ok_or(MALFORMED)?;
        let (selectors, rest) = rest.split_at_checked(2 * usize::from(count)).ok_or(MALFORMED)?;
        let &[first, last, precision] = rest else { return Err(MALFORMED) };
        let mut components: Vec<ScanComponent> = Vec::new();
        for pair in selectors.chunks_exact(2) {
            let index = frame.components.iter().position(|component| component.id == pair[0]).ok_or(MALFORMED)?;
            let (dc, ac) = (usize::from(pair[1] >> 4), usize::from(pair[1] & 15));
            if dc > 3 || ac > 3 || components.iter().any(|other| other.index == index) {
                return Err(MALFORMED);
            }
            components.push(ScanComponent { index, dc, ac });
        }
        // A sequential scan has all coefficients, whatever its header says.
        let (band, precision) = if frame.progressive {
            ((usize::from(first), usize::from(last)), (precision >> 4, precision & 15))
        } else {
            ((0, 63), (0, 0))
        };
        let ordered = band.0 <= band.1 && band.1 < 64 && precision.1 <= 13;
        // In a progressive picture the first coefficient comes alone, the others of one component at a time.
        let apart = !frame.progressive || (band.0 == 0) == (band.1 == 0) && (band.0 == 0 || components.len() == 1);
        if components.is_empty() || !ordered || !apart {
            return Err(MALFORMED);
        }
        let Self { dc, ac, restart, .. } = *self;
        Ok(Scan { components, band, precision, dc, ac, restart, intervals: Vec::new() })
    }
}

impl<'a> Scan<'a> {
    /// Reads the coded data that begins at `at`. Returns where they end: at the next marker that does not restart, or at
    /// the end of the file.
    fn read(&mut self, file: &'a [u8], mut at: usize) -> Result<usize, Fault> {
        let mut start = at;
        loop {
            let Some(found) = memchr(0xFF, &file[at..]) else {
                self.intervals.push(&file[start..]);
                return Ok(file.len());
            };
            let end = at + found;
            at = end + 1;
            while file.get(at) == Some(&0xFF) {
                at += 1;
            }
            match file.get(at) {
                Some(0x00) => at += 1,
                Some(&code) if code & 0xF8 == marker::RESTART => {
                    self.intervals.push(&file[start..end]);
                    if usize::from(code & 7) != (self.intervals.len() - 1) % 8 || self.restart == 0 {
                        return Err(Fault::Invalid("a part of it is missing: its restart markers are not in order"));
                    }
                    at += 1;
                    start = at;
                }
                _ => {
                    self.intervals.push(&file[start..end]);
                    return Ok(end);
                }
            }
        }
    }

    /// Coding units of the scan.
    pub(super) fn units(&self, frame: &Frame<'_>) -> usize {
        let (columns, rows) = match self.components.as_slice() {
            [only] => frame.blocks(only.index),
            _ => frame.units(),
        };
        columns * rows
    }

    /// Drops what follows the last coding unit.
    ///
    /// # Errors
    /// [`Fault::Short`] when an interval is missing.
    pub(super) fn trim(&mut self, frame: &Frame<'_>) -> Result<(), Fault> {
        let needed = if self.restart == 0 { 1 } else { self.units(frame).div_ceil(self.restart) };
        if self.intervals.len() < needed {
            return Err(Fault::Short);
        }
        self.intervals.truncate(needed);
        Ok(())
    }
}

fn frame(body: &[u8], progressive: bool) -> Result<Frame<'_>, Fault> {
    const MALFORMED: Fault = Fault::Invalid("the frame header is malformed");
    let (head, rest) = body.split_at_checked(6).ok_or(MALFORMED)?;
    let [precision, height_high, height_low, width_high, width_low, count] = *head else { return Err(MALFORMED) };
    let size = |high, low| usize::from(u16::from_be_bytes([high, low]));
    let (height, width) = (size(height_high, height_low), size(width_high, width_low));
    if precision != 8 {
        return Err(Fault::Invalid("it has more than 8 bits a sample, which is not supported"));
    }
    if width == 0 || height == 0 || !(1..=4).contains(&count) || rest.len() != 3 * usize::from(count) {
        return Err(MALFORMED);
    }
    let component = |triple: &[u8]| Component {
        id: triple[0],
        sampling: (usize::from(triple[1] >> 4), usize::from(triple[1] & 15)),
    };
    let components: Vec<Component> = rest.chunks_exact(3).map(component).collect();
    if components.iter().any(|c| !(1..=4).contains(&c.sampling.0) || !(1..=4).contains(&c.sampling.1)) {
        return Err(MALFORMED);
    }
    Ok(Frame { progressive, width, height, components, body })
}
