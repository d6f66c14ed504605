//! Shell patterns, as Go's `path.Match` reads them.

/// A pattern is malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed pattern {0:?}")]
pub(crate) struct MalformedPattern(pub(crate) String);

/// Returns whether one of the patterns matches a name; if there are none, whether there is a name.
pub(crate) fn matches_any(patterns: &[String], name: &str) -> Result<bool, MalformedPattern> {
    if patterns.is_empty() {
        return Ok(true);
    }
    for pattern in patterns {
        if matches(pattern, name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether a pattern matches all of a name. `*` and `?` stand for anything but a slash, `[a-z]`
/// and `[^a-z]` for one character, and a backslash takes the meaning from what follows.
fn matches(pattern: &str, name: &str) -> Result<bool, MalformedPattern> {
    let malformed = || MalformedPattern(pattern.to_owned());
    let items = parse(pattern).ok_or_else(malformed)?;
    let name: Vec<char> = name.chars().collect();
    // Which beginnings of the name the items so far match.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for item in &items {
        let mut next = vec![false; name.len() + 1];
        for at in 0..=name.len() {
            if !reached[at] {
                continue;
            }
            if let Item::Any = item {
                let run = name[at..].iter().take_while(|c| **c != '/').count();
                next[at..=at + run].fill(true);
            } else if name.get(at).is_some_and(|c| item.is(*c)) {
                next[at + 1] = true;
            }
        }
        reached = next;
    }
    Ok(reached[name.len()])
}

enum Item {
    Any,
    One,
    Literal(char),
    Range { negated: bool, ranges: Vec<(char, char)> },
}

impl Item {
    fn is(&self, c: char) -> bool {
        match self {
            Item::Any => false,
            Item::One => c != '/',
            Item::Literal(literal) => c == *literal,
            Item::Range { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

fn parse(pattern: &str) -> Option<Vec<Item>> {
    let mut characters = pattern.chars().peekable();
    let mut items = Vec::new();
    while let Some(c) = characters.next() {
        items.push(match c {
            '*' => Item::Any,
            '?' => Item::One,
            '\\' => Item::Literal(characters.next()?),
            '[' => {
                let negated = characters.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                while ranges.is_empty() || characters.peek() != Some(&']') {
                    let mut one = || match characters.next()? {
                        '-' | ']' => None,
                        '\\' => characters.next(),
                        c => Some(c),
                    };
                    let low = one()?;
                    let high = if characters.next_if_eq(&'-').is_some() {
                        match characters.next()? {
                            '-' | ']' => return None,
                            '\\' => characters.next()?,
                            c => c,
                        }
                    } else {
                        low
                    };
                    ranges.push((low, high));
                }
                characters.next();
                Item::Range { negated, ranges }
            }
            c => Item::Literal(c),
        });
    }
    Some(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_those_of_a_shell() {
        for (pattern, name, expected) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("a*", "a", true),
            ("a*c*", "abbcd", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("", "", true),
            ("", "a", false),
            ("é*", "école", true),
        ] {
            assert_eq!(matches(pattern, name), Ok(expected), "{pattern} {name}");
        }
        for pattern in ["[", "[a", "[]a]", "[-x]", "a\\", "[a-"] {
            assert!(matches(pattern, "a").is_err(), "{pattern}");
        }
        assert_eq!(matches_any(&[], "a"), Ok(true));
        assert_eq!(matches_any(&["b".to_owned(), "a".to_owned()], "a"), Ok(true));
        assert_eq!(matches_any(&["a".to_owned(), "[".to_owned()], "a"), Ok(true));
    }

    #[test]
    fn many_stars_take_no_time() {
        assert_eq!(matches(&"*a".repeat(50), &"a".repeat(1000)), Ok(true));
        assert_eq!(matches(&"*a".repeat(50), &"b".repeat(1000)), Ok(false));
    }
}
