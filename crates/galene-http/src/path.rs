//! Paths of URLs: taken apart, cleaned, escaped.

use std::borrow::Cow;

/// Undoes percent-encoding. `None` if what comes out is not text, or an escape is broken.
pub(crate) fn decode(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains('%') {
        return Some(Cow::Borrowed(path));
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let digit = |i: usize| tail.get(i).and_then(|b| char::from(*b).to_digit(16));
            let value = digit(0)? * 16 + digit(1)?;
            bytes.push(u8::try_from(value).expect("two hexadecimal digits fit into a byte"));
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// Escapes what cannot stand in a path (RFC 3986 §3.3). Slashes stay.
pub(crate) fn encode(path: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte);
        if plain {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    out
}

/// Resolves `.` and `..` and drops empty segments, keeping a slash at the end. `None` if the path is
/// clean already.
pub(crate) fn clean(path: &str) -> Option<String> {
    let dirty = !path.starts_with('/')
        || path.contains("//")
        || path.split('/').any(|segment| segment == "." || segment == "..");
    if !dirty {
        return None;
    }
    let mut kept = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let ends_with_slash = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
    let mut clean: String = kept.iter().flat_map(|segment| ["/", segment]).collect();
    if ends_with_slash || clean.is_empty() {
        clean.push('/');
    }
    Some(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_redone() {
        assert_eq!(decode("/a%20b%C3%A9").as_deref(), Some("/a bé"));
        assert_eq!(encode("/a bé?#%\"<"), "/a%20b%C3%A9%3F%23%25%22%3C");
        for text in ["/plain", "/ü/ß", "/100%", "/a b/c"] {
            assert_eq!(decode(&encode(text)).as_deref(), Some(text));
        }
    }

    #[test]
    fn broken_escapes_are_refused() {
        for path in ["%", "%2", "%zz", "%+1", "/%ff", "%C3"] {
            assert_eq!(decode(path), None, "{path}");
        }
    }

    #[test]
    fn paths_are_cleaned_and_never_become_another_host() {
        for path in ["/", "/a", "/a/", "/a/.b", "/a/b..c"] {
            assert_eq!(clean(path), None, "{path}");
        }
        for (path, cleaned) in [
            ("", "/"),
            ("//evil.example", "/evil.example"),
            ("/a//b/", "/a/b/"),
            ("/a/./b", "/a/b"),
            ("/a/..", "/"),
            ("/../../etc/passwd", "/etc/passwd"),
            ("/a/b/.", "/a/b/"),
            ("a", "/a"),
        ] {
            assert_eq!(clean(path).as_deref(), Some(cleaned), "{path}");
        }
    }
}
