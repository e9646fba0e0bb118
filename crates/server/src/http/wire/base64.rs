//! Base64 as clients of the API send it.
//!
//! The strict standard form takes a vectorised path. What else is accepted: a `data:image/...;base64,` prefix, line
//! breaks and other white space, the URL-safe alphabet, missing padding.

use base64_simd::{STANDARD, STANDARD_NO_PAD};

/// Decodes, or gives `None` for anything that is not base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let encoded = without_prefix(text.trim_ascii());
    STANDARD.decode_to_vec(encoded).ok().or_else(|| decode_tolerantly(encoded))
}

/// How long the bytes are, without decoding them; of text that is not base64, how long they would be.
pub(crate) fn decoded_bytes(text: &str) -> usize {
    let encoded = without_prefix(text.trim_ascii());
    let is_digit = |byte: &&u8| !byte.is_ascii_whitespace() && **byte != b'=';
    encoded.as_bytes().iter().filter(is_digit).count() * 3 / 4
}

/// The part after the comma of a data URI.
fn without_prefix(text: &str) -> &str {
    let is_data_uri = text.as_bytes().get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"data:"));
    match text.split_once(',') {
        Some((prefix, encoded)) if is_data_uri && prefix.to_ascii_lowercase().ends_with(";base64") => encoded,
        _ => text,
    }
}

fn decode_tolerantly(encoded: &str) -> Option<Vec<u8>> {
    let mut plain: Vec<u8> = encoded
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .collect();
    let padding = plain.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 {
        return None;
    }
    plain.truncate(plain.len() - padding);
    STANDARD_NO_PAD.decode_to_vec(&plain).ok()
}

#[cfg(test)]
mod tests {
    use super::{decode, decoded_bytes};

    #[test]
    fn every_spelling_of_the_same_bytes_is_accepted() {
        let bytes = Some(vec![0xfb, 0xef, 0xff, 0x01]);
        for text in [
            "++//AQ==",
            "++//AQ",
            "--__AQ==",
            "--__AQ",
            "++//\r\nAQ==\r\n",
            " ++/ /AQ==",
            "data:image/jpeg;base64,++//AQ==",
            "DATA:image/svg+xml;charset=utf-8;BASE64,--__AQ",
        ] {
            assert_eq!(decode(text), bytes, "{text:?}");
            assert_eq!(decoded_bytes(text), 4, "{text:?}");
        }
        assert_eq!(decode(""), Some(vec![]));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["A", "AAAAA", "AQ===", "A=Q=", "hello world!", "data:image/png,AQ==", "AQ==AQ==", "ÄÖ", "{}"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
