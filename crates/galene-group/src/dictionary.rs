//! What clients attach to themselves and to their group: JSON objects that only the clients read.

use serde::Serialize;
use serde_json::{Map, Value};

/// The most that one dictionary may hold, in bytes of JSON. The usual content is a raised hand and a
/// few words of status; every member gets a copy, so a group of a thousand multiplies this.
pub const MAX_DICTIONARY_BYTES: usize = 64 * 1024;

/// Merges `patch` into `dictionary`: a null member deletes its key, any other replaces it.
///
/// # Errors
///
/// [`TooLarge`] if the result would be larger than [`MAX_DICTIONARY_BYTES`]; the dictionary is then
/// unchanged.
pub(crate) fn merge(
    dictionary: &mut Map<String, Value>,
    patch: &Map<String, Value>,
) -> Result<(), TooLarge> {
    let mut merged = dictionary.clone();
    for (key, value) in patch {
        if value.is_null() {
            merged.remove(key);
        } else {
            merged.insert(key.clone(), value.clone());
        }
    }
    check_size(&merged)?;
    *dictionary = merged;
    Ok(())
}

/// Checks that a dictionary that a client sent whole is small enough.
///
/// # Errors
///
/// [`TooLarge`] if it is not.
pub(crate) fn check_size(dictionary: &Map<String, Value>) -> Result<(), TooLarge> {
    if json_bytes(dictionary) > MAX_DICTIONARY_BYTES { Err(TooLarge) } else { Ok(()) }
}

/// Returns how many bytes of JSON a value takes.
pub fn json_bytes(value: &impl Serialize) -> usize {
    let mut bytes = ByteCount(0);
    // The writer never fails, so writing fails only for what JSON cannot say: infinitely long, then.
    match serde_json::to_writer(&mut bytes, value) {
        Ok(()) => bytes.0,
        Err(_) => usize::MAX,
    }
}

/// A dictionary would exceed [`MAX_DICTIONARY_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the data would exceed {} KiB", MAX_DICTIONARY_BYTES / 1024)]
pub struct TooLarge;

struct ByteCount(usize);

impl std::io::Write for ByteCount {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> Map<String, Value> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn merging_replaces_adds_and_deletes() {
        let mut data = object(r#"{"raisehand": true, "status": "here"}"#);
        merge(
            &mut data,
            &object(r#"{"raisehand": null, "status": "away", "x": [1], "gone": null}"#),
        )
        .unwrap();
        assert_eq!(data, object(r#"{"status": "away", "x": [1]}"#));
    }

    #[test]
    fn a_dictionary_never_exceeds_its_bound() {
        let mut data = object(r#"{"small": 1}"#);
        let mut patch = Map::new();
        patch.insert("big".to_owned(), Value::from("x".repeat(MAX_DICTIONARY_BYTES)));
        assert_eq!(merge(&mut data, &patch), Err(TooLarge));
        assert_eq!(data, object(r#"{"small": 1}"#), "a refused patch changes nothing");
    }
}
