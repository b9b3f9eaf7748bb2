//! Partition types by name: those that tools and kernels still tell apart (lists of libfdisk and of Microsoft).
//!
//! The extended partition's types are not among them: it follows from the logical partitions.

/// Types by byte.
pub(super) const TYPES: &[(&str, &str)] = &[
    ("linux", "83"),
    ("swap", "82"),
    ("esp", "ef"),
    ("xbootldr", "ea"),
    // What Windows calls basic data has a type for each filesystem here; FAT32 with addresses by sector is the one that
    // every system mounts.
    ("basic-data", "0c"),
    // No filesystem that anyone else should look for.
    ("raw", "da"),
    ("fat12", "01"),
    ("fat16-small", "04"),
    ("fat16", "06"),
    ("fat16-lba", "0e"),
    ("fat32", "0b"),
    ("fat32-lba", "0c"),
    ("ntfs", "07"),
    ("exfat", "07"),
    ("hidden-fat12", "11"),
    ("hidden-fat16-small", "14"),
    ("hidden-fat16", "16"),
    ("hidden-fat16-lba", "1e"),
    ("hidden-fat32", "1b"),
    ("hidden-fat32-lba", "1c"),
    ("hidden-ntfs", "17"),
    ("windows-recovery", "27"),
    ("linux-lvm", "8e"),
    ("linux-raid", "fd"),
    ("prep", "41"),
    ("minix", "81"),
    ("hurd", "63"),
    ("plan9", "39"),
    ("freebsd", "a5"),
    ("openbsd", "a6"),
    ("netbsd", "a9"),
    ("apple-hfs", "af"),
    ("haiku", "eb"),
    ("gpt-protective", "ee"),
];
