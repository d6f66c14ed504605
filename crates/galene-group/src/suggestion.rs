//! Finds the key that somebody who misspelt one most likely meant.

/// Two keys at most this many edits apart are taken for one another: one slip of the finger, or two
/// letters exchanged, or a letter doubled and another lost.
const MAX_EDITS: usize = 2;

/// Returns the candidate that is closest to `written`, if any is close enough to be what was meant.
///
/// Case, hyphens and underscores are passed over, since the key names mix `camelCase` with
/// `hyphenated-words`.
pub(crate) fn closest<'a>(written: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let written = plain(written);
    // A short word is two edits away from far too much.
    let limit = MAX_EDITS.min(written.len() / 3);
    candidates
        .iter()
        .map(|candidate| (edits(&written, &plain(candidate)), *candidate))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

fn plain(key: &str) -> Vec<char> {
    // Longer keys than this resemble none of ours, and the comparison costs the product of lengths.
    const LONGEST: usize = 64;
    key.chars()
        .filter(|c| *c != '-' && *c != '_')
        .flat_map(char::to_lowercase)
        .take(LONGEST)
        .collect()
}

/// Counts insertions, deletions, substitutions and exchanges of neighbours between two words
/// (restricted Damerau-Levenshtein distance).
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &[&str] = &["displayName", "description", "max-clients", "users", "op", "public"];

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        assert_eq!(closest("dispayName", KEYS), Some("displayName"));
        assert_eq!(closest("dipslayName", KEYS), Some("displayName"));
        assert_eq!(closest("user", KEYS), Some("users"));
        assert_eq!(closest("pubilc", KEYS), Some("public"));
    }

    #[test]
    fn the_other_spelling_convention_is_recognised() {
        assert_eq!(closest("maxClients", KEYS), Some("max-clients"));
        assert_eq!(closest("display_name", KEYS), Some("displayName"));
    }

    #[test]
    fn an_unrelated_word_gets_no_suggestion() {
        assert_eq!(closest("banner", KEYS), None);
        assert_eq!(closest("no", KEYS), None);
        assert_eq!(closest("", KEYS), None);
    }
}
