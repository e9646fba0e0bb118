use std::io::{Read as _, Write as _};

use proptest::prelude::*;
use vultus_store::Kind;

use super::*;

fn account(number: u8) -> Id {
    Id::new(Kind::Account, 1, [number; 8])
}

fn keyring() -> Keyring {
    Keyring::new(vec![1; 32], Vec::new())
}

fn key() -> DataKey {
    DataKey::generate(&keyring(), account(1)).unwrap().0
}

const LABEL: (&str, &[u8]) = ("embedding", b"one");

fn label(account: Id, (kind, id): (&'static str, &'static [u8])) -> Label<'static> {
    Label { account, kind, id }
}

/// Labels that differ from the one of account 1 in one part each, or in where its parts end.
fn others() -> [Label<'static>; 6] {
    [
        label(account(2), LABEL),
        label(account(1), ("rejection", b"one")),
        label(account(1), ("embedding", b"two")),
        label(account(1), ("embedding", b"")),
        label(account(1), ("embeddin", b"gone")),
        label(account(1), ("embedding", b"one\0")),
    ]
}

fn seal_file(key: &DataKey, content: &[u8], piece: usize) -> Vec<u8> {
    let mut sealer = Sealer::new(key, &label(account(1), LABEL), Vec::new()).unwrap();
    content.chunks(piece).for_each(|piece| sealer.write_all(piece).unwrap());
    sealer.flush().unwrap();
    sealer.finish().unwrap()
}

fn open_file(key: &DataKey, label: &Label<'_>, file: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    Opener::new(key, label, file)?.read_to_end(&mut content)?;
    Ok(content)
}

proptest! {
    #[test]
    fn content_comes_back_only_under_its_own_label(content in prop::collection::vec(any::<u8>(), 0..3000)) {
        let key = key();
        let own = label(account(1), LABEL);
        let sealed = key.seal(&own, &content).unwrap();
        prop_assert_eq!(sealed.len(), content.len() + OVERHEAD_BYTES);
        prop_assert_eq!(key.open(&own, &sealed), Ok(content));
        for other in others() {
            prop_assert_eq!(key.open(&other, &sealed), Err(Refusal::Content));
        }
    }

    #[test]
    fn a_bit_that_flips_and_an_end_that_is_cut_off_are_noticed(
        content in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let key = key();
        let own = label(account(1), LABEL);
        let sealed = key.seal(&own, &content).unwrap();
        let at = at.index(sealed.len());
        let mut changed = sealed.clone();
        changed[at] ^= 1 << bit;
        prop_assert!(key.open(&own, &changed).is_err());
        prop_assert!(key.open(&own, &sealed[..at]).is_err());
        prop_assert!(key.open(&own, &[&sealed[..], &[0]].concat()).is_err());
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let own = label(account(1), LABEL);
        prop_assert!(key().open(&own, &bytes).is_err());
        prop_assert!(DataKey::unwrap(&keyring(), account(1), &bytes).is_err());
        prop_assert!(open_file(&key(), &own, &bytes).is_err());
    }

    #[test]
    fn a_wrapped_key_is_of_one_account_and_whole(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let (_, wrapped) = DataKey::generate(&keyring(), account(1)).unwrap();
        prop_assert_eq!(wrapped.len(), WRAPPED_BYTES);
        prop_assert_eq!(DataKey::unwrap(&keyring(), account(2), &wrapped).err(), Some(Refusal::Content));
        let at = at.index(wrapped.len());
        let mut changed = wrapped.clone();
        changed[at] ^= 1 << bit;
        prop_assert!(DataKey::unwrap(&keyring(), account(1), &changed).is_err());
        prop_assert!(DataKey::unwrap(&keyring(), account(1), &wrapped[..at]).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn files_come_back_whatever_the_pieces_they_are_written_in(
        length in prop_oneof![0..200_000_usize, Just(65_536), Just(131_072), 65_530..65_540_usize],
        piece in 1..100_000_usize,
    ) {
        let key = key();
        let content: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let file = seal_file(&key, &content, piece);
        prop_assert!(open_file(&key, &label(account(1), LABEL), &file).unwrap() == content);
        for other in others() {
            prop_assert!(open_file(&key, &other, &file).is_err());
        }
    }

    #[test]
    fn files_that_are_cut_off_changed_or_rearranged_are_noticed(
        at in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let key = key();
        let own = label(account(1), LABEL);
        let file = seal_file(&key, &vec![7; 150_000], 4096);
        let at = at.index(file.len());
        let mut changed = file.clone();
        changed[at] ^= 1 << bit;
        prop_assert!(open_file(&key, &own, &changed).is_err());
        prop_assert!(open_file(&key, &own, &file[..at]).is_err());
        // After the first and after the second chunk, and with the two in each other's place.
        let (header, chunk) = (24, 65_552);
        prop_assert!(open_file(&key, &own, &file[..header + chunk]).is_err());
        prop_assert!(open_file(&key, &own, &file[..header + 2 * chunk]).is_err());
        let (first, second) = file[header..header + 2 * chunk].split_at(chunk);
        let rearranged = [&file[..header], second, first, &file[header + 2 * chunk..]].concat();
        prop_assert!(open_file(&key, &own, &rearranged).is_err());
    }
}

#[test]
fn another_data_key_of_the_same_account_opens_nothing() {
    let own = label(account(1), LABEL);
    let sealed = key().seal(&own, b"content").unwrap();
    assert_eq!(key().open(&own, &sealed), Err(Refusal::Key));
    let file = seal_file(&key(), b"content", 100);
    assert!(open_file(&key(), &own, &file).is_err());
}

#[test]
fn the_same_content_is_never_sealed_to_the_same_bytes() {
    let (key, own) = (key(), label(account(1), LABEL));
    assert_ne!(key.seal(&own, b"content").unwrap(), key.seal(&own, b"content").unwrap());
    assert_ne!(seal_file(&key, b"content", 100), seal_file(&key, b"content", 100));
}

#[test]
fn a_new_secret_opens_what_was_sealed_before_and_rewraps_the_key_once() {
    let own = label(account(1), LABEL);
    let (key, wrapped) = DataKey::generate(&keyring(), account(1)).unwrap();
    let sealed = key.seal(&own, b"content").unwrap();
    let during = Keyring::new(vec![2; 32], vec![vec![1; 32]]);
    let after = Keyring::new(vec![2; 32], Vec::new());
    assert_eq!(DataKey::unwrap(&during, account(1), &wrapped).unwrap().open(&own, &sealed).unwrap(), b"content");
    assert_eq!(DataKey::unwrap(&after, account(1), &wrapped).err(), Some(Refusal::Key));
    let rewrapped = rewrap(&during, account(1), &wrapped).unwrap().unwrap();
    assert_eq!(DataKey::unwrap(&after, account(1), &rewrapped).unwrap().open(&own, &sealed).unwrap(), b"content");
    assert_eq!(rewrap(&during, account(1), &rewrapped).unwrap(), None);
    assert!(rewrap(&during, account(2), &wrapped).is_err());
}
