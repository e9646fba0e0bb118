//! A common spelling of romanised names for all systems of transliteration, and the distance of two such spellings.

/// Letters of the folded alphabet that stand for digraphs: `S` sh, `C` ch, `X` kh, `Z` zh; the rest stand for themselves.
///
/// Order matters: longer spellings first.
const DIGRAPHS: [(&[u8], &[u8]); 33] = [
    (b"shch", b"SC"),
    (b"tsch", b"C"),
    (b"sch", b"S"),
    (b"tch", b"C"),
    (b"dzh", b"j"),
    (b"sh", b"S"),
    (b"ch", b"C"),
    (b"kh", b"X"),
    (b"zh", b"Z"),
    (b"dj", b"j"),
    (b"dz", b"z"),
    (b"ph", b"f"),
    (b"gh", b"g"),
    (b"dh", b"d"),
    (b"th", b"t"),
    (b"ck", b"k"),
    (b"qu", b"k"),
    (b"ts", b"z"),
    (b"tz", b"z"),
    (b"ks", b"x"),
    (b"ou", b"u"),
    (b"oo", b"u"),
    (b"ee", b"i"),
    (b"ei", b"ai"),
    (b"ey", b"ai"),
    (b"ay", b"ai"),
    (b"ce", b"se"),
    (b"ci", b"si"),
    (b"cy", b"si"),
    (b"iy", b"i"),
    (b"yi", b"i"),
    (b"ie", b"i"),
    (b"ii", b"i"),
];

/// Folds a lower-case ASCII word.
pub fn fold(word: &str) -> Vec<u8> {
    let mut folded: Vec<u8> = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let [first, tail @ ..] = rest {
        if let Some((from, to)) = DIGRAPHS.iter().find(|(from, _)| rest.starts_with(from)) {
            for letter in *to {
                push(&mut folded, *letter);
            }
            rest = &rest[from.len()..];
            continue;
        }
        let letter = match first {
            b'c' | b'q' => b'k',
            b'w' => b'v',
            b'y' => b'i',
            other => *other,
        };
        push(&mut folded, letter);
        rest = tail;
    }
    folded
}

/// Doubled letters are single, doubled digits are not.
fn push(folded: &mut Vec<u8>, letter: u8) {
    if folded.last() != Some(&letter) || letter.is_ascii_digit() {
        folded.push(letter);
    }
}

/// The letters of a folded word, one bit each.
pub fn letters(folded: &[u8]) -> u32 {
    folded.iter().filter(|letter| letter.is_ascii_alphabetic()).fold(0, |set, letter| set | 1 << (letter & 31))
}

/// Whether a script without vowels writes this letter.
pub const fn is_always_written(letter: u8) -> bool {
    !is_vowel(letter) && letter != b'v' && letter != b'h'
}

/// The bits of the letters that a script without vowels writes as well.
pub const CONSONANTS: u32 = !(bit(b'a') | bit(b'e') | bit(b'i') | bit(b'o') | bit(b'u') | bit(b'v') | bit(b'h'));

const fn bit(letter: u8) -> u32 {
    1 << (letter & 31)
}

/// Whether a folded letter is a vowel.
pub const fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u')
}

/// Class of a consonant for the keys of the index. `None` for letters that a key leaves out.
pub fn class(letter: u8) -> Option<u8> {
    Some(match letter {
        b'b' | b'p' => b'p',
        b'd' | b't' => b't',
        b'g' | b'k' | b'X' => b'k',
        b's' | b'z' | b'S' | b'C' | b'Z' | b'j' | b'x' => b's',
        b'f' | b'v' => b'f',
        b'm' | b'n' => b'n',
        b'a' | b'e' | b'i' | b'o' | b'u' | b'h' => return None,
        other => other,
    })
}

/// Costs are in twentieths of a letter, so that they fit a byte.
const LETTER: u8 = 20;
/// Cost of one vowel for another. Transliterations disagree on vowels most.
const VOWEL_FOR_VOWEL: u8 = 12;
/// Cost of a vowel too many or too few.
const VOWEL: u8 = 14;
/// The same when one of the words is from a script that writes no short vowels.
const UNWRITTEN_VOWEL: u8 = 3;
/// Cost of one consonant for another that can be written for the same sound.
const SAME_SOUND: u8 = 10;
/// Cost of an `h` too many or too few.
const BREATH: u8 = 10;
/// Cost of two neighbouring letters exchanged.
const EXCHANGED: u16 = 20;
/// The least that any difference costs when both words write their vowels, in letters.
pub const LEAST_COST: f32 = 0.5;

/// Longest folded word to compare letter by letter. The rest is cut off.
pub const MAX_LETTERS: usize = 48;

/// Costs of a letter for another; the second table is for words of which one lacks its vowels.
static SUBSTITUTIONS: [[[u8; 128]; 128]; 2] = [substitutions(false), substitutions(true)];
/// Costs of a letter too many.
static GAPS: [[u8; 128]; 2] = [gaps(false), gaps(true)];

