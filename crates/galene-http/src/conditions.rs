//! Conditional requests (RFC 9110 §13) and ranges (§14).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, HeaderName};

/// What of a file conditions compare with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version<'a> {
    /// The strong tag, quotes included.
    pub(crate) etag: &'a str,
    pub(crate) modified: SystemTime,
}

/// What a request's conditions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Proceed,
    /// 304: the client has it already.
    NotModified,
    /// 412: it is not what the client believes.
    Failed,
}

/// Whether a header lists a tag. `None` stands for something that does not exist.
///
/// Tags are compared as they are written, so weak ones never equal strong ones, and what follows a
/// malformed entry is not looked at. Nothing if there is no such header.
pub(crate) fn lists(headers: &HeaderMap, name: &HeaderName, etag: Option<&str>) -> Option<bool> {
    let mut values = headers.get_all(name).into_iter().peekable();
    values.peek()?;
    Some(values.filter_map(|value| value.to_str().ok()).any(|list| {
        let mut rest = list.trim();
        if rest == "*" {
            return etag.is_some();
        }
        while let Some((tag, tail)) = first_tag(rest) {
            if Some(tag) == etag {
                return true;
            }
            let Some(tail) = tail.trim_start().strip_prefix(',') else { return false };
            rest = tail.trim_start();
        }
        false
    }))
}

/// Splits a list after its first tag.
fn first_tag(list: &str) -> Option<(&str, &str)> {
    let opaque = list.strip_prefix("W/").unwrap_or(list).strip_prefix('"')?;
    let length = opaque.find('"')?;
    let end = list.len() - opaque.len() + length + 1;
    Some(list.split_at(end))
}

/// Checks all conditions of a request for a file, in the order of RFC 9110 §13.2.2.
pub(crate) fn check(headers: &HeaderMap, version: Version<'_>) -> Verdict {
    let etag = Some(version.etag);
    match lists(headers, &IF_MATCH, etag) {
        Some(true) => {}
        Some(false) => return Verdict::Failed,
        None => match date(headers, &IF_UNMODIFIED_SINCE) {
            Some(date) if whole_seconds(version.modified) > date => return Verdict::Failed,
            Some(_) | None => {}
        },
    }
    // The comparison is weak here, for what a client keeps may have come through a compressing proxy.
    let known = headers.get_all(IF_NONE_MATCH).into_iter().next().map(|_| {
        lists(headers, &IF_NONE_MATCH, etag) == Some(true)
            || lists(headers, &IF_NONE_MATCH, Some(&format!("W/{}", version.etag))) == Some(true)
    });
    match known {
        Some(true) => Verdict::NotModified,
        Some(false) => Verdict::Proceed,
        None => match date(headers, &IF_MODIFIED_SINCE) {
            Some(date) if whole_seconds(version.modified) <= date => Verdict::NotModified,
            Some(_) | None => Verdict::Proceed,
        },
    }
}

/// Which part of a file is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it.
    Whole,
    /// From one byte to another, both included.
    Part { first: u64, last: u64 },
    /// 416: nothing that is there.
    Nothing,
}

/// Reads which part is wanted. Several parts at once are not served; that is answered by the whole, as
/// RFC 9110 §14.2 allows.
pub(crate) fn range(headers: &HeaderMap, version: Version<'_>, length: u64) -> Wanted {
    let Some(spec) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else {
        return Wanted::Whole;
    };
    if let Some(validator) = headers.get(IF_RANGE) {
        let validator = validator.to_str().unwrap_or_default();
        let same_date = httpdate::parse_http_date(validator)
            .is_ok_and(|date| date == whole_seconds(version.modified));
        if validator != version.etag && !same_date {
            return Wanted::Whole;
        }
    }
    parse_range(spec, length).unwrap_or(Wanted::Whole)
}

fn parse_range(spec: &str, length: u64) -> Option<Wanted> {
    let (first, last) = spec.strip_prefix("bytes=")?.trim().split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More than fits is more than is there.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (first, last) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last),
        (Some(first), None) if last.is_empty() => (first, u64::MAX),
        (None, Some(0)) if first.is_empty() => return Some(Wanted::Nothing),
        (None, Some(suffix)) if first.is_empty() => (length.saturating_sub(suffix), u64::MAX),
        _ => return None,
    };
    if first >= length {
        return Some(Wanted::Nothing);
    }
    Some(Wanted::Part { first, last: last.min(length - 1) })
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

