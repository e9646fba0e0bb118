//! Compares two words: how similar they are, and why.

use serde::Serialize;

use crate::folding;
use crate::names::{self, Class, Token};

/// Why two words count as the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The same letters after normalisation.
    Same,
    /// Two spellings that transliterations use for one word.
    Transliteration,
    /// Different letters, near enough.
    Spelling,
    /// An initial.
    Initial,
    /// Forms of one given name.
    Nickname,
    /// Written together in one name and apart in the other.
    Joined,
    /// The initials of several words, written as one.
    Acronym,
}

/// The weights of the comparison. We set them by hand and did not fit them. docs/screening.md has the results.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Distance, in letters per letter of the longer word, at which two words have nothing in common.
    pub reach: f32,
    /// Exponent of the fall of similarity on the way there: over 1, small differences count little.
    pub bend: f32,
    /// Part of the distance that is left when both words sound the same.
    pub same_sound: f32,
    /// Cost of a word that is another word in the other name, in weights of that word.
    pub conflict: f32,
    /// Cost of a word that the other name of a person lacks.
    pub missing: f32,
    /// The same for an organisation, whose words are rarely left out.
    pub missing_organisation: f32,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights { reach: 0.45, bend: 1.5, same_sound: 0.65, conflict: 3.0, missing: 0.3, missing_organisation: 0.8 }
    }
}

impl Weights {
    /// Distance in letters per letter of the longer word at which the similarity falls under [`LEAST`].
    fn farthest(&self) -> f32 {
        self.reach * (1.0 - LEAST / TRANSLITERATION).powf(1.0 / self.bend)
    }
}

/// Less similar words do not correspond.
const LEAST: f32 = 0.45;
/// Similarity of an initial and the word that it begins.
const INITIAL: f32 = 0.8;
/// Similarity of two forms of a given name.
const NICKNAME: f32 = 0.9;
/// Similarity of spellings that fold to the same.
const TRANSLITERATION: f32 = 0.97;
/// Highest similarity of a word and its spelling without vowels: many names share their consonants.
const WITHOUT_VOWELS: f32 = 0.9;
/// How similar two words are, in [0, 1], and why.
pub fn similarity(a: &Token, b: &Token, weights: &Weights) -> (f32, How) {
    if a.text == b.text {
        return if same_native(a, b) { (1.0, How::Same) } else { (0.0, How::Same) };
    }
    match (a.class, b.class) {
        (Class::Initial, Class::Word) | (Class::Word, Class::Initial) => {
            let begins = a.folded.first() == b.folded.first() || a.text.as_bytes()[0] == b.text.as_bytes()[0];
            return (if begins { INITIAL } else { 0.0 }, How::Initial);
        }
        (Class::Word | Class::Joined, Class::Word | Class::Joined) => {}
        _ => return (0.0, How::Same),
    }
    // Characters of one script are compared as they are, since their romanisations hide differences; a syllable's
    // romanisation has too few letters to allow for another one.
    let syllables = (a.script.is_syllabic(), b.script.is_syllabic());
    if syllables.0 && syllables.1 || (syllables.0 || syllables.1) && a.folded != b.folded {
        return (0.0, How::Same);
    }
    if names::are_nicknames(a, b) {
        return (NICKNAME, How::Nickname);
    }
    let vowelless = a.script.lacks_vowels() != b.script.lacks_vowels();
    let longer = length(&a.folded, vowelless).max(length(&b.folded, vowelless));
    let sounds = a.sound.len() > 1 && a.sound == b.sound;
    let softened = if sounds { weights.same_sound } else { 1.0 };
    let limit = weights.farthest() * longer / softened;
    if certain_cost(a.letters, b.letters, vowelless) > limit {
        return (0.0, How::Same);
    }
    let distance = folding::distance(&a.folded, &b.folded, vowelless, limit) * softened;
    if distance <= 0.0 {
        return (TRANSLITERATION, How::Transliteration);
    }
    let away = distance / longer / weights.reach;
    let highest = if vowelless { WITHOUT_VOWELS } else { TRANSLITERATION };
    let similarity = highest * (1.0 - away.min(1.0).powf(weights.bend));
    (if similarity < LEAST { 0.0 } else { similarity }, How::Spelling)
}

/// The letters that count; those that one of the two scripts writes when it is without vowels.
fn length(folded: &[u8], vowelless: bool) -> f32 {
    let written = folded.iter().filter(|letter| !vowelless || folding::is_always_written(**letter));
    written.count().min(folding::MAX_LETTERS) as f32
}

/// What the distance of two words is at least, from the letters that only one of them has.
fn certain_cost(a: u32, b: u32, vowelless: bool) -> f32 {
    let counted = if vowelless { folding::CONSONANTS } else { u32::MAX };
    (a & !b & counted).count_ones().max((b & !a & counted).count_ones()) as f32 * folding::LEAST_COST
}

/// The outline of a word. It can rule out that another word is similar.
#[derive(Debug, Clone, Copy)]
pub struct Outline {
    letters: u32,
    length: u8,
    consonants: u8,
    syllabic: bool,
    lacks_vowels: bool,
    /// It has a sound, or is a given name with other forms: both make words similar that differ in many letters.
    lenient: bool,
}

impl Outline {
    /// The outline of a word.
    pub fn of(token: &Token) -> Outline {
        Outline {
            letters: token.letters,
            length: length(&token.folded, false) as u8,
            consonants: length(&token.folded, true) as u8,
            syllabic: token.script.is_syllabic(),
            lacks_vowels: token.script.lacks_vowels(),
            lenient: !token.nicknames.is_empty(),
        }
    }
}

/// False for words that [`similarity`] would put at 0, true for most others.
pub fn may_be_similar(a: &Outline, b: &Outline, weights: &Weights) -> bool {
    if a.syllabic || b.syllabic {
        return a.letters == b.letters && a.length == b.length;
    }
    if a.lenient && b.lenient {
        return true;
    }
    let vowelless = a.lacks_vowels != b.lacks_vowels;
    let (a_length, b_length) = if vowelless { (a.consonants, b.consonants) } else { (a.length, b.length) };
    let longer = f32::from(a_length.max(b_length));
    // A consonant too many costs a letter, a vowel half a letter or more.
    let gap = if vowelless { 1.0 } else { folding::LEAST_COST };
    let least_gaps = f32::from(a_length.abs_diff(b_length)) * gap;
    certain_cost(a.letters, b.letters, vowelless).max(least_gaps) <= weights.farthest() * longer / weights.same_sound
}

fn same_native(a: &Token, b: &Token) -> bool {
    a.script != b.script || !a.script.is_syllabic() || a.native == b.native
}
