//! Names to tokens: normalised, romanised, without titles, with legal forms and particles told apart from words.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use any_ascii::any_ascii_char;
use rphonetic::{DoubleMetaphone, Encoder as _};
use unicode_normalization::UnicodeNormalization as _;

use crate::entity::Kind;
use crate::folding;
use crate::script::Script;

/// The class of a token in its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A word that tells names apart.
    Word,
    /// Several words written together.
    Joined,
    /// A single letter that stands for a word.
    Initial,
    /// A number or a Roman numeral.
    Number,
    /// An article, preposition or the like. People add and drop these at will.
    Particle,
    /// A legal form, in the canonical spelling of its family.
    LegalForm,
}

/// A word of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Romanised, lower case, letters and digits only.
    pub text: String,
    /// [`folding::fold`] of the text.
    pub folded: Vec<u8>,
    /// Double Metaphone code. Empty if the word has none.
    pub sound: String,
    /// What it is.
    pub class: Class,
    /// The script that it was written in.
    pub script: Script,
    /// The characters of a word that was written in another script than Latin.
    pub native: String,
    /// The letters in `folded`, one bit each.
    pub letters: u32,
    /// The lines of the table of given names that it stands in.
    pub nicknames: &'static [usize],
}

/// A name as tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    /// In the order of the name; at least one unless the name has neither letter nor digit.
    pub tokens: Vec<Token>,
}

/// Longest name in characters. Longer names are cut in lists and refused in queries.
pub const MAX_CHARS: usize = 400;
/// Most tokens of a name. The rest is ignored.
const MAX_TOKENS: usize = 24;

/// One family a line: canonical spelling, then the others.
static LEGAL_FORMS: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let lines = include_str!("tables/legal_forms.txt").lines();
    let families = lines.map(|line| (line.split('|').next().unwrap_or_default(), line.split('|')));
    families.flat_map(|(canonical, forms)| forms.map(move |form| (form, canonical))).collect()
});
static HONORIFICS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| words(include_str!("tables/honorifics.txt")));
static PARTICLES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| words(include_str!("tables/particles.txt")));
static ORGANISATION_WORDS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| words(include_str!("tables/organisation_words.txt")));
/// Short and foreign forms of given names: the lines that a form stands in.
static NICKNAMES: LazyLock<HashMap<&'static str, Vec<usize>>> = LazyLock::new(|| {
    let mut lines_of: HashMap<&'static str, Vec<usize>> = HashMap::new();
    for (at, line) in NICKNAME_LINES.lines().enumerate() {
        for name in line.split_whitespace() {
            lines_of.entry(name).or_default().push(at);
        }
    }
    lines_of
});
const NICKNAME_LINES: &str = include_str!("tables/nicknames.txt");
const ROMAN: [&str; 19] = [
    "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv", "xvi", "xvii", "xviii",
    "xix", "xx",
];
/// Longest Double Metaphone code. With the usual four, all long words that begin alike would be equal.
const LONGEST_SOUND: usize = 12;
/// Alef and lam.
const ARABIC_ARTICLE: &str = "\u{627}\u{644}";
/// Words of the longest legal form in the table.
const LONGEST_FORM: usize = 5;

fn words(text: &'static str) -> HashSet<&'static str> {
    text.split_whitespace().collect()
}

/// All known forms of a given name.
pub fn nicknames(token: &Token) -> impl Iterator<Item = &'static str> {
    token.nicknames.iter().flat_map(|line| NICKNAME_LINES.lines().nth(*line).unwrap_or_default().split_whitespace())
}

/// Whether two given names are known forms of one name.
pub fn are_nicknames(a: &Token, b: &Token) -> bool {
    a.nicknames.iter().any(|line| b.nicknames.contains(line))
}

/// Whether a name has a legal form or a word that people's names do not have.
pub fn looks_like_organisation(name: &str) -> bool {
    let tokens = Tokens::read(name, Kind::Organisation).tokens;
    // A lone "sa" or "as" may be part of a person's name.
    let formal = |token: &Token| token.class == Class::LegalForm && token.script == Script::Latin;
    tokens.iter().any(|token| ORGANISATION_WORDS.contains(token.text.as_str()))
        || tokens.len() > 1 && tokens.last().is_some_and(formal) && tokens.last().is_some_and(|t| t.text != "jsc")
}