const fn substitutions(vowelless: bool) -> [[u8; 128]; 128] {
    let mut costs = [[0; 128]; 128];
    let mut at = 0;
    while at < 128 * 128 {
        costs[at / 128][at % 128] = substitution((at / 128) as u8, (at % 128) as u8, vowelless);
        at += 1;
    }
    costs
}

const fn gaps(vowelless: bool) -> [u8; 128] {
    let mut costs = [0; 128];
    let mut at = 0;
    while at < 128 {
        costs[at] = gap(at as u8, vowelless);
        at += 1;
    }
    costs
}

/// Weighted Damerau-Levenshtein distance (optimal string alignment) of two folded words, in letters. `vowelless`:
/// exactly one of them is from a script that writes no short vowels. Gives up, with infinity, once it is over `limit`.
pub fn distance(a: &[u8], b: &[u8], vowelless: bool, limit: f32) -> f32 {
    let (a, b) = (&a[..a.len().min(MAX_LETTERS)], &b[..b.len().min(MAX_LETTERS)]);
    let limit = (limit * f32::from(LETTER)) as u16;
    let (gaps, substitutions) = (&GAPS[usize::from(vowelless)], &SUBSTITUTIONS[usize::from(vowelless)]);
    let gap = |letter: u8| u16::from(gaps[usize::from(letter & 127)]);
    let mut rows = [[0_u16; MAX_LETTERS + 1]; 3];
    for (at, letter) in b.iter().enumerate() {
        rows[1][at + 1] = rows[1][at] + gap(*letter);
    }
    for i in 0..a.len() {
        let [before, above, row] = &mut rows;
        let (gap_a, costs_a) = (gap(a[i]), &substitutions[usize::from(a[i] & 127)]);
        row[0] = above[0] + gap_a;
        let mut least = row[0];
        for j in 0..b.len() {
            let mut best = above[j] + u16::from(costs_a[usize::from(b[j] & 127)]);
            best = best.min(above[j + 1] + gap_a).min(row[j] + gap(b[j]));
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + EXCHANGED);
            }
            row[j + 1] = best;
            least = least.min(best);
        }
        if least > limit {
            return f32::INFINITY;
        }
        rows.rotate_left(1);
    }
    f32::from(rows[1][b.len()]) / f32::from(LETTER)
}

const fn gap(letter: u8, vowelless: bool) -> u8 {
    if vowelless && !is_always_written(letter) {
        UNWRITTEN_VOWEL
    } else if letter == b'h' {
        BREATH
    } else if is_vowel(letter) {
        VOWEL
    } else {
        LETTER
    }
}

const fn substitution(a: u8, b: u8, vowelless: bool) -> u8 {
    if a == b {
        0
    } else if is_vowel(a) && is_vowel(b) {
        VOWEL_FOR_VOWEL
    } else if vowelless && (is_vowel(a) && b == b'v' || is_vowel(b) && a == b'v') {
        UNWRITTEN_VOWEL
    } else if same_sound(a, b) || same_sound(b, a) {
        SAME_SOUND
    } else {
        LETTER
    }
}

/// Letters that different systems use for one sound.
const fn same_sound(a: u8, b: u8) -> bool {
    matches!(
        (a, b),
        (b'X', b'h' | b'k')
            | (b'g', b'k' | b'j' | b'X' | b'h')
            | (b'd', b't' | b'z')
            | (b'b', b'p' | b'v')
            | (b'f', b'v')
            | (b's', b'z' | b'S' | b'x' | b'C')
            | (b'Z', b'j' | b'z' | b'S')
            | (b'C', b'j' | b'k' | b'S')
            | (b'j', b'i' | b'z' | b'h')
            | (b'v', b'u' | b'o')
            | (b'x', b'k')
            | (b'm', b'n')
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(a: &str, b: &str) -> f32 {
        distance(&fold(a), &fold(b), false, f32::INFINITY)
    }

    #[test]
    fn transliterations_of_a_name_are_near() {
        assert_eq!(fold("zelenskyy"), fold("zelenskiy"));
        assert_eq!(fold("wolodymyr"), fold("volodimir"));
        for (a, b) in [("gaddafi", "qaddafi"), ("hussein", "husayn"), ("khusein", "husein"), ("usama", "osama")] {
            assert!(apart(a, b) <= 1.2, "{a} {b} {}", apart(a, b));
        }
    }

    #[test]
    fn distance_is_symmetric_and_zero_for_equals() {
        for (a, b) in [("putin", "pulin"), ("ali", ""), ("schmidt", "smith"), ("donlad", "donald")] {
            assert!((apart(a, b) - apart(b, a)).abs() < 1e-6);
            assert!(apart(a, a).abs() < 1e-6);
            assert!(apart(a, b) > 0.0);
        }
    }

    #[test]
    fn unwritten_vowels_are_nearly_free() {
        let hussein = distance(&fold("hsyn"), &fold("hussein"), true, f32::INFINITY);
        assert!(hussein < 0.5, "{hussein}");
    }
}
