//! Points in time on the wire.
//!
//! Dates by hand: the protocol needs one format in one time zone, which is less than the smallest
//! date library brings along.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const SECONDS_PER_DAY: i64 = 86_400;
const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// The first second of the year 0 and the last of the year 9999: what RFC 3339 can say.
const SECONDS: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// A point in time, written as RFC 3339 in UTC, between the years 0 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp {
    /// Whole seconds since 1970, rounded down.
    seconds: i64,
    /// The rest, less than a second.
    nanos: u32,
}

/// A text is not a point in time as RFC 3339 writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time in RFC 3339 format")]
pub struct TimestampError;

impl Timestamp {
    /// Parses a date and time with any offset and up to nine digits of a fraction; more are dropped.
    ///
    /// # Errors
    ///
    /// [`TimestampError`] if the text has another form or names a day or time that does not exist. Leap
    /// seconds do not.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        parse(text.as_bytes()).ok_or(TimestampError)
    }

    /// Returns the time without its fraction of a second.
    pub fn whole_seconds(self) -> Self {
        Self { nanos: 0, ..self }
    }
}

/// Times outside of the range become its first or last second.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let (seconds, nanos) = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => (i64::try_from(after.as_secs()).unwrap_or(i64::MAX), after.subsec_nanos()),
            Err(error) => {
                let before = error.duration();
                let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
                match before.subsec_nanos() {
                    0 => (-seconds, 0),
                    nanos => (-seconds - 1, NANOS_PER_SECOND - nanos),
                }
            }
        };
        if SECONDS.contains(&seconds) {
            Self { seconds, nanos }
        } else {
            Self { seconds: seconds.clamp(*SECONDS.start(), *SECONDS.end()), nanos: 0 }
        }
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        let whole = Duration::from_secs(time.seconds.unsigned_abs());
        let start = if time.seconds < 0 { UNIX_EPOCH - whole } else { UNIX_EPOCH + whole };
        start + Duration::from_nanos(time.nanos.into())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.seconds.div_euclid(SECONDS_PER_DAY));
        let second = self.seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.nanos > 0 {
            write!(f, ".{}", format!("{:09}", self.nanos).trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let (year, text) = number(text, 4)?;
    let (month, text) = number(literal(text, b"-")?, 2)?;
    let (day, text) = number(literal(text, b"-")?, 2)?;
    let (hour, text) = number(literal(text, b"Tt")?, 2)?;
    let (minute, text) = number(literal(text, b":")?, 2)?;
    let (second, text) = number(literal(text, b":")?, 2)?;
    let (nanos, text) = fraction(text)?;
    let offset = offset(text)?;
    let exists = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    if !exists || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds =
        day_number(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second
            - offset;
    SECONDS.contains(&seconds).then_some(Timestamp { seconds, nanos })
}

fn literal<'a>(text: &'a [u8], any_of: &[u8]) -> Option<&'a [u8]> {
    let (first, rest) = text.split_first()?;
    any_of.contains(first).then_some(rest)
}

fn number(text: &[u8], digits: usize) -> Option<(i64, &[u8])> {
    let (number, rest) = text.split_at_checked(digits)?;
    number.iter().all(u8::is_ascii_digit).then(|| (decimal(number), rest))
}

fn decimal(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
}

/// Reads `.` and digits, if there are any, as nanoseconds.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let Some(text) = literal(text, b".") else { return Some((0, text)) };
    let length = text.iter().take_while(|c| c.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    let mut nanos = 0;
    for place in 0..9 {
        nanos = nanos * 10 + u32::from(digits.get(place).map_or(0, |digit| digit - b'0'));
    }
    (length > 0).then_some((nanos, rest))
}

/// Reads the offset from UTC, in seconds.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, text) = match text {
        b"Z" | b"z" => return Some(0),
        [b'+', text @ ..] => (1, text),
        [b'-', text @ ..] => (-1, text),
        _ => return None,
    };
    let (hours, text) = number(text, 2)?;
    let (minutes, rest) = number(literal(text, b":")?, 2)?;
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Returns the number of days from 1970-01-01 to a date of the Gregorian calendar.
///
/// Years are counted from March, so that the leap day comes last, and in cycles of 400, which all have
/// the same number of days.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    cycle * DAYS_PER_CYCLE + year * 365 + year / 4 - year / 100 + day_of_year - DAYS_TO_1970
}

