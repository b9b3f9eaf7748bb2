//! Why a disk cannot be laid out, and how sizes are said in messages.

use crate::units::{approximate_size, format_size};

/// Why a disk cannot be laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutProblem {
    /// The partition to blame; the disk when `None`.
    pub part: Option<String>,
    /// A stable code: `partition-overlap`, `disk-too-small`, …
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// Another partition that is concerned (the one that is overlapped).
    pub other: Option<String>,
}

impl LayoutProblem {
    /// A problem of the disk as a whole.
    pub(super) fn disk(code: &'static str, message: String) -> Self {
        Self { part: None, code, message, help: None, other: None }
    }

    /// A problem of a partition.
    pub(super) fn part(name: &str, code: &'static str, message: String) -> Self {
        Self { part: Some(name.to_owned()), ..Self::disk(code, message) }
    }

    /// With a hint that says what would mend it.
    pub(super) fn help(mut self, help: String) -> Self {
        self.help = Some(help);
        self
    }

    /// With the other partition that is concerned.
    pub(super) fn other(mut self, name: &str) -> Self {
        self.other = Some(name.to_owned());
        self
    }
}

/// A size for people, with the exact number beside it where rounding hides something: `1 MiB`, `1 MiB (1049088 B)`.
pub(super) fn say(bytes: u128) -> String {
    let Ok(small) = u64::try_from(bytes) else {
        return "more than 16 EiB".into();
    };
    let short = approximate_size(small);
    let shift = match small {
        0..0x400 => 0,
        0x400..0x10_0000 => 10,
        0x10_0000..0x4000_0000 => 20,
        0x4000_0000..0x100_0000_0000 => 30,
        _ => 40,
    };
    let tenth_is_exact = (u128::from(small) * 10) % (1 << shift) == 0;
    if tenth_is_exact { short } else { format!("{short} ({small} B)") }
}

/// A size as a manifest writes it, exactly.
pub(super) fn exact(bytes: u128) -> String {
    format_size(u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// A size as a manifest writes it, rounded up to whole MiB: for advice on how large something should be.
pub(super) fn roomy(bytes: u128) -> String {
    exact(bytes.div_ceil(1 << 20) << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_exactly_where_rounding_would_lie() {
        assert_eq!(say(700 << 20), "700 MiB");
        assert_eq!(say(1536 << 10), "1.5 MiB");
        assert_eq!(say((1 << 20) + 512), "1 MiB (1049088 B)");
        assert_eq!(say(33 * 512), "16.5 KiB");
        assert_eq!(say(u128::MAX), "more than 16 EiB");
        assert_eq!(roomy((1 << 20) + 1), "2MiB");
        assert_eq!(exact(u128::MAX), "18446744073709551615B");
    }
}
