//! The answers of an open-set classifier for probes of members and of strangers.

#![allow(clippy::unwrap_used)]

use vultus_gallery::{Classifier, Gallery, Identification, ImpostorTail, Options, Rejection, dot};

const DIMENSION: usize = 96;

/// A world of people whose photos have a cosine of about 0.6, and strangers who are alike by chance.
struct World(u64);

impl World {
    fn direction(&mut self) -> Vec<f32> {
        let mut next = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        };
        unit((0..DIMENSION).map(|_| next() + next() + next()).collect())
    }

    fn photo(&mut self, face: &[f32]) -> Vec<f32> {
        let noise = self.direction();
        unit(face.iter().zip(&noise).map(|(a, b)| a + 0.8 * b).collect())
    }
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = dot(&vector, &vector).sqrt();
    for value in &mut vector {
        *value /= norm;
    }
    vector
}

fn options() -> Options<String> {
    Options { unknowns: true, impostors: ImpostorTail::default(), rejections: Vec::new(), threads: 2 }
}

fn name(person: usize) -> String {
    format!("person {person:02}")
}

/// A gallery of `people` with `photos` each, and their faces.
fn gallery(world: &mut World, people: usize, photos: usize) -> (Gallery<String>, Vec<Vec<f32>>) {
    let mut gallery = Gallery::new(DIMENSION);
    let faces: Vec<Vec<f32>> = (0..people).map(|_| world.direction()).collect();
    for (person, face) in faces.iter().enumerate() {
        (0..photos).for_each(|_| gallery.insert(name(person), &world.photo(face)));
    }
    (gallery, faces)
}

fn total(found: &Identification<String>) -> f32 {
    found.candidates.iter().map(|candidate| candidate.probability).sum::<f32>() + found.unknown
}

#[test]
fn members_are_named_and_strangers_are_not() {
    let mut world = World(99);
    let (gallery, faces) = gallery(&mut world, 40, 3);
    let classifier = Classifier::fit(&gallery, options());
    let (mut right, mut refused) = (0, 0);
    for (person, face) in faces.iter().enumerate() {
        let found = classifier.classify(&gallery, &world.photo(face), 5);
        right += usize::from(found.answer().is_some_and(|best| best.subject == name(person)));
        assert!(found.candidates.is_sorted_by(|a, b| a.probability >= b.probability));
        let stranger = world.direction();
        let found = classifier.classify(&gallery, &world.photo(&stranger), 5);
        refused += usize::from(found.answer().is_none());
        assert_eq!(found.candidates.len(), 5);
        assert!((0.9..=1.0001).contains(&total(&found)), "{}", total(&found));
    }
    assert!(right >= 39 && refused >= 39, "{right} and {refused} of 40");
}

#[test]
fn without_an_unknown_class_the_best_is_named_and_only_the_confidence_is_low() {
    let mut world = World(5);
    let (gallery, _) = gallery(&mut world, 10, 2);
    let classifier = Classifier::fit(&gallery, Options { unknowns: false, ..options() });
    let found = classifier.classify(&gallery, &world.direction(), 3);
    assert!(found.answer().unwrap().probability < 0.2 && found.unknown > 0.5);
}

#[test]
fn the_smallest_collections_work() {
    let mut world = World(6);
    for (people, photos) in [(1, 1), (1, 3), (2, 1), (2, 2)] {
        let (gallery, faces) = gallery(&mut world, people, photos);
        let classifier = Classifier::fit(&gallery, options());
        let found = classifier.classify(&gallery, &world.photo(&faces[0]), 5);
        let case = format!("{people} people with {photos} photos");
        assert_eq!(found.answer().map(|best| best.subject.clone()), Some(name(0)), "{case}");
        assert!(found.candidates[0].probability > 0.8, "{case}: {found:?}");
        assert_eq!(classifier.classify(&gallery, &world.direction(), 5).answer(), None, "{case}");
    }
    let empty = Gallery::new(DIMENSION);
    let found = Classifier::fit(&empty, options()).classify(&empty, &world.direction(), 5);
    assert_eq!((found.answer(), found.unknown), (None, 1.0));
}

#[test]
fn a_member_added_after_the_fit_is_found_and_a_removed_one_is_not() {
    let mut world = World(7);
    let (mut gallery, faces) = gallery(&mut world, 20, 3);
    let classifier = Classifier::fit(&gallery, options());
    let face = world.direction();
    gallery.insert("new".into(), &world.photo(&face));
    gallery.remove_subject(&name(3));
    let found = classifier.classify(&gallery, &world.photo(&face), 5);
    assert_eq!(found.answer().unwrap().subject, "new");
    assert!(found.candidates[0].probability > 0.8);
    assert_eq!(classifier.classify(&gallery, &world.photo(&faces[3]), 5).answer(), None);
}

#[test]
fn an_unfitted_classifier_already_tells_members_from_strangers() {
    let mut world = World(8);
    let (gallery, faces) = gallery(&mut world, 20, 2);
    let classifier = Classifier::untrained(options(), gallery.subjects());
    assert_eq!(classifier.classify(&gallery, &world.photo(&faces[2]), 5).answer().unwrap().subject, name(2));
    assert_eq!(classifier.classify(&gallery, &world.direction(), 5).answer(), None);
}

