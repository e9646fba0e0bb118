//! The answers of a gallery, compared with a plain search through everything.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use vultus_gallery::{Candidate, Gallery, dot};

fn unit(angle: f32) -> [f32; 2] {
    [angle.cos(), angle.sin()]
}

/// Vectors of unit length that are the same in every run.
fn vectors(count: usize, dimension: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    let vector = |_| normal((0..dimension).map(|_| next() + next() + next()).collect());
    (0..count).map(vector).collect()
}

fn normal(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = dot(&vector, &vector).sqrt();
    for value in &mut vector {
        *value /= norm;
    }
    vector
}

#[test]
fn a_subject_counts_once_with_its_best_embedding() {
    let mut gallery = Gallery::new(2);
    for (subject, angle) in [("ann", 1.0), ("bob", 0.3), ("ann", 0.1), ("cid", 2.0)] {
        gallery.insert(subject, &unit(angle));
    }
    let found = gallery.search(&unit(0.0), 2);
    assert_eq!(found.iter().map(|c| c.subject).collect::<Vec<_>>(), ["ann", "bob"]);
    assert!((found[0].cosine - 0.1f32.cos()).abs() < 1e-4);
    assert_eq!((gallery.len(), gallery.subjects(), gallery.search(&unit(0.0), 9).len()), (4, 3, 3));
}

#[test]
fn an_empty_gallery_knows_nobody() {
    let mut gallery = Gallery::<u32>::new(2);
    assert!(gallery.is_empty());
    assert_eq!(gallery.search(&unit(0.0), 5), []);
    gallery.insert(1, &unit(1.0));
    assert_eq!(gallery.search(&unit(0.0), 0), []);
    assert_eq!(gallery.remove_subject(&1), 1);
    assert_eq!(gallery.search(&unit(0.0), 5), []);
}

#[test]
fn equal_cosines_come_in_the_order_of_arrival_whatever_was_removed_before() {
    let mut gallery = Gallery::new(2);
    (0..6).for_each(|subject| gallery.insert(subject, &unit(0.5)));
    gallery.remove_subject(&1);
    gallery.insert(1, &unit(0.5));
    let found: Vec<_> = gallery.search(&unit(0.0), 9).into_iter().map(|c| c.subject).collect();
    assert_eq!(found, [0, 2, 3, 4, 5, 1]);
}

#[test]
fn one_subject_with_most_of_the_embeddings_does_not_hide_the_others() {
    let mut gallery = Gallery::new(2);
    (0..3_000).for_each(|at| gallery.insert("crowd", &unit(at as f32 * 1e-5)));
    gallery.insert("ann", &unit(1.0));
    gallery.insert("bob", &unit(1.5));
    let found: Vec<_> = gallery.search(&unit(0.0), 3).into_iter().map(|c| c.subject).collect();
    assert_eq!(found, ["crowd", "ann", "bob"]);
}

#[test]
fn a_put_replaces_the_embedding_with_the_key_even_of_somebody_else() {
    let mut gallery = Gallery::new(2);
    gallery.put(7, "ann", &unit(0.0));
    gallery.put(8, "ann", &unit(2.0));
    gallery.put(7, "bob", &unit(0.1));
    assert_eq!((gallery.len(), gallery.subjects()), (2, 2));
    assert_eq!(gallery.search(&unit(0.0), 1)[0].subject, "bob");
    assert_eq!(gallery.keys_of(&"ann").collect::<Vec<_>>(), [8]);
    assert!(dot(&gallery.embedding(8).unwrap(), &unit(2.0)) > 0.9999);
    assert!(gallery.remove(7) && !gallery.remove(7));
    assert_eq!((gallery.subjects(), gallery.embedding(7)), (1, None));
}

#[test]
#[should_panic(expected = "of its model")]
fn a_probe_of_another_model_is_refused() {
    Gallery::<u32>::new(2).search(&[1.0; 3], 1);
}

#[test]
fn threads_and_batches_do_not_change_the_answer() {
    let mut gallery = Gallery::new(32);
    let people = vectors(40_000, 32, 3);
    people.iter().enumerate().for_each(|(at, vector)| gallery.insert(at / 3, vector));
    let probes = vectors(40, 32, 4);
    let probes: Vec<&[f32]> = probes.iter().map(Vec::as_slice).collect();
    let one: Vec<Vec<Candidate<usize>>> = probes.iter().map(|probe| gallery.search(probe, 5)).collect();
    assert_eq!(gallery.search_many(&probes, 5, 3), one);
    assert_eq!(gallery.search_many(&probes[..1], 5, 3), one[..1]);
}

