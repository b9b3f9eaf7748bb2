//! Quantities as people write them: sizes with binary units, durations.

/// Reads a size such as `512MiB`, `64KiB`, `1TiB`, `2048s` is *not* one: only `B`, `KiB`, `MiB`, `GiB`, `TiB`.
///
/// # Errors
/// A sentence that says what is wrong and what would be right.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        _ if digits == 0 => return Err("a size is a whole number and a unit, such as \"64MiB\"".into()),
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        "K" | "M" | "G" | "T" | "k" | "m" | "g" | "t" | "KB" | "MB" | "GB" | "TB" | "kB" => {
            let letter = unit[..1].to_uppercase();
            return Err(format!(
                "the unit `{unit}` could mean powers of 1000 or of 1024; write `{number}{letter}iB`"
            ));
        }
        "" => return Err(format!("a size needs a unit: `{number}B`, `{number}KiB`, `{number}MiB`, …")),
        _ => return Err(format!("unknown unit `{unit}`; there are B, KiB, MiB, GiB and TiB")),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|value| value.checked_mul(1 << shift))
        .filter(|bytes| i64::try_from(*bytes).is_ok())
        .ok_or_else(|| format!("`{text}` is more than 8 EiB"))
}

/// Prints a size with the largest unit that keeps it a whole number: the form that [`parse_size`] reads back.
pub fn format_size(bytes: u64) -> String {
    for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes != 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    format!("{bytes}B")
}

/// Prints a size for people: at most one decimal place, such as `61.4 MiB`.
pub fn approximate_size(bytes: u64) -> String {
    for (shift, unit) in [(40u32, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes >= 1 << shift {
            let tenths = (u128::from(bytes) * 10) >> shift;
            return if tenths % 10 == 0 {
                format!("{} {unit}", tenths / 10)
            } else {
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            };
        }
    }
    format!("{bytes} B")
}

/// Reads a duration such as `5s`, `500ms` or `2min`, in milliseconds.
///
/// # Errors
/// A sentence that says what is wrong and what would be right.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        _ => return Err("a duration is a whole number and a unit: \"500ms\", \"5s\" or \"2min\"".into()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|value| value.checked_mul(factor))
        .ok_or_else(|| "a duration is a whole number and a unit: \"500ms\", \"5s\" or \"2min\"".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_printed() {
        for (text, bytes) in
            [("0B", 0), ("1KiB", 1024), ("512MiB", 512 << 20), ("3GiB", 3 << 30), ("1TiB", 1 << 40)]
        {
            assert_eq!(parse_size(text), Ok(bytes));
            assert_eq!(format_size(bytes), text);
        }
        assert_eq!(format_size(1536), "1536B");
        assert_eq!(approximate_size(1536 << 10), "1.5 MiB");
    }

    #[test]
    fn wrong_sizes_say_what_would_be_right() {
        assert!(parse_size("512M").unwrap_err().contains("512MiB"));
        assert!(parse_size("512").unwrap_err().contains("512MiB"));
        assert!(parse_size("MiB").unwrap_err().contains("64MiB"));
        assert!(parse_size("9999999999TiB").unwrap_err().contains("8 EiB"));
        assert!(parse_size("1.5GiB").unwrap_err().contains("unit"));
    }

    #[test]
    fn durations_are_milliseconds() {
        assert_eq!(parse_duration("5s"), Ok(5000));
        assert_eq!(parse_duration("2min"), Ok(120_000));
        assert!(parse_duration("5").is_err());
    }
}
