//! The writing systems, as far as the comparison of names needs them.

/// A writing system, or a group of systems that are treated alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Script {
    /// Latin letters and all digits.
    Latin,
    /// Cyrillic, Greek, Armenian, Georgian: alphabets that write every vowel.
    Alphabet,
    /// Arabic and its extensions: no short vowels, the article written together with its word.
    Arabic,
    /// Hebrew, Syriac and the scripts of South and South-East Asia: romanised letter by letter, vowels are missing.
    Consonantal,
    /// Hangul: a block is a syllable.
    Hangul,
    /// Han: a character is a syllable in Chinese names.
    Han,
    /// Hiragana and katakana.
    Kana,
    /// No letters.
    Other,
}

impl Script {
    /// The script of a character, by its Unicode block.
    pub fn of(c: char) -> Script {
        match u32::from(c) {
            _ if c.is_ascii() => Script::Latin,
            0x0370..=0x058f
            | 0x10a0..=0x10ff
            | 0x1c90..=0x1cbf
            | 0x1f00..=0x1fff
            | 0x2c00..=0x2c5f
            | 0x2de0..=0x2dff => Script::Alphabet,
            0x0600..=0x06ff | 0x0750..=0x077f | 0x0870..=0x08ff | 0xfb50..=0xfdff | 0xfe70..=0xfeff => Script::Arabic,
            0x0590..=0x05ff
            | 0x0700..=0x074f
            | 0x0780..=0x086f
            | 0x0900..=0x109f
            | 0x1200..=0x139f
            | 0x1780..=0x18af => Script::Consonantal,
            0x1100..=0x11ff | 0x3130..=0x318f | 0xac00..=0xd7ff => Script::Hangul,
            0x3040..=0x30ff | 0x31f0..=0x31ff => Script::Kana,
            0x2e80..=0x2fdf
            | 0x3005..=0x3007
            | 0x3400..=0x4dbf
            | 0x4e00..=0x9fff
            | 0xf900..=0xfaff
            | 0x2_0000..=0x3_ffff => Script::Han,
            _ if c.is_alphanumeric() => Script::Latin,
            _ => Script::Other,
        }
    }

    /// Whether a character of this script belongs to a word: letters, digits, and the vowel signs of Indic scripts.
    pub fn is_word_part(self, c: char) -> bool {
        match self {
            Script::Other => false,
            Script::Consonantal => !c.is_whitespace() && !matches!(c, '\u{5be}' | '\u{964}' | '\u{965}' | '\u{e3f}'),
            _ => c.is_alphanumeric(),
        }
    }

    /// Whether every character is a token of its own.
    pub fn is_syllabic(self) -> bool {
        matches!(self, Script::Hangul | Script::Han)
    }

    /// Whether its romanisation lacks vowels.
    pub fn lacks_vowels(self) -> bool {
        matches!(self, Script::Arabic | Script::Consonantal)
    }

    /// Whether one letter may stand for a word.
    pub fn has_letters(self) -> bool {
        matches!(self, Script::Latin | Script::Alphabet)
    }
}