impl Tokens {
    /// Reads a name of that kind; what is neither letter nor digit only separates.
    pub fn read(name: &str, kind: Kind) -> Tokens {
        let mut tokens = split(name);
        if kind == Kind::Person {
            unmask(&mut tokens);
            drop_honorifics(&mut tokens);
            mark_particles(&mut tokens);
            join_servants(&mut tokens);
        } else {
            join_letters(&mut tokens);
            replace_legal_forms(&mut tokens);
            mark_particles(&mut tokens);
            for token in tokens.iter_mut().skip(1).filter(|token| ROMAN.contains(&token.text.as_str())) {
                token.class = Class::Number;
            }
        }
        tokens.truncate(MAX_TOKENS);
        for token in &mut tokens {
            token.finish();
        }
        Tokens { tokens }
    }
}

impl Token {
    fn new(text: String, native: &str, script: Script) -> Token {
        let class = match text.as_bytes() {
            [letter] if letter.is_ascii_alphabetic() && script.has_letters() => Class::Initial,
            bytes if bytes.iter().any(u8::is_ascii_digit) => Class::Number,
            _ => Class::Word,
        };
        let native = if script == Script::Latin { String::new() } else { native.to_owned() };
        Token { text, folded: Vec::new(), sound: String::new(), class, script, native, letters: 0, nicknames: &[] }
    }

    /// A token made of several separate words. It has no sound, because the sound of its parts is not that of the whole.
    pub fn joined(parts: &[&Token]) -> Token {
        let text: String = parts.iter().map(|part| part.text.as_str()).collect();
        let native: String = parts.iter().map(|part| part.native.as_str()).collect();
        let script = parts.first().map_or(Script::Latin, |part| part.script);
        let folded = folding::fold(&text);
        let letters = folding::letters(&folded);
        Token { class: Class::Joined, folded, letters, ..Token::new(text, &native, script) }
    }

    fn finish(&mut self) {
        self.folded = folding::fold(&self.text);
        self.letters = folding::letters(&self.folded);
        if self.class == Class::Word {
            self.sound = DoubleMetaphone::new(Some(LONGEST_SOUND)).encode(&self.text);
            self.nicknames = NICKNAMES.get(self.text.as_str()).map_or(&[], Vec::as_slice);
        }
    }
}

/// Splits at everything that is not a letter or a digit, and romanises.
fn split(name: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut characters = name.chars().take(MAX_CHARS).nfkc().peekable();
    while let Some(c) = characters.next() {
        let script = Script::of(c);
        if is_apostrophe(c) || is_invisible(c) {
            continue;
        }
        let boundary = !script.is_word_part(c)
            || script.is_syllabic()
            || word.chars().last().is_some_and(|last| Script::of(last).is_syllabic())
            || is_seam(&word, c, characters.peek());
        if boundary {
            flush(&mut word, &mut tokens);
        }
        if script.is_word_part(c) {
            word.push(c);
        }
    }
    flush(&mut word, &mut tokens);
    tokens
}

/// The small words of Arabic names as their romanisations are spelled.
fn with_vowels(word: String) -> String {
    let spelled = match word.as_str() {
        "bd" => "abd",
        "bn" => "bin",
        "bw" | "abw" => "abu",
        _ => return word,
    };
    spelled.to_owned()
}

/// Where two words were written together, as in `SergeiLavrov` or `SiemensAG`; not in `McDonald` or `DeSouza`, whose
/// parts belong together, nor in `GmbH`.
fn is_seam(word: &str, capital: char, next: Option<&char>) -> bool {
    let after_small = word.chars().next_back().is_some_and(char::is_lowercase) && word.chars().nth(2).is_some();
    after_small && capital.is_uppercase() && next.is_some_and(|next| next.is_alphabetic())
}

fn flush(word: &mut String, tokens: &mut Vec<Token>) {
    let Some(first) = word.chars().next() else { return };
    let script = Script::of(first);
    // The Arabic article is written together with its word.
    let bare = word.strip_prefix(ARABIC_ARTICLE).filter(|rest| rest.chars().nth(2).is_some());
    if bare.is_some() {
        tokens.push(Token { class: Class::Particle, ..Token::new("al".to_owned(), "", script) });
    }
    let roman: String = bare.unwrap_or(word).chars().map(any_ascii_char).collect();
    let roman: String = roman.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    if !roman.is_empty() {
        let roman = if script == Script::Arabic { with_vowels(roman) } else { roman };
        tokens.push(Token::new(roman, word, script));
    }
    word.clear();
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '`' | '\u{b4}' | '\u{2bb}'..='\u{2bf}' | '\u{2018}'..='\u{201b}' | '\u{55a}' | '\u{5f3}')
}