#[derive(Debug, Clone)]
enum Change {
    Put(u128, u8, usize),
    Remove(u128),
    RemoveSubject(u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (0u128..40, 0u8..12, 0usize..50).prop_map(|(key, subject, vector)| Change::Put(key, subject, vector)),
        2 => (0u128..40).prop_map(Change::Remove),
        1 => (0u8..12).prop_map(Change::RemoveSubject),
    ]
}

proptest! {
    #[test]
    fn after_any_changes_a_search_finds_what_is_there(changes in prop::collection::vec(change(), 0..120), limit in 1usize..15) {
        let (pool, mut gallery, mut rows) = (vectors(50, 24, 1), Gallery::new(24), BTreeMap::new());
        for change in changes {
            match change {
                Change::Put(key, subject, vector) => {
                    gallery.put(key, subject, &pool[vector]);
                    rows.insert(key, (subject, vector));
                }
                Change::Remove(key) => prop_assert_eq!(gallery.remove(key), rows.remove(&key).is_some()),
                Change::RemoveSubject(subject) => {
                    let before = rows.len();
                    rows.retain(|_, row| row.0 != subject);
                    prop_assert_eq!(gallery.remove_subject(&subject), before - rows.len());
                }
            }
        }
        prop_assert_eq!(gallery.len(), rows.len());
        for probe in &vectors(4, 24, 2) {
            let mut best = BTreeMap::new();
            for (subject, vector) in rows.values() {
                let best = best.entry(*subject).or_insert(-1.0f32);
                *best = best.max(dot(&pool[*vector], probe));
            }
            let mut plain: Vec<_> = best.into_iter().collect();
            plain.sort_by(|a, b| b.1.total_cmp(&a.1));
            let found = gallery.search(probe, limit);
            prop_assert_eq!(gallery.subjects(), plain.len());
            prop_assert_eq!(found.len(), limit.min(plain.len()));
            for (found, plain) in found.iter().zip(&plain) {
                prop_assert!((found.cosine - plain.1).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn the_first_candidate_is_the_nearest(angles in prop::collection::vec(0.0f32..3.1, 1..40), probe in 0.0f32..3.1) {
        let mut gallery = Gallery::new(2);
        angles.iter().enumerate().for_each(|(i, &angle)| gallery.insert(i, &unit(angle)));
        let first = &gallery.search(&unit(probe), 1)[0];
        let nearest = angles.iter().map(|angle| (angle - probe).abs()).fold(f32::INFINITY, f32::min);
        prop_assert!((first.cosine - nearest.cos()).abs() < 1e-4);
    }
}

/// Vectors that fill 40 of 128 axes, as those of a face model fill a part of theirs.
fn face_like(count: usize, seed: u64) -> Vec<Vec<f32>> {
    let axes = vectors(40, 128, 77);
    let mix = |weights: Vec<f32>| {
        let at = |at: usize| axes.iter().zip(&weights).map(|(axis, weight)| axis[at] * weight).sum();
        normal((0..128).map(at).collect())
    };
    vectors(count, 40, seed).into_iter().map(mix).collect()
}

#[test]
fn an_index_keeps_the_answers_through_changes() {
    let mut gallery = Gallery::new(128);
    let people = face_like(50_500, 5);
    assert!(gallery.training().is_none(), "a small gallery is searched exactly");
    people[..50_000].iter().enumerate().for_each(|(at, vector)| gallery.put(at as u128, at, vector));
    gallery.index(2);
    assert!(gallery.is_indexed() && gallery.training().is_none());
    (0..1_000).for_each(|at| assert!(gallery.remove(at * 31)));
    people[50_000..].iter().enumerate().for_each(|(at, vector)| gallery.put(1 << 40 | at as u128, 50_000 + at, vector));
    let noise = face_like(400, 6);
    let probes: Vec<Vec<f32>> = noise
        .iter()
        .enumerate()
        .map(|(at, noise)| normal(people[at * 126].iter().zip(noise).map(|(a, b)| 0.7 * a + 0.7 * b).collect()))
        .collect();
    let probes: Vec<&[f32]> = probes.iter().map(Vec::as_slice).collect();
    let (found, exact) = (gallery.search_many(&probes, 1, 2), gallery.search_exactly(&probes, 1, 2));
    let same = found.iter().zip(&exact).filter(|(found, exact)| found == exact).count();
    assert!(same >= 398, "{same} of 400");
    let new = gallery.search(&people[50_499], 1).pop().unwrap();
    assert!(new.subject == 50_499 && new.cosine > 0.999);
}