/// Returns year, month and day: the inverse of [`day_number`].
fn date(day_number: i64) -> (i64, i64, i64) {
    let day = day_number + DAYS_TO_1970;
    let (cycle, day) = (day.div_euclid(DAYS_PER_CYCLE), day.rem_euclid(DAYS_PER_CYCLE));
    // The days that leap days have put in before this one, taken out again, leave years of 365.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (year * 365 + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = cycle * 400 + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

/// Days in 400 years.
const DAYS_PER_CYCLE: i64 = 146_097;

/// Days from the first of March of the year 0 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, nanos: u32) -> Timestamp {
        Timestamp::from(UNIX_EPOCH + Duration::new(seconds, nanos))
    }

    #[test]
    fn known_times_are_written_as_rfc_3339_in_utc() {
        assert_eq!(at(0, 0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400, 0).to_string(), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_700_000_000, 0).to_string(), "2023-11-14T22:13:20Z");
        assert_eq!(at(1_700_000_000, 120_000_000).to_string(), "2023-11-14T22:13:20.12Z");
        assert_eq!(at(1_700_000_000, 1).to_string(), "2023-11-14T22:13:20.000000001Z");
        assert_eq!(
            at(1_700_000_000, 999_999_999).whole_seconds().to_string(),
            "2023-11-14T22:13:20Z"
        );
    }

    #[test]
    fn offsets_and_fractions_are_understood() {
        let parse = |text| Timestamp::parse(text).map(|t| t.to_string()).expect("a valid time");
        assert_eq!(parse("2023-11-14T23:13:20+01:00"), "2023-11-14T22:13:20Z");
        assert_eq!(parse("2023-12-31t20:00:00.5-05:30"), "2024-01-01T01:30:00.5Z");
        assert_eq!(parse("2023-11-14T22:13:20.1234567891z"), "2023-11-14T22:13:20.123456789Z");
        assert_eq!(parse("0000-01-01T00:00:00Z"), "0000-01-01T00:00:00Z");
        assert_eq!(parse("9999-12-31T23:59:59.999Z"), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let dates =
            ["2023-02-29", "2100-02-29", "2023-00-01", "2023-13-01", "2023-04-31", "2023-01-00"];
        for text in dates.map(|date| format!("{date}T00:00:00Z")) {
            assert_eq!(Timestamp::parse(&text), Err(TimestampError), "{text}");
        }
        let times = [
            "24:00:00Z",
            "00:60:00Z",
            "00:00:60Z",
            "00:00:00",
            "00:00:00.Z",
            "00:00Z",
            "00:00:00+1:00",
        ];
        for text in times.map(|time| format!("2023-01-01T{time}")) {
            assert_eq!(Timestamp::parse(&text), Err(TimestampError), "{text}");
        }
        for text in [
            "",
            "now",
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "2023-01-01T00:00:00Zz",
        ] {
            assert_eq!(Timestamp::parse(text), Err(TimestampError), "{text}");
        }
    }

    #[test]
    fn every_day_from_the_year_0_to_9999_is_the_day_after_the_one_before() {
        let (mut year, mut month, mut day) = (0, 1, 1);
        for number in SECONDS.start() / SECONDS_PER_DAY..=SECONDS.end() / SECONDS_PER_DAY {
            assert_eq!(date(number), (year, month, day));
            assert_eq!(day_number(year, month, day), number);
            day += 1;
            if day > days_in_month(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!((year, month, day), (10_000, 1, 1));
    }

    #[test]
    fn system_times_go_there_and_back() {
        for time in [UNIX_EPOCH, UNIX_EPOCH + Duration::new(5, 7), UNIX_EPOCH - Duration::new(5, 7)]
        {
            assert_eq!(SystemTime::from(Timestamp::from(time)), time);
        }
        let before = Timestamp::from(UNIX_EPOCH - Duration::from_millis(250));
        assert_eq!(before.to_string(), "1969-12-31T23:59:59.75Z");
        let far = Timestamp::from(UNIX_EPOCH + Duration::from_secs(1 << 40));
        assert_eq!(far.to_string(), "9999-12-31T23:59:59Z");
    }
}