/// Joiners, direction marks, accents left over, Arabic vowel signs and the Arabic lengthening stroke.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{670}')
        || matches!(c, '\u{ad}' | '\u{640}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Digits written for letters inside a word, as in `Ig0r Sech1n`.
fn unmask(tokens: &mut [Token]) {
    for token in tokens {
        let letters = token.text.bytes().filter(u8::is_ascii_alphabetic).count();
        if letters < token.text.len() && 2 * letters > token.text.len() {
            let letter = |c| match c {
                '0' => 'o',
                '1' => 'i',
                '3' => 'e',
                '4' => 'a',
                '5' => 's',
                '7' => 't',
                other => other,
            };
            token.text = token.text.chars().map(letter).collect();
            token.class = Class::Word;
        }
    }
}

fn drop_honorifics(tokens: &mut Vec<Token>) {
    let is_title = |token: &Token| token.script == Script::Latin && HONORIFICS.contains(token.text.as_str());
    // A name that has only titles, or a title and one letter, is kept, because Sultan and Amir are names as well.
    if tokens.iter().filter(|token| !is_title(token) && token.class == Class::Word).count() >= 2 {
        tokens.retain(|token| !is_title(token));
    }
}

fn mark_particles(tokens: &mut [Token]) {
    let words = tokens.iter().filter(|token| token.class == Class::Word).count();
    for token in tokens.iter_mut().filter(|token| words > 1 && PARTICLES.contains(token.text.as_str())) {
        token.class = Class::Particle;
    }
}

/// `Abd al-Rahman`, `Abdul Rahman` and `Abdulrahman` are one name: servant of one of God's names.
fn join_servants(tokens: &mut Vec<Token>) {
    let mut at = 0;
    while at < tokens.len() {
        if ["abd", "abdul", "abdel", "abdal", "abdoul", "abdol", "abdool"].contains(&tokens[at].text.as_str()) {
            let next = (at + 1..tokens.len().min(at + 3)).find(|&next| tokens[next].class == Class::Word);
            if let Some(next) = next {
                let name = tokens[next].text.clone();
                let bare = if ["allah", "lah", "ullah"].contains(&name.as_str()) { "lah" } else { name.as_str() };
                tokens[at].text = format!("abdul{bare}");
                tokens[at].native = tokens[at..=next].iter().map(|token| token.native.as_str()).collect();
                tokens.drain(at + 1..=next);
            }
        }
        at += 1;
    }
}

/// `A.B.C.` and `A B C` are `abc` in the name of an organisation.
fn join_letters(tokens: &mut Vec<Token>) {
    let joined: Vec<Token> = tokens
        .chunk_by(|a, b| a.class == Class::Initial && b.class == Class::Initial)
        .map(|run| if run.len() > 1 { one_word(run) } else { run[0].clone() })
        .collect();
    *tokens = joined;
}

fn one_word(run: &[Token]) -> Token {
    Token { class: Class::Word, ..Token::joined(&run.iter().collect::<Vec<_>>()) }
}

/// Replaces the longest legal form at each place by its canonical spelling. Leaves a name that is only a legal form.
fn replace_legal_forms(tokens: &mut Vec<Token>) {
    let mut replaced = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let lengths = (1..=LONGEST_FORM.min(tokens.len() - at)).rev();
        let form = lengths.into_iter().find_map(|length| {
            let texts: Vec<&str> = tokens[at..at + length].iter().map(|token| token.text.as_str()).collect();
            Some((length, *LEGAL_FORMS.get(texts.join(" ").as_str())?))
        });
        let Some((length, canonical)) = form else {
            replaced.push(tokens[at].clone());
            at += 1;
            continue;
        };
        let text = canonical.to_owned();
        replaced.push(Token { text, class: Class::LegalForm, ..tokens[at].clone() });
        at += length;
    }
    if replaced.iter().any(|token| token.class != Class::LegalForm) {
        *tokens = replaced;
    }
}
