//! Search, index, changes, snapshot and fit on galleries of face-like embeddings.
//!
//! `cargo bench -p vultus-gallery --bench scale -- [embeddings ...]` (default 10,000, 100,000 and 1,000,000) prints a
//! table. The embeddings are synthetic (`faces/`). Every person has two photos in the gallery. Probes are further photos of
//! them. Recall is against the exact search of the same gallery. With `--write DIR`, gallery and probes are also written
//! there: see `benches/search/compare.py`.

#![allow(clippy::print_stdout, missing_docs)]

mod faces;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use faces::{DIMENSION, Random, World};
use vultus_gallery::{Classifier, Gallery, ImpostorTail, Options, dot};

const PROBES: usize = 2_000;
const THREADS: usize = 2;

/// Runs `search` for every probe and describes how long it took. The least time is the time without load by other
/// programs.
fn times(probes: &[Vec<f32>], mut search: impl FnMut(&[f32])) -> String {
    let mut times: Vec<Duration> = probes.iter().map(|probe| timed(|| search(probe)).1).collect();
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    format!("least {:.2} ms, p50 {:.2} ms, p99 {:.2} ms", at(0.0), at(0.5), at(0.99))
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

fn run(world: &World, size: usize, folder: Option<&Path>) {
    let mut gallery = Gallery::new(DIMENSION);
    let mut adding = Duration::ZERO;
    for at in 0..size {
        let photo = world.photo(at / 2, at % 2);
        adding += timed(|| gallery.insert((at / 2) as u32, &photo)).1;
    }
    println!("\n{size} embeddings of {} people; adding one {:.1} us", gallery.subjects(), per(adding, size));
    let mut random = Random(77);
    let persons: Vec<usize> = (0..PROBES).map(|_| (random.next() >> 20) as usize % (size / 2)).collect();
    let probes: Vec<Vec<f32>> = persons.iter().map(|person| world.photo(*person, 2)).collect();
    if let Some(folder) = folder {
        let photos = (0..size).map(|at| world.photo(at / 2, at % 2));
        write(&folder.join("gallery.f32"), photos).expect("the vectors are written");
        write(&folder.join("probes.f32"), probes.iter().cloned()).expect("the probes are written");
    }
    let few = &probes[..(20_000_000 / size).clamp(60, PROBES)];
    for threads in [1, THREADS] {
        let times = times(few, |probe| _ = gallery.search_exactly(&[probe], 5, threads));
        println!("  exact, {threads} thread(s): {times}");
    }
    let slices: Vec<&[f32]> = probes.iter().map(Vec::as_slice).collect();
    let (exact, time) = timed(|| gallery.search_exactly(&slices, 5, THREADS));
    println!("  exact, {PROBES} at once, {THREADS} threads: {:.2} ms each", per(time, PROBES) / 1e3);
    let right = exact.iter().zip(&persons).filter(|(found, person)| found[0].subject == **person as u32).count();
    println!("  rank-1 {:.4}", right as f64 / PROBES as f64);
    recall_of_plain_search(world, size, &slices, &exact);
    index(&mut gallery, &probes, &slices, &exact);
    changes(world, &mut gallery, size);
    snapshot(&gallery);
    if size <= 100_000 {
        fit(&gallery, &probes);
    }
}

/// Compares with the plainest search there is, in 32-bit floats.
fn recall_of_plain_search(
    world: &World,
    size: usize,
    probes: &[&[f32]],
    exact: &[Vec<vultus_gallery::Candidate<u32>>],
) {
    if size > 100_000 {
        return;
    }
    let mut best = vec![(f32::MIN, 0); 200];
    for at in 0..size {
        let photo = world.photo(at / 2, at % 2);
        for (best, probe) in best.iter_mut().zip(probes) {
            let cosine = dot(&photo, probe);
            if cosine > best.0 {
                *best = (cosine, (at / 2) as u32);
            }
        }
    }
    let same = best.iter().zip(exact).filter(|(best, exact)| best.1 == exact[0].subject).count();
    println!("  exact against 32-bit floats: recall@1 {:.4}", same as f64 / best.len() as f64);
}

fn index(
    gallery: &mut Gallery<u32>,
    probes: &[Vec<f32>],
    slices: &[&[f32]],
    exact: &[Vec<vultus_gallery::Candidate<u32>>],
) {
    let Some(training) = gallery.training() else { return };
    let (trained, training) = timed(|| training.run());
    let ((), adopting) = timed(|| gallery.adopt(trained, THREADS));
    println!("  index: computed in {training:.2?}, adopted in {adopting:.2?}, in use: {}", gallery.is_indexed());
    for threads in [1, THREADS] {
        let times = times(probes, |probe| _ = gallery.search_many(&[probe], 5, threads));
        println!("  approximate, {threads} thread(s): {times}");
    }
    let (found, time) = timed(|| gallery.search_many(slices, 5, THREADS));
    println!("  approximate, {PROBES} at once, {THREADS} threads: {:.2} ms each", per(time, PROBES) / 1e3);
    let same = found.iter().zip(exact).filter(|(found, exact)| found[0] == exact[0]).count();
    let all = found.iter().zip(exact).filter(|(found, exact)| found == exact).count();
    let share = |count: usize| count as f64 / PROBES as f64;
    println!("  approximate: recall@1 {:.4}, the same five candidates {:.4}", share(same), share(all));
}

fn changes(world: &World, gallery: &mut Gallery<u32>, size: usize) {
    const CHANGES: usize = 2_000;
    let photos: Vec<Vec<f32>> = (0..CHANGES).map(|at| world.photo(at * 7 % size, 3)).collect();
    let ((), time) = timed(|| {
        for (at, photo) in photos.iter().enumerate() {
            gallery.remove((at * 5) as u128);
            gallery.put((size + at) as u128, at as u32, photo);
        }
    });
    println!("  removing one and adding one: {:.1} us", per(time, CHANGES));
}

fn snapshot(gallery: &Gallery<u32>) {
    let path = std::env::temp_dir().join(format!("vultus-gallery-bench-{}", gallery.len()));
    let encode = |subject: &u32, bytes: &mut Vec<u8>| bytes.extend_from_slice(&subject.to_le_bytes());
    let decode = |bytes: &[u8]| bytes.try_into().ok().map(u32::from_le_bytes);
    let (saved, saving) = timed(|| gallery.save(&mut std::fs::File::create(&path)?, b"bench", encode));
    let loading = saved.and_then(|()| std::fs::File::open(&path)).map(|mut file| {
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        (timed(|| Gallery::load(&mut file, b"bench", decode)), bytes)
    });
    if let Ok(((Ok(loaded), loading), bytes)) = loading {
        assert_eq!(loaded.len(), gallery.len());
        println!("  snapshot: {} MB, saved in {saving:.2?}, loaded in {loading:.2?}", bytes / 1_000_000);
    }
    _ = std::fs::remove_file(path);
}

fn fit(gallery: &Gallery<u32>, probes: &[Vec<f32>]) {
    let options =
        Options { unknowns: true, impostors: ImpostorTail::default(), rejections: Vec::new(), threads: THREADS };
    let (classifier, time) = timed(|| Classifier::fit(gallery, options));
    let times = times(probes, |probe| _ = classifier.classify(gallery, probe, 5));
    println!("  fit: {time:.2?}; classify: {times}");
}

/// Writes vectors one behind the other, for other programs to search.
fn write(path: &Path, vectors: impl Iterator<Item = Vec<f32>>) -> io::Result<()> {
    let mut file = io::BufWriter::new(std::fs::File::create(path)?);
    for vector in vectors {
        let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
        file.write_all(&bytes)?;
    }
    file.flush()
}

/// Microseconds for each of `count`.
fn per(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![10_000, 100_000, 1_000_000] } else { sizes };
    let folder = std::env::args().skip_while(|argument| argument != "--write").nth(1).map(PathBuf::from);
    let world = World::new();
    for size in sizes {
        run(&world, size, folder.as_deref());
    }
}
