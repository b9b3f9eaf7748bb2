//! Names and targets of links as UDF records them.

use imgc_image::Entry;
use imgc_plan::tree::BytePath;

/// The most bytes of a name as it is recorded (4/14.4.4).
const MAX_NAME: usize = 255;

/// A text in OSTA's compressed Unicode (UDF 2.1.1): 8 bits a character where all are below 256, else UTF-16, big-endian; the first
/// byte says which.
pub fn encode(text: &str) -> Vec<u8> {
    let narrow: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    match narrow {
        Some(bytes) => [8].into_iter().chain(bytes).collect(),
        None => [16].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect(),
    }
}

/// A name as it is recorded, or why it cannot be.
fn component(name: &[u8]) -> Result<Vec<u8>, String> {
    let shown = BytePath(name.to_vec());
    let text = std::str::from_utf8(name).map_err(|_| format!("the name {shown} is no UTF-8"))?;
    let coded = encode(text);
    if coded.len() > MAX_NAME {
        return Err(format!("the name {shown} takes {} bytes in UDF, {MAX_NAME} are the most", coded.len()));
    }
    Ok(coded)
}

/// The name of an entry as it is recorded, or why it cannot be.
pub fn of(entry: &Entry) -> Result<Vec<u8>, String> {
    component(entry.name())
}

/// The target of a symbolic link as components of a path (4/14.16). What an empty one stands for, `.` says.
pub fn target(target: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let (mut rest, mut push) = (target, |kind: u8, name: &[u8]| {
        // Four bytes: the type, the length of the name, a version.
        out.extend([kind, u8::try_from(name.len()).expect("because names are short"), 0, 0]);
        out.extend(name);
    });
    if let Some(after) = target.strip_prefix(b"/") {
        push(2, &[]); // the root
        if after.is_empty() {
            return Ok(out);
        }
        rest = after;
    }
    for part in rest.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => push(4, &[]),
            b".." => push(3, &[]),
            name => push(5, &component(name)?),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_and_wide_names() {
        assert_eq!(encode("a\u{e9}"), [8, b'a', 0xe9]);
        assert_eq!(encode("\u{20ac}"), [16, 0x20, 0xac]);
        assert_eq!(component(&[b'x'; 254]).map(|coded| coded.len()), Ok(255));
        assert!(component(&[b'x'; 255]).expect_err("too long").contains("256 bytes"));
        assert!(component("\u{20ac}".repeat(127).as_bytes()).is_ok());
        assert!(component("\u{20ac}".repeat(128).as_bytes()).is_err());
        assert!(component(b"\xff").expect_err("no text").contains("UTF-8"));
    }

    #[test]
    fn targets_are_components() {
        assert_eq!(target(b"/").expect("a target"), [2, 0, 0, 0]);
        assert_eq!(
            target(b"/a/../").expect("a target"),
            [2, 0, 0, 0, 5, 2, 0, 0, 8, b'a', 3, 0, 0, 0, 4, 0, 0, 0]
        );
    }
}