#[test]
fn a_rejected_look_alike_is_not_named_again_and_the_subject_still_is() {
    let mut world = World(9);
    let (gallery, faces) = gallery(&mut world, 20, 3);
    // Somebody who looks like person 4, and is taken for that person.
    let twin = unit(faces[4].iter().zip(&world.direction()).map(|(a, b)| a + 0.75 * b).collect());
    let probe = world.photo(&twin);
    let before = Classifier::fit(&gallery, options());
    assert_eq!(before.classify(&gallery, &probe, 5).answer().unwrap().subject, name(4));
    let rejections = vec![Rejection { subject: name(4), probe: probe.clone() }];
    let after = Classifier::fit(&gallery, Options { rejections, ..options() });
    assert_eq!(after.classify(&gallery, &probe, 5).answer(), None);
    assert_eq!(after.classify(&gallery, &world.photo(&faces[4]), 5).answer().unwrap().subject, name(4));
    assert_eq!(after.classify(&gallery, &world.photo(&faces[5]), 5).answer().unwrap().subject, name(5));
}

#[test]
fn two_members_who_are_the_same_person_share_the_confidence() {
    let mut world = World(10);
    let (mut gallery, faces) = gallery(&mut world, 10, 2);
    for _ in 0..2 {
        gallery.insert("again".into(), &world.photo(&faces[0]));
    }
    let found = Classifier::fit(&gallery, options()).classify(&gallery, &world.photo(&faces[0]), 5);
    let two = [&found.candidates[0], &found.candidates[1]];
    assert!(two.iter().all(|candidate| candidate.subject == name(0) || candidate.subject == "again"));
    assert!(two.iter().all(|candidate| candidate.probability < 0.99) && found.unknown < 0.2, "{found:?}");
}

#[test]
fn a_fit_is_the_same_every_time_and_survives_being_stored() {
    let mut world = World(11);
    let (gallery, faces) = gallery(&mut world, 12, 2);
    let stored = serde_json::to_string(&Classifier::fit(&gallery, options())).unwrap();
    assert_eq!(stored, serde_json::to_string(&Classifier::fit(&gallery, options())).unwrap());
    let restored: Classifier<String> = serde_json::from_str(&stored).unwrap();
    let probe = world.photo(&faces[1]);
    let fitted = Classifier::fit(&gallery, options());
    assert_eq!(restored.classify(&gallery, &probe, 3), fitted.classify(&gallery, &probe, 3));
}

#[test]
fn several_probes_at_once_get_the_answers_of_each() {
    let mut world = World(12);
    let (gallery, faces) = gallery(&mut world, 12, 2);
    let classifier = Classifier::fit(&gallery, options());
    let probes: Vec<Vec<f32>> = faces.iter().map(|face| world.photo(face)).collect();
    let slices: Vec<&[f32]> = probes.iter().map(Vec::as_slice).collect();
    let each: Vec<_> = slices.iter().map(|probe| classifier.classify(&gallery, probe, 2)).collect();
    assert_eq!(classifier.classify_many(&gallery, &slices, 2, 2), each);
    assert!(each.iter().all(|found| found.candidates.len() == 2));
}

#[test]
fn a_subject_is_scored_without_a_gallery_as_within_one() {
    let mut world = World(13);
    let faces: Vec<Vec<f32>> = (0..12).map(|_| world.direction()).collect();
    let photos: Vec<Vec<Vec<f32>>> =
        faces.iter().enumerate().map(|(at, face)| (0..=at).map(|_| world.photo(face)).collect()).collect();
    let mut gallery = Gallery::new(DIMENSION);
    for (at, photos) in photos.iter().enumerate() {
        photos.iter().for_each(|photo| gallery.insert(name(at), photo));
    }
    let mut options = options();
    options.rejections = vec![Rejection { subject: name(4), probe: photos[4][0].clone() }];
    let classifier = Classifier::fit(&gallery, options);
    let probes = [world.photo(&faces[11]), world.direction(), photos[4][0].clone()];
    let slices: Vec<&[f32]> = probes.iter().map(Vec::as_slice).collect();
    let mut scored = vec![Vec::new(); probes.len()];
    for (at, photos) in photos.iter().enumerate() {
        let photos: Vec<&[f32]> = photos.iter().map(Vec::as_slice).collect();
        for (scored, one) in scored.iter_mut().zip(classifier.score(&name(at), &photos, &slices)) {
            scored.push(one);
        }
    }
    assert!(classifier.score(&name(0), &[], &slices).is_empty(), "nobody without embeddings");
    for (probe, scored) in slices.iter().zip(scored) {
        let (found, expected) = (classifier.identify(scored, 12, 9), classifier.classify(&gallery, probe, 9));
        assert!((found.unknown - expected.unknown).abs() < 1e-3);
        assert_eq!(found.candidates.len(), 9);
        for (found, expected) in found.candidates.iter().zip(&expected.candidates) {
            assert_eq!(found.subject, expected.subject);
            assert!((found.probability - expected.probability).abs() < 1e-3);
            assert!((found.cosine - expected.cosine).abs() < 1e-3);
        }
    }
}
