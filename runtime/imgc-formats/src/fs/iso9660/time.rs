//! Times as ISO 9660 keeps them: seven bytes from 1900 to 2155, or seventeen digits from year 1 to 9999 (ECMA-119, 9.1.5 and 8.4.26.1).

/// The seconds of a day.
const DAY: i64 = 86_400;
/// The first and last second that seven bytes hold.
pub const SHORT: (i64, i64) = (days(1900, 1, 1) * DAY, days(2156, 1, 1) * DAY - 1);
/// The first and last second that seventeen digits hold.
pub const LONG: (i64, i64) = (days(1, 1, 1) * DAY, days(10_000, 1, 1) * DAY - 1);
/// A time that is not given (ECMA-119, 8.4.26.1).
pub const NONE: [u8; 17] = *b"0000000000000000\0";

/// The day of a Gregorian date, counted from 1970-01-01. Years begin in March here, so that the leap day comes last: then
/// month `m` starts at day `(153 m + 2) / 5`.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The Gregorian date of a day: the inverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Year, month, day, hour, minute, second, in UTC.
pub fn parts(seconds: i64) -> [i64; 6] {
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    [year, month, day, second / 3600, second / 60 % 60, second % 60]
}

/// The nearest time that seven bytes hold (9.1.5): years since 1900, month, day, hour, minute, second, quarter hours from UTC.
pub fn short(seconds: i64) -> [u8; 7] {
    let [year, rest @ ..] = parts(seconds.clamp(SHORT.0, SHORT.1));
    let mut out = [0; 7];
    for (byte, part) in out.iter_mut().zip([year - 1900].into_iter().chain(rest)) {
        *byte = u8::try_from(part).expect("because the parts of a clamped time are small");
    }
    out
}

/// The nearest time that seventeen digits hold (8.4.26.1): sixteen digits down to hundredths, quarter hours from UTC.
pub fn long(seconds: i64) -> [u8; 17] {
    let [year, month, day, hour, minute, second] = parts(seconds.clamp(LONG.0, LONG.1));
    let text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}00\0");
    text.as_bytes().try_into().expect("because a clamped year has four digits")
}

/// Seconds since 1970 of parts and quarter hours from UTC; `None` when there is no such time.
fn join(parts: [i64; 6], zone: u8) -> Option<i64> {
    let [year, month, day, hour, minute, second] = parts;
    let real =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
    let zone = i64::from(i8::from_ne_bytes([zone])) * 900;
    real.then(|| days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - zone)
}

/// Reads seven bytes; `None` when they are no time.
pub fn read_short(bytes: &[u8]) -> Option<i64> {
    let &[year, month, day, hour, minute, second, zone] = bytes else { return None };
    join([1900 + i64::from(year), month.into(), day.into(), hour.into(), minute.into(), second.into()], zone)
}

/// Reads seventeen digits: seconds and nanoseconds; `None` when they are no time, or not given.
pub fn read_long(bytes: &[u8]) -> Option<(i64, u32)> {
    let (digits, zone) = (bytes.get(..16)?, *bytes.get(16)?);
    let number = |from: usize, to: usize| -> Option<i64> {
        let part = std::str::from_utf8(&digits[from..to]).ok()?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let parts =
        [number(0, 4)?, number(4, 6)?, number(6, 8)?, number(8, 10)?, number(10, 12)?, number(12, 14)?];
    let hundredths = u32::try_from(number(14, 16)?).ok()?;
    Some((join(parts, zone)?, hundredths * 10_000_000))
}

/// A time as text, for the dump.
pub fn text(seconds: i64) -> String {
    let [year, month, day, hour, minute, second] = parts(seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_back() {
        for seconds in [0, 951_782_400, 1_000_000_001, SHORT.0, SHORT.1, -1] {
            assert_eq!(read_short(&short(seconds)), Some(seconds));
            assert_eq!(read_long(&long(seconds)), Some((seconds, 0)));
        }
        for seconds in [LONG.0, LONG.1, SHORT.0 - 1, SHORT.1 + 1] {
            assert_eq!(read_long(&long(seconds)), Some((seconds, 0)));
        }
        assert_eq!(SHORT, (-2_208_988_800, 5_869_583_999));
        assert_eq!(&long(1_000_000_001), b"2001090901464100\0");
        assert_eq!(short(1_000_000_001), [101, 9, 9, 1, 46, 41, 0]);
        assert_eq!(text(0), "1970-01-01T00:00:00");
    }

    #[test]
    fn times_beyond_the_ends_are_clamped_and_odd_ones_refused() {
        assert_eq!(short(i64::MAX), short(SHORT.1));
        assert_eq!(long(i64::MIN), long(LONG.0));
        assert_eq!(read_long(&NONE), None);
        assert_eq!(read_short(&[0; 7]), None);
        assert_eq!(read_short(&[70, 1, 1, 1, 0, 0, 4]), Some(0));
        assert_eq!(read_short(&[70, 1, 1, 0, 0, 0, 0xfc]), Some(3600));
        assert_eq!(read_long(b"2001x90901464100\0"), None);
    }
}
