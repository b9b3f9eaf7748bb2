//! Dates of release files, and the clock that they are held against.

/// Seconds since 1970 by this machine's clock.
pub(crate) fn now() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "whether a signature or an index is out of date is a question of now; it decides no bytes"
    )]
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads a date such as `Sat, 11 Jul 2026 10:16:37 UTC` as seconds since 1970 (the RFC 822 form that Debian's repository
/// format prescribes, always in UTC).
pub(crate) fn parse(text: &str) -> Option<i64> {
    let mut words = text.split_ascii_whitespace();
    let _weekday = words.next().filter(|word| word.ends_with(','))?;
    let day = number(words.next()?, 1, 31)?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let year = number(words.next()?, 1970, 9999)?;
    let mut time = words.next()?.split(':');
    let hour = number(time.next()?, 0, 23)?;
    let minute = number(time.next()?, 0, 59)?;
    let second = number(time.next()?, 0, 60)?;
    let utc = words.next().is_some_and(|zone| ["UTC", "GMT", "Z", "+0000"].contains(&zone));
    let whole = utc && time.next().is_none() && words.next().is_none();
    whole.then_some(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn number(text: &str, least: i64, most: i64) -> Option<i64> {
    let digits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|value| digits && (least..=most).contains(value))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that a leap day is a year's last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

/// Prints the day of a time since 1970, such as `2026-07-11`.
pub(crate) fn day(seconds: i64) -> String {
    let count = seconds.div_euclid(86_400);
    let mut year = 1970 + count / 366;
    while days(year + 1, 1, 1) <= count {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| days(year, *month, 1) <= count).unwrap_or(1);
    format!("{year:04}-{month:02}-{:02}", count - days(year, month, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_printed() {
        for (text, seconds, printed) in [
            ("Thu, 01 Jan 1970 00:00:00 UTC", 0, "1970-01-01"),
            ("Sat, 11 Jul 2026 10:16:37 UTC", 1_783_764_997, "2026-07-11"),
            ("Thu, 29 Feb 2024 23:59:59 UTC", 1_709_251_199, "2024-02-29"),
            ("Fri, 31 Dec 1999 00:00:00 GMT", 946_598_400, "1999-12-31"),
            ("Sat,  1 Mar 2200 00:00:00 +0000", 7_263_216_000, "2200-03-01"),
        ] {
            assert_eq!(parse(text), Some(seconds), "{text}");
            assert_eq!(day(seconds), printed);
        }
    }

    #[test]
    fn other_things_are_no_dates() {
        for text in [
            "",
            "2026-07-11",
            "Sat, 11 Jul 2026 10:16:37 CEST",
            "Sat, 11 Jul 2026 10:16 UTC",
            "Sat, 32 Jul 2026 10:16:37 UTC",
            "Sat, 11 Foo 2026 10:16:37 UTC",
            "Sat, 11 Jul 99999999999999999999 10:16:37 UTC",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
