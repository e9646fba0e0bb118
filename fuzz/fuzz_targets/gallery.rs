//! Any file is a gallery or an error, and a gallery that was read can be searched, changed and saved.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vultus_gallery::Gallery;

fn load(mut file: &[u8]) -> Option<Gallery<u16>> {
    Gallery::load(&mut file, b"", |bytes| bytes.try_into().ok().map(u16::from_le_bytes)).ok()
}

fn save(gallery: &Gallery<u16>) -> Vec<u8> {
    let mut file = Vec::new();
    gallery.save(&mut file, b"", |subject, bytes| bytes.extend(subject.to_le_bytes())).expect("memory takes it");
    file
}

fuzz_target!(|file: &[u8]| {
    let Some(mut gallery) = load(file) else { return };
    let again = load(&save(&gallery)).expect("what is saved can be read");
    let mut probe = vec![0.0; gallery.dimension()];
    probe.iter_mut().step_by(3).for_each(|value| *value = 0.5);
    let found = gallery.search_many(&[&probe], 5, 2);
    assert_eq!(again.search_many(&[&probe], 5, 2), found);
    assert_eq!(found[0].len(), gallery.subjects().min(5));
    gallery.put(1, 7, &probe);
    assert_eq!(gallery.keys_of(&7).next(), Some(1));
    gallery.remove_subject(&7);
    gallery.search_exactly(&[&probe], 5, 1);
});
