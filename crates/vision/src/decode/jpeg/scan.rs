//! Goes through the codes of scans without decoding pictures: are the data of every block there?
//!
//! A decoder cannot say so: it goes on with invented bits where data end. For a picture in one scan an end that cannot be
//! decoded is a cheaper proof (see [`super`]); this is for the others.

use super::Fault;
use super::bits::{BitWriter, Bits, Codes, Symbol};
use super::structure::{Frame, Jpeg, Scan};

/// Checks a progressive picture: the data of each scan are whole, and every coefficient comes in full precision.
///
/// # Errors
/// [`Fault::Short`] or [`Fault::Invalid`].
pub(super) fn check_progressive(jpeg: &Jpeg<'_>) -> Result<(), Fault> {
    let frame = &jpeg.frame;
    // The bit position that each coefficient of each component has come to; none before its first scan.
    let mut reached = vec![[None; 64]; frame.components.len()];
    // Which coefficients of each block are not zero: later scans have bits for these only.
    let mut filled: Vec<Vec<u64>> = Vec::new();
    for index in 0..frame.components.len() {
        let (columns, rows) = frame.blocks(index);
        filled.push(vec![0; columns * rows]);
    }
    for scan in &jpeg.scans {
        let (before, now) = scan.precision;
        for component in &scan.components {
            for place in &mut reached[component.index][scan.band.0..=scan.band.1] {
                let follows = if before == 0 { place.is_none() } else { *place == Some(before) && now + 1 == before };
                if !follows {
                    return Err(Fault::Invalid("its scans do not follow each other"));
                }
                *place = Some(now);
            }
        }
        if scan.band.0 == 0 {
            check_dc(frame, scan)?;
        } else {
            check_ac(scan, &mut filled[scan.components[0].index])?;
        }
    }
    let whole = reached.iter().all(|component| component.iter().all(|place| *place == Some(0)));
    if whole { Ok(()) } else { Err(Fault::Short) }
}

/// The data of each restart interval of a scan with the number of its coding units.
fn intervals<'a>(scan: &Scan<'a>, units: usize) -> impl Iterator<Item = (Bits<'a>, usize)> {
    let length = if scan.restart == 0 { units } else { scan.restart };
    scan.intervals.iter().enumerate().map(move |(i, data)| (Bits::new(data), length.min(units - i * length)))
}

fn check_dc(frame: &Frame<'_>, scan: &Scan<'_>) -> Result<(), Fault> {
    let codes = Table::of(scan)?;
    let blocks = blocks_in_unit(frame, scan);
    for (mut bits, units) in intervals(scan, scan.units(frame)) {
        for _ in 0..units {
            for &place in &blocks {
                if scan.precision.0 == 0 {
                    let symbol = bits.symbol(&codes[place].dc)?;
                    bits.take(symbol.value.min(16).into())?;
                } else {
                    bits.take(1)?;
                }
            }
        }
    }
    Ok(())
}

fn check_ac(scan: &Scan<'_>, filled: &mut [u64]) -> Result<(), Fault> {
    let codes = Codes::new(scan.ac[scan.components[0].ac])?;
    let mut start = 0;
    for (mut bits, units) in intervals(scan, filled.len()) {
        let mut band = Band { ended: 0, refines: scan.precision.0 > 0, range: scan.band };
        for block in &mut filled[start..start + units] {
            band.check(&mut bits, &codes, block)?;
        }
        start += units;
    }
    Ok(())
}

/// The coefficients of a progressive scan.
struct Band {
    /// Blocks to come, this one included, whose band has no further new coefficient.
    ended: u32,
    refines: bool,
    range: (usize, usize),
}

impl Band {
    /// Goes through one block (T.81, G.1.2).
    fn check(&mut self, bits: &mut Bits<'_>, codes: &Codes, block: &mut u64) -> Result<(), Fault> {
        let mut at = self.range.0;
        while self.ended == 0 && at <= self.range.1 {
            let symbol = bits.symbol(codes)?;
            let (run, size) = (symbol.run(), symbol.size());
            if size == 0 && run < 15 {
                self.ended = (1 << run) + bits.take(run as u32)?;
                break;
            }
            bits.take(if self.refines { size.min(1) } else { size })?;
            at = self.skip(bits, *block, at, run)?;
            if size > 0 {
                *block |= 1 << at.min(63);
            }
            at += 1;
        }
        if self.ended > 0 {
            if self.refines {
                self.skip(bits, *block, at, 64)?;
            }
            self.ended -= 1;
        }
        Ok(())
    }

