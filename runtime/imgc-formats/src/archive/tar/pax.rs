//! PAX records: `length key=value` lines that say what a header cannot (POSIX.1-2017, `pax`, "pax Extended Header").

use std::collections::BTreeMap;

use super::super::gather::Xattr;

/// Records by key; later ones replace earlier ones, an empty value takes a key away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    map: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// The key under which star and GNU tar keep extended attributes, before the attribute's name.
pub const XATTR: &[u8] = b"SCHILY.xattr.";

/// The most bytes of records in force at once: the longest path and 64 KiB of attributes fit many times.
const MAX_RECORDS: usize = 1 << 20;

impl Records {
    /// Reads the body of an extended header over what is there.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn read(&mut self, mut body: &[u8]) -> Result<(), String> {
        while !body.is_empty() && body[0] != 0 {
            let (record, rest) = split(body).ok_or("its PAX records are malformed")?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or("a PAX record has no `=`")?;
            let (key, value) = (record[..equals].to_vec(), record[equals + 1..].to_vec());
            if value.is_empty() && !key.starts_with(XATTR) {
                self.map.remove(&key);
            } else {
                self.map.insert(key, value);
            }
            body = rest;
        }
        if self.map.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > MAX_RECORDS {
            return Err("there are more than 1 MiB of PAX records for it".into());
        }
        Ok(())
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.map.get(key.as_bytes()).map(Vec::as_slice)
    }

    /// A number that is not negative.
    ///
    /// # Errors
    /// A sentence when the value is no such number.
    pub fn number(&self, key: &str) -> Result<Option<u64>, String> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        match digits.and_then(|text| text.parse().ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(format!("its PAX {key} is not a number within limits")),
        }
    }

    /// A time as seconds and nanoseconds; digits beyond nanoseconds are dropped.
    ///
    /// # Errors
    /// A sentence when the value is no time.
    pub fn time(&self, key: &str) -> Result<Option<(i64, u32)>, String> {
        let Some(value) = self.get(key) else { return Ok(None) };
        time(value).map(Some).ok_or_else(|| format!("its PAX {key} is not a time"))
    }

    /// Whether a key starts so.
    pub fn has_prefix(&self, prefix: &str) -> bool {
        self.map.keys().any(|key| key.starts_with(prefix.as_bytes()))
    }

    /// Extended attributes by full name.
    pub fn xattrs(&self) -> Vec<Xattr> {
        self.map
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(XATTR)?, value)))
            .map(|(name, value)| (unescape(name).into(), value.clone().into()))
            .collect()
    }

    /// What these records and more of the same are together: the more win.
    pub fn with(&self, more: &Self) -> Self {
        let mut map = self.map.clone();
        map.extend(more.map.iter().map(|(key, value)| (key.clone(), value.clone())));
        Self { map }
    }
}

/// Splits off the first record, without its length and newline.
fn split(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = body.iter().take(12).position(|byte| *byte == b' ')?;
    let len: usize = std::str::from_utf8(&body[..space]).ok()?.parse().ok()?;
    if len < space + 2 || len > body.len() || body[len - 1] != b'\n' {
        return None;
    }
    Some((&body[space + 1..len - 1], &body[len..]))
}

fn time(value: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(value).ok()?;
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let nanos: u32 = format!("{:0<9}", &fraction[..fraction.len().min(9)]).parse().ok()?;
    match (negative, nanos) {
        (false, _) => Some((seconds, nanos)),
        (true, 0) => Some((-seconds, 0)),
        (true, _) => Some((-seconds - 1, 1_000_000_000 - nanos)),
    }
}

/// Appends one record. The length counts its own digits.
pub fn push(body: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut len = rest + 1;
    while rest + len.to_string().len() != len {
        len = rest + len.to_string().len();
    }
    body.extend_from_slice(format!("{len} ").as_bytes());
    body.extend_from_slice(key);
    body.push(b'=');
    body.extend_from_slice(value);
    body.push(b'\n');
}

/// The key of an extended attribute: `%` and `=` are escaped as GNU tar does.
pub fn xattr_key(name: &[u8]) -> Vec<u8> {
    let mut key = XATTR.to_vec();
    for byte in name {
        match byte {
            b'%' => key.extend_from_slice(b"%25"),
            b'=' => key.extend_from_slice(b"%3D"),
            byte => key.push(*byte),
        }
    }
    key
}

fn unescape(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((byte, after)) = rest.split_first() {
        let (byte, after) = match rest {
            [b'%', b'2', b'5', after @ ..] => (b'%', after),
            [b'%', b'3', b'D', after @ ..] => (b'=', after),
            _ => (*byte, after),
        };
        out.push(byte);
        rest = after;
    }
    out
}

/// A time as a PAX value: seconds with a fraction where there is one.
pub fn time_value(seconds: i64, nanos: u32) -> String {
    let (sign, whole, fraction) = if seconds < 0 && nanos > 0 {
        ("-", seconds.unsigned_abs() - 1, 1_000_000_000 - nanos)
    } else {
        (if seconds < 0 { "-" } else { "" }, seconds.unsigned_abs(), nanos)
    };
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{}", format!("{fraction:09}").trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        for len in [1, 85, 86, 87, 88, 89, 984, 985, 986, 987, 988, 9978, 9979, 9980] {
            let mut body = Vec::new();
            push(&mut body, b"path", &vec![b'x'; len]);
            let text = std::str::from_utf8(&body).expect("text");
            assert_eq!(text.split(' ').next().and_then(|n| n.parse().ok()), Some(body.len()));
            let mut records = Records::default();
            records.read(&body).expect("reads");
            assert_eq!(records.get("path").map(<[u8]>::len), Some(len));
        }
    }

    #[test]
    fn times_go_there_and_back() {
        for (seconds, nanos, text) in [
            (0, 0, "0"),
            (5, 1, "5.000000001"),
            (-1, 500_000_000, "-0.5"),
            (-3, 0, "-3"),
            (7, 120_000_000, "7.12"),
        ] {
            assert_eq!(time_value(seconds, nanos), text);
            assert_eq!(time(text.as_bytes()), Some((seconds, nanos)), "{text}");
        }
        for bad in ["", ".5", "x", "1.x", "--1", "99999999999999999999"] {
            assert_eq!(time(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn malformed_records_are_refused() {
        for bad in [&b"5 a=b"[..], b"99 a=b\n", b"x a=b\n", b"3 \n", b"5 abc\n", b"0 a=b\n", b"6 a=bc"] {
            assert!(Records::default().read(bad).is_err(), "{bad:?}");
        }
    }
}
