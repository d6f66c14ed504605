//! Bytes as hexadecimal digits.

use std::fmt::Write;

/// Returns the bytes, or `None` if the text is something else. Digits may be of either case.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |&[high, low]: &[u8; 2]| u8::try_from(digit(high)? << 4 | digit(low)?).ok();
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

/// Returns two digits for each byte, in lower case.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_either_case_become_bytes_and_lower_case_again() {
        assert_eq!(decode("00fFA0"), Some(vec![0, 0xff, 0xa0]));
        assert_eq!(encode(&[0, 0xff, 0xa0]), "00ffa0");
        assert_eq!(decode(""), Some(vec![]));
    }

    #[test]
    fn what_is_not_hexadecimal_is_refused() {
        for text in ["0", "000", "0g", "+1", " 00", "é"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