    /// The place behind `zeros` coefficients that are still zero; those that are not have a bit each on the way.
    fn skip(&self, bits: &mut Bits<'_>, block: u64, mut at: usize, mut zeros: usize) -> Result<usize, Fault> {
        if !self.refines {
            return Ok(at + zeros);
        }
        // Beyond the band all is zero.
        let filled = block & u64::MAX >> (63 - self.range.1);
        while at <= self.range.1 {
            let ones = (filled >> at).trailing_ones();
            bits.skip(ones)?;
            at += ones as usize;
            if zeros == 0 || at > self.range.1 {
                break;
            }
            let gap = zeros.min((filled >> at).trailing_zeros() as usize);
            at += gap;
            zeros -= gap;
        }
        Ok(at)
    }
}

/// The codes of a component of a scan.
struct Table {
    dc: Codes,
    ac: Option<Codes>,
}

impl Table {
    fn of(scan: &Scan<'_>) -> Result<Vec<Self>, Fault> {
        let table = |component: &super::structure::ScanComponent| {
            // A scan that refines has no codes for what it refines.
            let empty = [0; 16];
            let dc = if scan.precision.0 > 0 { Some(empty.as_slice()) } else { scan.dc[component.dc] };
            let ac = if scan.band.1 > 0 { Some(Codes::new(scan.ac[component.ac])?) } else { None };
            Ok(Self { dc: Codes::new(dc)?, ac })
        };
        scan.components.iter().map(table).collect()
    }
}

/// The component of each block of a coding unit, by its place in the scan.
fn blocks_in_unit(frame: &Frame<'_>, scan: &Scan<'_>) -> Vec<usize> {
    if scan.components.len() == 1 {
        return vec![0];
    }
    let blocks = scan.components.iter().enumerate().map(|(place, component)| {
        let (h, v) = frame.components[component.index].sampling;
        std::iter::repeat_n(place, h * v)
    });
    blocks.flatten().collect()
}

/// The data of a sequential scan as those of progressive ones: first its DC coefficients, then the AC coefficients of
/// each component. The bits are the same, and nothing is lost.
///
/// # Errors
/// [`Fault::Short`] or [`Fault::Invalid`].
pub(super) fn split(frame: &Frame<'_>, scan: &Scan<'_>) -> Result<Split, Fault> {
    let blocks = blocks_in_unit(frame, scan);
    if blocks.len() > scan.components.len() {
        return Err(Fault::Invalid("it has a scan of some components whose sampling differs, which is not supported"));
    }
    let codes = Table::of(scan)?;
    let mut split = Split { dc: Vec::new(), ac: vec![Vec::new(); scan.components.len()] };
    for (mut bits, units) in intervals(scan, scan.units(frame)) {
        let mut dc = BitWriter::default();
        let mut ac: Vec<BitWriter> = codes.iter().map(|_| BitWriter::default()).collect();
        for _ in 0..units {
            for &place in &blocks {
                copy_block(&mut bits, &codes[place], &mut dc, &mut ac[place])?;
            }
        }
        split.dc.push(finished(dc));
        for (data, writer) in split.ac.iter_mut().zip(ac) {
            data.push(finished(writer));
        }
    }
    Ok(split)
}

/// A sequential scan as progressive ones.
pub(super) struct Split {
    /// Data of the DC coefficients, one entry for each restart interval.
    pub(super) dc: Vec<Vec<u8>>,
    /// The same of the AC coefficients of each component.
    pub(super) ac: Vec<Vec<Vec<u8>>>,
}

fn finished(mut writer: BitWriter) -> Vec<u8> {
    writer.finish();
    writer.data
}

fn copy_block(bits: &mut Bits<'_>, codes: &Table, dc: &mut BitWriter, ac: &mut BitWriter) -> Result<(), Fault> {
    let copy = |bits: &mut Bits<'_>, symbol: Symbol, size: u32, to: &mut BitWriter| {
        to.put(symbol.code, symbol.length);
        to.put(bits.take(size)?, size);
        Ok(())
    };
    let symbol = bits.symbol(&codes.dc)?;
    copy(bits, symbol, symbol.value.min(16).into(), dc)?;
    let Some(codes) = &codes.ac else { return Ok(()) };
    let mut at = 1;
    while at < 64 {
        let symbol = bits.symbol(codes)?;
        copy(bits, symbol, symbol.size(), ac)?;
        at += match (symbol.run(), symbol.size()) {
            (0, 0) => break,
            (1..15, 0) => return Err(Fault::Invalid("its data have a code that no sequential picture has")),
            (run, _) => run + 1,
        };
    }
    Ok(())
}