/// HTTP's dates have no fractions.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const LENGTH: u64 = 1000;

    fn version() -> Version<'static> {
        Version { etag: "\"a\"", modified: UNIX_EPOCH + Duration::from_millis(784_111_777_500) }
    }

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn tags_are_compared_as_they_are_written() {
        let listed = |list| lists(&headers(&[(IF_MATCH, list)]), &IF_MATCH, Some("\"a\""));
        assert_eq!(listed("\"a\""), Some(true));
        assert_eq!(listed("\"b\" , \"a\""), Some(true));
        assert_eq!(listed("\"b,\\\",\"a\""), Some(true));
        assert_eq!(listed("*"), Some(true));
        assert_eq!(listed("W/\"a\""), Some(false));
        assert_eq!(listed("\"b\", c, \"a\""), Some(false), "parsing ends where it cannot go on");
        assert_eq!(listed("a"), Some(false));
        assert_eq!(lists(&headers(&[(IF_MATCH, "*")]), &IF_MATCH, None), Some(false));
        assert_eq!(lists(&HeaderMap::new(), &IF_MATCH, Some("\"a\"")), None);
    }

    #[test]
    fn a_file_is_known_by_its_tag_or_its_date() {
        let verdict = |name, value| check(&headers(&[(name, value)]), version());
        assert_eq!(verdict(IF_NONE_MATCH, "W/\"a\""), Verdict::NotModified);
        assert_eq!(verdict(IF_NONE_MATCH, "\"b\""), Verdict::Proceed);
        let (same, before) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:36 GMT");
        assert_eq!(verdict(IF_MODIFIED_SINCE, same), Verdict::NotModified);
        assert_eq!(verdict(IF_MODIFIED_SINCE, before), Verdict::Proceed);
        assert_eq!(verdict(IF_MODIFIED_SINCE, "yesterday"), Verdict::Proceed);
        assert_eq!(verdict(IF_UNMODIFIED_SINCE, same), Verdict::Proceed);
        assert_eq!(verdict(IF_UNMODIFIED_SINCE, before), Verdict::Failed);
        assert_eq!(verdict(IF_MATCH, "\"b\""), Verdict::Failed);
        let tag_first = headers(&[(IF_NONE_MATCH, "\"b\""), (IF_MODIFIED_SINCE, same)]);
        assert_eq!(check(&tag_first, version()), Verdict::Proceed);
    }

    #[test]
    fn one_range_is_understood_and_everything_else_is_the_whole() {
        let wanted = |spec| range(&headers(&[(RANGE, spec)]), version(), LENGTH);
        let part = |first, last| Wanted::Part { first, last };
        assert_eq!(wanted("bytes=0-0"), part(0, 0));
        assert_eq!(wanted("bytes=10-"), part(10, 999));
        assert_eq!(wanted("bytes=-10"), part(990, 999));
        assert_eq!(wanted("bytes=-5000"), part(0, 999));
        assert_eq!(wanted("bytes=10-99999999999999999999999"), part(10, 999));
        for spec in ["bytes=1000-", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(wanted(spec), Wanted::Nothing, "{spec}");
        }
        for spec in ["bytes=2-1", "bytes=0-1,5-6", "lines=0-1", "bytes=", "bytes=-", "bytes=+1-2"] {
            assert_eq!(wanted(spec), Wanted::Whole, "{spec}");
        }
    }

    #[test]
    fn a_range_of_another_version_is_the_whole() {
        let wanted =
            |tag| range(&headers(&[(RANGE, "bytes=0-0"), (IF_RANGE, tag)]), version(), LENGTH);
        let part = Wanted::Part { first: 0, last: 0 };
        assert_eq!(wanted("\"a\""), part);
        assert_eq!(wanted("\"b\""), Wanted::Whole);
        assert_eq!(wanted("W/\"a\""), Wanted::Whole);
        assert_eq!(wanted("Sun, 06 Nov 1994 08:49:37 GMT"), part);
        assert_eq!(wanted("Sun, 06 Nov 1994 08:49:38 GMT"), Wanted::Whole);
    }
}
