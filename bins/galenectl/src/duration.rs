//! Lengths of time as Go writes them: `90m`, `1h30m`, `-1.5s`.

use std::time::{Duration, SystemTime};

/// A length of time, forward or backward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SignedDuration {
    pub(crate) is_negative: bool,
    pub(crate) length: Duration,
}

impl SignedDuration {
    /// Returns the time that is so much later, or earlier; `None` if there is no such time.
    pub(crate) fn after(self, time: SystemTime) -> Option<SystemTime> {
        if self.is_negative { time.checked_sub(self.length) } else { time.checked_add(self.length) }
    }
}

/// Parses numbers with units: `ns`, `us`, `ms`, `s`, `m` or `h`. There are no days.
pub(crate) fn parse(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("{text:?} is not a duration such as 90m, 24h or 1h30m");
    let unsigned = text.strip_prefix(['-', '+']);
    let mut rest = unsigned.unwrap_or(text);
    let is_negative = text.starts_with('-');
    if rest == "0" {
        return Ok(SignedDuration { is_negative, length: Duration::ZERO });
    }
    let mut length = Duration::ZERO;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let nanos: u64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => return Err("days are not known; write 24h for a day".to_owned()),
            _ => return Err(wrong()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(wrong());
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| wrong())? };
        let part = |place: usize, digit: u8| {
            u64::from(digit - b'0') * nanos / 10_u64.pow(place as u32 + 1)
        };
        if fraction.len() > 15 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(wrong());
        }
        let fraction: u64 =
            fraction.bytes().enumerate().map(|(place, digit)| part(place, digit)).sum();
        let nanos = whole.checked_mul(nanos).and_then(|nanos| nanos.checked_add(fraction));
        let summand = Duration::from_nanos(nanos.ok_or_else(wrong)?);
        length = length.checked_add(summand).ok_or_else(wrong)?;
        rest = after;
    }
    // Go's own limit, about 292 years.
    if length.as_nanos() > i64::MAX as u128 {
        return Err(wrong());
    }
    Ok(SignedDuration { is_negative, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_add_up() {
        for (text, millis) in [
            ("90m", 5_400_000),
            ("24h", 86_400_000),
            ("1h30m", 5_400_000),
            ("300ms", 300),
            ("1.5s", 1_500),
            (".5h", 1_800_000),
            ("2000us", 2),
            ("0", 0),
            ("+1s", 1_000),
        ] {
            let length = Duration::from_millis(millis);
            assert_eq!(parse(text), Ok(SignedDuration { is_negative: false, length }), "{text}");
        }
        let backward = parse("-1m").expect("valid");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        assert_eq!(backward.after(now), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(40)));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "-", "1", "h", "1x", "1.2.3s", ".s", "1 h", "3000000h", "99999999999999999999s"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("1d"), Err("days are not known; write 24h for a day".to_owned()));
    }
}
