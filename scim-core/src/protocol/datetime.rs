//! Dates and times of RFC 3339 as instants (RFC 7643 §2.3.5).

use alloc::format;
use alloc::string::String;

/// Nanoseconds in a millisecond.
pub const NANOS_PER_MS: i128 = 1_000_000;
/// The latest time that has four digits for its year: 9999-12-31T23:59:59.999Z, in milliseconds.
pub const LATEST_MS: u64 = 253_402_300_799_999;

const NANOS_PER_SECOND: i128 = 1_000_000_000;
const MS_PER_DAY: u64 = 86_400_000;
/// Days from 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_1970: i64 = 719_468;
const DAYS_PER_400_YEARS: i64 = 146_097;
/// Digits of a fraction of a second that count; further ones are below a nanosecond.
const FRACTION_DIGITS: u32 = 9;

/// Nanoseconds since 1970-01-01T00:00:00Z, negative before; `None` if `text` is not a date and time
/// of RFC 3339 §5.6.
///
/// An offset is required: without one the text names no instant. A leap second is taken as the
/// second that follows it.
///
/// ```
/// use scim_core::protocol::datetime;
/// assert_eq!(datetime::parse("1970-01-01T01:00:00.5+01:00"), Some(500_000_000));
/// assert_eq!(datetime::parse("1970-01-01T00:00:00"), None);
/// ```
#[must_use]
pub fn parse(text: &str) -> Option<i128> {
    let mut cursor = Cursor { rest: text.as_bytes() };
    let year = cursor.number(4)?;
    cursor.byte(b"-")?;
    let month = cursor.number(2)?;
    cursor.byte(b"-")?;
    let day = cursor.number(2)?;
    cursor.byte(b"Tt")?;
    let hour = cursor.number(2)?;
    cursor.byte(b":")?;
    let minute = cursor.number(2)?;
    cursor.byte(b":")?;
    let second = cursor.number(2)?;
    let nanos = if cursor.byte(b".").is_some() { cursor.fraction()? } else { 0 };
    let offset_minutes = cursor.offset()?;
    let in_range = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !cursor.rest.is_empty() || !in_range {
        return None;
    }
    let minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
    Some(i128::from(minutes * 60 + second) * NANOS_PER_SECOND + i128::from(nanos))
}

/// `ms` milliseconds after 1970-01-01T00:00:00Z as `2026-01-31T12:00:00.123Z`.
///
/// Times after [`LATEST_MS`] are written as that one: RFC 3339 has no more than four digits for a
/// year.
#[must_use]
pub fn format_ms(ms: u64) -> String {
    let ms = ms.min(LATEST_MS);
    let (days, ms) = (ms / MS_PER_DAY, ms % MS_PER_DAY);
    let (year, month, day) = civil(i64::try_from(days).unwrap_or(0));
    let (seconds, ms) = (ms / 1000, ms % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts from 1 March, so that the leap day is the last day of its year.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let century4 = year.div_euclid(400);
    let year = year.rem_euclid(400);
    // The months from March have 31, 30, 31, 30, 31 days, again and again: 153 in five.
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + day_of_year;
    century4 * DAYS_PER_400_YEARS + days - DAYS_BEFORE_1970
}

/// Year, month and day of a day counted from 1970-01-01: the inverse of [`days_since_1970`].
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_BEFORE_1970;
    let century4 = days.div_euclid(DAYS_PER_400_YEARS);
    let day = days.rem_euclid(DAYS_PER_400_YEARS);
    // Leaves out the leap days passed: one in 1,461 days, none in 36,524, one in 146,096.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = year + century4 * 400;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

/// What of the text is still to be read.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    /// One byte, if it is one of `allowed`.
    fn byte(&mut self, allowed: &[u8]) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        allowed.contains(first).then(|| {
            self.rest = rest;
            *first
        })
    }

    /// A number of exactly so many digits.
    fn number(&mut self, digits: u32) -> Option<i64> {
        let mut number = 0;
        for _ in 0..digits {
            number = number * 10 + i64::from(self.byte(b"0123456789")? - b'0');
        }
        Some(number)
    }

    /// One digit or more after the point, as nanoseconds.
    fn fraction(&mut self) -> Option<i64> {
        let mut nanos = self.number(1)?;
        let mut digits = 1;
        while let Some(digit) = self.byte(b"0123456789") {
            if digits < FRACTION_DIGITS {
                nanos = nanos * 10 + i64::from(digit - b'0');
                digits += 1;
            }
        }
        Some(nanos * 10_i64.pow(FRACTION_DIGITS - digits))
    }

    /// `Z` or hours and minutes east of it, as minutes.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.byte(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let hours = self.number(2)?;
        self.byte(b":")?;
        let minutes = self.number(2)?;
        (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_fractions_name_the_same_instant() {
        let instant = parse("2011-05-13T04:42:34Z").unwrap();
        assert_eq!(instant, 1_305_261_754 * NANOS_PER_SECOND);
        for text in [
            "2011-05-13t04:42:34z",
            "2011-05-13T04:42:34.000000000000Z",
            "2011-05-13T06:42:34+02:00",
            "2011-05-12T23:12:34-05:30",
            "2011-05-13T04:42:34-00:00",
        ] {
            assert_eq!(parse(text), Some(instant), "{text}");
        }
        assert_eq!(parse("2011-05-13T04:42:34.1234567899Z"), Some(instant + 123_456_789));
        assert_eq!(parse("1969-12-31T23:59:59.9Z"), Some(-100_000_000));
        assert_eq!(parse("2016-12-31T23:59:60Z"), parse("2017-01-01T00:00:00Z"));
        assert_eq!(parse("0000-01-01T00:00:00Z"), Some(-62_167_219_200 * NANOS_PER_SECOND));
        assert!(parse("2000-02-29T00:00:00Z").is_some());
    }

    #[test]
    fn what_is_no_date_and_time_is_refused() {
        for text in [
            "",
            "2011-05-13",
            "2011-05-13T04:42Z",
            "2011-05-13T04:42:34",
            "2011-05-13 04:42:34Z",
            "2011-05-13T04:42:34.Z",
            "2011-05-13T04:42:34Zulu",
            "2011-05-13T04:42:34+0200",
            "2011-05-13T04:42:34+24:00",
            "2011-05-13T24:00:00Z",
            "2011-05-13T04:60:00Z",
            "2011-05-13T04:42:61Z",
            "2011-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2011-00-13T00:00:00Z",
            "2011-13-13T00:00:00Z",
            "2011-04-31T00:00:00Z",
            "2011-04-00T00:00:00Z",
            "11-05-13T04:42:34Z",
            "+2011-05-13T04:42:34Z",
            "２011-05-13T04:42:34Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_written_with_milliseconds() {
        assert_eq!(format_ms(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(format_ms(951_782_400_007), "2000-02-29T00:00:00.007Z");
        assert_eq!(format_ms(1_769_860_800_123), "2026-01-31T12:00:00.123Z");
        assert_eq!(format_ms(LATEST_MS), "9999-12-31T23:59:59.999Z");
        assert_eq!(format_ms(u64::MAX), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in 0..150_000 {
            let ms = day * MS_PER_DAY + 1;
            assert_eq!(parse(&format_ms(ms)), Some(i128::from(ms) * NANOS_PER_MS));
        }
    }
}
