//! Debian's order of versions: `[epoch:]upstream[-revision]` (Debian Policy 5.6.12, deb-version(7)).

use std::cmp::Ordering;

/// Compares two versions as dpkg does.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (Parts::of(a), Parts::of(b));
    number(a.epoch, b.epoch)
        .then_with(|| part(a.upstream, b.upstream))
        .then_with(|| part(a.revision, b.revision))
}

struct Parts<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(version: &'a str) -> Self {
        let (epoch, rest) = version.split_once(':').unwrap_or(("", version));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        Self { epoch: epoch.as_bytes(), upstream: upstream.as_bytes(), revision: revision.as_bytes() }
    }
}

/// Compares by turns what is not digits, by [`weight`], and numbers. An end counts as a number 0, or as weight 0.
fn part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let word = |byte: &u8| !byte.is_ascii_digit();
    while !a.is_empty() || !b.is_empty() {
        let ((a_word, a_rest), (b_word, b_rest)) = (split(a, word), split(b, word));
        for index in 0..a_word.len().max(b_word.len()) {
            let order = weight(a_word.get(index)).cmp(&weight(b_word.get(index)));
            if order.is_ne() {
                return order;
            }
        }
        let (a_number, b_number);
        (a_number, a) = split(a_rest, u8::is_ascii_digit);
        (b_number, b) = split(b_rest, u8::is_ascii_digit);
        let order = number(a_number, b_number);
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn split(bytes: &[u8], inside: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|byte| !inside(byte)).unwrap_or(bytes.len()))
}

/// `~` is before the end, the end before letters, letters before everything else.
fn weight(byte: Option<&u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(*letter),
        Some(other) => i32::from(*other) + 256,
    }
}

/// Compares runs of digits of any length as numbers.
fn number(a: &[u8], b: &[u8]) -> Ordering {
    let strip = |digits: &[u8]| digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    let (a, b) = (&a[strip(a)..], &b[strip(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What dpkg says, which is who decides.
    fn dpkg(a: &str, b: &str) -> Ordering {
        let holds = |relation| {
            Command::new("dpkg")
                .args(["--compare-versions", a, relation, b])
                .status()
                .expect("this test needs dpkg: install the package `dpkg`")
                .success()
        };
        if holds("eq") {
            Ordering::Equal
        } else if holds("lt") {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    }

    fn agree(a: &str, b: &str) {
        assert_eq!(compare(a, b), dpkg(a, b), "{a} and {b}");
        assert_eq!(compare(b, a), compare(a, b).reverse(), "{b} and {a}");
    }

    #[test]
    fn the_order_is_dpkgs() {
        for pair in [
            ["1.0", "1.0-0"],
            ["1.0~rc1", "1.0"],
            ["1.0~~", "1.0~"],
            ["1.0~~a", "1.0~"],
            ["1:0.1", "2.0"],
            ["0:1", "1"],
            ["00:1", "1"],
            ["2.06-13+deb12u1", "2.06-13"],
            ["2.06-13", "2.06-2"],
            ["1.2.3", "1.2.3a"],
            ["1.2+b", "1.2a"],
            ["1.10", "1.9"],
            ["1.010", "1.10"],
            ["1.0-1-2", "1.0-1"],
            ["6.1.140-1", "6.1.99-1~bpo11+1"],
            ["1.35.0-4+b7", "1:1.35.0-4+b5"],
            ["99999999999999999999998", "99999999999999999999999"],
            ["1.a", "1.+"],
            ["1.", "1"],
            ["0", "0.0"],
        ] {
            agree(pair[0], pair[1]);
        }
    }

    #[test]
    fn the_order_is_dpkgs_for_many_pairs() {
        let mut state = 0x2545_f491_4f6c_dd1du64;
        let mut next = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut version = || {
            let letters = b"0019a~+.-Z";
            let mut text = if next(4) == 0 { format!("{}:", next(3)) } else { String::new() };
            text.push('1');
            for _ in 0..next(6) {
                text.push(char::from(letters[next(letters.len() as u64) as usize]));
            }
            // dpkg refuses a revision that is empty.
            text.push(char::from(b"0z"[next(2) as usize]));
            text
        };
        for _ in 0..150 {
            let (a, b) = (version(), version());
            agree(&a, &b);
        }
    }
}
