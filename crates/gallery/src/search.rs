//! From scores of rows to the most similar subjects.

use std::ops::Range;

use crate::approximate::{Sketches, weights};
use crate::distance::BLOCK_ROWS;
use crate::exact::{Hit, Top, scan_rows};
use crate::rows::{Probe, Rows};

/// Least number of rows to compare in full precision.
const RANKED: usize = 64;
/// Probes that a search compares together: their results fit in the second-level cache.
const BATCH: usize = 16;
/// Least rows for a thread of its own. An exact scan takes half a millisecond for them.
const WORTH_A_THREAD: usize = 16_384;

/// What a search needs to see of a gallery.
#[derive(Clone, Copy)]
pub(crate) struct Search<'a> {
    pub rows: &'a Rows,
    /// `None` for an exact search.
    pub sketches: Option<&'a Sketches>,
    /// Position of the subject of each row.
    pub owners: &'a [u32],
    /// Order of arrival of the subjects.
    pub arrivals: &'a [u64],
    /// Subjects to find.
    pub limit: usize,
}

/// The position of a subject and the cosine of its best row.
pub(crate) type Found = (u32, f32);

impl Search<'_> {
    /// The most similar subjects for each probe, best first.
    pub fn many(&self, probes: &[&[f32]], threads: usize) -> Vec<Vec<Found>> {
        let probes: Vec<Probe<'_>> = probes.iter().map(|values| Probe::new(values)).collect();
        let wanted = self.limit.min(self.arrivals.len());
        if wanted == 0 {
            return vec![Vec::new(); probes.len()];
        }
        let threads = threads.max(1);
        if probes.len() < 2 * threads {
            return self.batches(&probes, wanted, threads);
        }
        std::thread::scope(|scope| {
            let parts = probes.chunks(probes.len().div_ceil(threads));
            let parts: Vec<_> = parts.map(|part| scope.spawn(move || self.batches(part, wanted, 1))).collect();
            parts.into_iter().flat_map(joined).collect()
        })
    }

    fn batches(&self, probes: &[Probe<'_>], wanted: usize, threads: usize) -> Vec<Vec<Found>> {
        let found = |batch| {
            let batch: Vec<&Probe<'_>> = <[Probe<'_>]>::iter(batch).collect();
            self.batch(&batch, wanted, RANKED.max(4 * wanted), threads)
        };
        probes.chunks(BATCH).flat_map(found).collect()
    }

    /// Compares the best `count` rows in full precision. Takes more rows if those have too few subjects, or if a row
    /// that was left out could belong to the result.
    fn batch(&self, probes: &[&Probe<'_>], wanted: usize, count: usize, threads: usize) -> Vec<Vec<Found>> {
        let tops = match self.sketches {
            Some(sketches) => self.shortlisted(sketches, probes, count, threads),
            None => self.parts(probes.len(), count, threads, |range, tops| scan_rows(self.rows, range, probes, tops)),
        };
        let found = probes.iter().zip(tops).map(|(probe, top)| {
            let (hits, floor) = top.finish();
            let complete = hits.len() == self.rows.len();
            let found = self.rank(probe, &hits);
            let surely = |last: &Found| last.1 >= floor + self.rows.margin();
            if complete || found.get(wanted - 1).is_some_and(surely) {
                return found;
            }
            let more = Search { sketches: self.sketches.filter(|_| found.len() >= wanted), ..*self };
            more.batch(&[probe], wanted, count * 4, threads).pop().unwrap_or_default()
        });
        found.map(|found| found.into_iter().take(wanted).collect()).collect()
    }

    /// The best `count` rows by the coarse plane among those with the best sketches.
    fn shortlisted(&self, sketches: &Sketches, probes: &[&Probe<'_>], count: usize, threads: usize) -> Vec<Top> {
        let sketched: Vec<_> = probes.iter().map(|probe| weights(&sketches.sketcher, probe.values)).collect();
        let length = sketches.shortlist(count, self.rows.len());
        let tops = self.parts(probes.len(), length, threads, |range, tops| sketches.scan(range, &sketched, tops));
        let coarse = |(probe, top): (&&Probe<'_>, Top)| {
            let mut best = Top::new(count);
            let (mut product, mut cosine) = ([0], [0.0]);
            for hit in top.finish().0 {
                self.rows.coarse_cosines(hit.slot as usize, probe, &mut product, &mut cosine);
                best.offer(hit.slot as usize, cosine[0]);
            }
            best
        };
        probes.iter().zip(tops).map(coarse).collect()
    }

    /// Runs `scan` over all rows and puts the results together. Uses several threads if that pays.
    fn parts<F>(&self, probes: usize, count: usize, threads: usize, scan: F) -> Vec<Top>
    where
        F: Fn(Range<usize>, &mut [Top]) + Sync,
    {
        let rows = self.rows.len();
        let part = |range: Range<usize>| {
            let mut tops: Vec<Top> = (0..probes).map(|_| Top::new(count)).collect();
            scan(range, &mut tops);
            tops
        };
        let share = rows.div_ceil(threads).next_multiple_of(BLOCK_ROWS).max(WORTH_A_THREAD);
        if share >= rows {
            return part(0..rows);
        }
        std::thread::scope(|scope| {
            let part = &part;
            let ranges = (0..rows).step_by(share).map(|start| start..rows.min(start + share));
            let parts: Vec<_> = ranges.map(|range| scope.spawn(move || part(range))).collect();
            let merge = |mut all: Vec<Top>, tops: Vec<Top>| {
                all.iter_mut().zip(tops).for_each(|(all, top)| all.merge(top));
                all
            };
            parts.into_iter().map(joined).reduce(merge).unwrap_or_default()
        })
    }

    /// The subjects of the rows with the cosine of their best row, best first, then in the order of their arrival.
    fn rank(&self, probe: &Probe<'_>, hits: &[Hit]) -> Vec<Found> {
        let found = |hit: &Hit| (self.owners[hit.slot as usize], self.rows.cosine(hit.slot as usize, probe));
        let mut found: Vec<Found> = hits.iter().map(found).collect();
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        found.dedup_by_key(|found| found.0);
        let arrival = |found: &Found| self.arrivals[found.0 as usize];
        found.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(arrival(a).cmp(&arrival(b))));
        found
    }
}

/// The result of a thread. If the thread panicked, the panic continues here.
pub(crate) fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
