//! Times as FAT keeps them: from 1980 to 2107, in UTC, to two seconds (FAT 1.03, section 6, "Date and Time Formats").

/// 1980-01-01T00:00:00Z.
const FIRST: i64 = 315_532_800;

/// 2107-12-31T23:59:59Z.
const LAST: i64 = 4_354_819_199;

/// A date, a time of day, and the hundredths of a second beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Years since 1980, month, day: 7, 4 and 5 bits.
    pub date: u16,
    /// Hours, minutes, seconds halved: 5, 6 and 5 bits.
    pub time: u16,
    /// Hundredths of a second that `time` leaves out, 0 to 199; only for the time of creation.
    pub hundredths: u8,
}

impl Stamp {
    /// The nearest time that FAT holds.
    pub fn of(seconds: i64, nanos: u32) -> Self {
        let clamped = seconds.clamp(FIRST, LAST);
        let nanos = if clamped == seconds { nanos } else { 0 };
        let days = clamped.div_euclid(86_400);
        let second = clamped.rem_euclid(86_400);
        let (year, month, day) = civil(days);
        let narrow =
            |value: i64| u16::try_from(value).expect("because the parts of a clamped time are small");
        let odd = narrow(second % 2) * 100;
        let hundredths = odd + u16::try_from(nanos / 10_000_000).unwrap_or(0);
        Self {
            date: narrow((year - 1980) << 9 | month << 5 | day),
            time: narrow((second / 3600) << 11 | (second / 60 % 60) << 5 | (second % 60 / 2)),
            hundredths: u8::try_from(hundredths).expect("because it is below 200"),
        }
    }
}

/// Whether FAT cannot hold a time, in seconds since 1970, and takes the nearest that it can.
pub fn clamps(seconds: i64) -> bool {
    !(FIRST..=LAST).contains(&seconds)
}

/// Seconds since 1970 of a date and a time as FAT keeps them; parts that no time has are taken for the nearest that one has.
pub fn seconds(date: u16, time: u16) -> i64 {
    let (year, month, day) = (1980 + i64::from(date >> 9), i64::from(date >> 5 & 15), i64::from(date & 31));
    let (month, day) = (month.clamp(1, 12), day.max(1));
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let (hour, minute, second) = (time >> 11, time >> 5 & 63, (time & 31) * 2);
    let second = i64::from(hour.min(23)) * 3600 + i64::from(minute.min(59)) * 60 + i64::from(second.min(59));
    days * 86_400 + second
}

/// The Gregorian date of a day counted from 1970-01-01. Years begin in March here, so that the leap day comes last: then
/// month `m` starts at day `(153 m + 2) / 5`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back() {
        for time in [FIRST, 951_782_398, 951_782_400, 951_868_800, 1_000_000_000, 4_107_542_400, LAST - 1] {
            let stamp = Stamp::of(time, 0);
            assert_eq!(seconds(stamp.date, stamp.time), time);
        }
        assert_eq!(seconds(0, u16::MAX), FIRST + 86_399);
    }

    #[test]
    fn times_are_rounded_down_and_clamped() {
        let parts = |seconds| {
            let Stamp { date, time, .. } = Stamp::of(seconds, 0);
            (1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2)
        };
        assert_eq!(parts(0), (1980, 1, 1, 0, 0, 0));
        assert_eq!(parts(1_000_000_001), (2001, 9, 9, 1, 46, 40));
        assert_eq!(parts(951_782_399), (2000, 2, 28, 23, 59, 58));
        assert_eq!(parts(951_782_400), (2000, 2, 29, 0, 0, 0));
        assert_eq!(parts(i64::MAX), (2107, 12, 31, 23, 59, 58));
        assert_eq!(Stamp::of(1_000_000_001, 990_000_000).hundredths, 199);
    }
}
