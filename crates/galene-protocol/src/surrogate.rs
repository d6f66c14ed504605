//! Halves of characters in JSON.

use std::borrow::Cow;

/// An escape such as `\ud83d`, in bytes.
const ESCAPE_BYTES: usize = 6;

/// Replaces each escaped surrogate that has no partner by U+FFFD.
///
/// JavaScript cuts text between the two halves of a character, say an emoji, and sends the half as an
/// escape. Rust has no text for it; Galène replaces it, and nobody is disconnected for it.
pub(crate) fn replace_lone_surrogates(json: &str) -> Cow<'_, str> {
    if !json.contains("\\ud") && !json.contains("\\uD") {
        return Cow::Borrowed(json);
    }
    let mut replaced = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(start) = rest.find('\\') {
        let (before, escape) = rest.split_at(start);
        replaced.push_str(before);
        let length = match (unit(escape), escape.get(ESCAPE_BYTES..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 2 * ESCAPE_BYTES,
            (Some(0xd800..=0xdfff), _) => {
                replaced.push_str("\\ufffd");
                rest = &escape[ESCAPE_BYTES..];
                continue;
            }
            // Of an escaped backslash, the second must not be taken for the start of an escape.
            _ => 1 + escape[1..].chars().next().map_or(0, char::len_utf8),
        };
        let (escape, after) = escape.split_at(length);
        replaced.push_str(escape);
        rest = after;
    }
    replaced.push_str(rest);
    Cow::Owned(replaced)
}

/// Returns the UTF-16 code unit that `text` begins with, if that is an escaped one.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_hex { u16::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_becomes_a_replacement_character() {
        for (json, expected) in [
            (r#""a\ud83d""#, r#""a\ufffd""#),
            (r#""\uDE00a""#, r#""\ufffda""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
        ] {
            assert_eq!(replace_lone_surrogates(json), expected);
        }
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for json in [
            r#""\ud83d\ude00""#,
            r#""\\ud83d""#,
            r#""\"\\\ud83d\uDE00\n""#,
            r#""\ud8""#,
            r#""\ud8+1""#,
            "\\ud",
            "\\ud83d\\ude00\\",
            "\\ud83d\\ude00\\é",
            "\u{1f600}",
        ] {
            assert_eq!(replace_lone_surrogates(json), json);
        }
    }
}
