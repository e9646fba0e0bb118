//! How similar photos of other people are to each subject.

use std::hash::Hash;

use crate::evidence::Portrait;
use crate::gallery::Gallery;
use crate::prior::spread;
use crate::rows::{Probe, Rows};

/// The part of the cosines that makes a tail. Any part from a twentieth to a fifth has the same result.
pub(crate) const SHARE: f64 = 0.1;
/// Embeddings that every subject is compared with.
const COHORT: usize = 1_000;
/// A tail has at least this many cosines, if so many exist.
const SMALLEST: usize = 3;
/// The weight of the model's tail, as a number of cosines beside those of the collection.
const PRIOR_COUNT: f32 = 2.0;
/// Subjects that are compared at a time.
const BLOCK: usize = 64;

/// For each subject of a gallery, the mean of the highest cosines between its mean embedding and embeddings of other
/// people, drawn towards `usual` where there are few.
pub(crate) fn tails<S: Clone + Eq + Hash + Sync>(
    gallery: &Gallery<S>,
    usual_tightness: f32,
    usual: f32,
    threads: usize,
) -> Vec<f32> {
    let cohort = spread(gallery.len(), COHORT);
    let values: Vec<Vec<f32>> = cohort.iter().map(|slot| gallery.rows.values(*slot).collect()).collect();
    let probes: Vec<(u32, Probe<'_>)> =
        cohort.iter().zip(&values).map(|(slot, values)| (gallery.members.owners[*slot], Probe::new(values))).collect();
    let subjects: Vec<u32> = (0..gallery.subjects() as u32).collect();
    let share = subjects.len().div_ceil(threads.max(1)).max(BLOCK);
    let probes = &probes;
    std::thread::scope(|scope| {
        let part = |subjects: &'_ [u32]| -> Vec<f32> {
            let blocks = subjects.chunks(BLOCK);
            blocks.flat_map(|block| block_tails(gallery, block, probes, usual_tightness, usual)).collect()
        };
        let parts: Vec<_> = subjects.chunks(share).map(|subjects| scope.spawn(move || part(subjects))).collect();
        parts.into_iter().flat_map(crate::search::joined).collect()
    })
}

/// The tails of neighbouring subjects.
fn block_tails<S: Clone + Eq + Hash>(
    gallery: &Gallery<S>,
    subjects: &[u32],
    cohort: &[(u32, Probe<'_>)],
    usual_tightness: f32,
    usual: f32,
) -> Vec<f32> {
    let mut means = Rows::new(gallery.dimension);
    for subject in subjects {
        let mean = Portrait::new(gallery, *subject, None, usual_tightness).map(|portrait| portrait.mean());
        means.push(&mean.unwrap_or_else(|| vec![0.0; gallery.dimension]));
    }
    let (mut products, mut cosines) = ([0; BLOCK], [0.0; BLOCK]);
    let mut columns = vec![Vec::with_capacity(cohort.len()); subjects.len()];
    for (owner, probe) in cohort {
        means.coarse_cosines(0, probe, &mut products, &mut cosines[..subjects.len()]);
        for ((column, cosine), subject) in columns.iter_mut().zip(cosines).zip(subjects) {
            if subject != owner {
                column.push(cosine);
            }
        }
    }
    columns.into_iter().map(|column| tail(column, usual)).collect()
}

fn tail(mut cosines: Vec<f32>, usual: f32) -> f32 {
    let count = ((cosines.len() as f64 * SHARE) as usize).max(SMALLEST).min(cosines.len());
    if count < cosines.len() {
        cosines.select_nth_unstable_by(count, |a, b| b.total_cmp(a));
    }
    (cosines[..count].iter().sum::<f32>() + PRIOR_COUNT * usual) / (count as f32 + PRIOR_COUNT)
}
