//! Fingerprints of kinds: which code makes their bytes. Made by the build script, never by hand.

use imgc_plan::Family;

mod made {
    include!(concat!(env!("OUT_DIR"), "/fingerprints.rs"));
}

/// The digest of the code that a kind's bytes depend on: its own sources, what its family and all families share, the
/// locked dependencies. `None` when there is no such kind.
pub fn fingerprint(family: Family, kind: &str) -> Option<[u8; 32]> {
    fn place<T: ?Sized>(all: &[&'static T], is: impl Fn(&T) -> bool) -> Option<usize> {
        all.iter().position(|item| is(item))
    }
    let (digests, index) = match family {
        Family::Filesystem => (made::FS, place(crate::fs::ALL, |item| item.kind().name == kind)),
        Family::Table => (made::TABLE, place(crate::table::ALL, |item| item.kind().name == kind)),
        Family::Loader => (made::BOOT, place(crate::boot::ALL, |item| item.kind().name == kind)),
        Family::DiskFormat => (made::DISK, place(crate::disk::ALL, |item| item.kind().name == kind)),
        Family::Archive => (made::ARCHIVE, place(crate::archive::ALL, |item| item.kind().name == kind)),
    };
    // A list whose items the build script could not count would leave a kind without digest: all of them count then.
    let own = digests.get(index?).copied().unwrap_or_else(|| together(digests));
    Some(together(&[made::SHARED, own]))
}

/// The digest of what all kinds share: values, the contract, the locked dependencies.
pub fn shared() -> [u8; 32] {
    made::SHARED
}

/// The digest of the code that makes hash devices: its own sources and what all kinds share.
pub fn verity() -> [u8; 32] {
    together(&[made::SHARED, made::VERITY])
}

fn together(digests: &[[u8; 32]]) -> [u8; 32] {
    *blake3::hash(&digests.concat()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_script_saw_every_kind() {
        assert_eq!(made::FS.len(), crate::fs::ALL.len());
        assert_eq!(made::TABLE.len(), crate::table::ALL.len());
        assert_eq!(made::BOOT.len(), crate::boot::ALL.len());
        assert_eq!(made::DISK.len(), crate::disk::ALL.len());
        assert_eq!(made::ARCHIVE.len(), crate::archive::ALL.len());
    }

    #[test]
    fn kinds_have_fingerprints_and_others_have_none() {
        for kind in crate::fs::ALL {
            assert!(fingerprint(Family::Filesystem, kind.kind().name).is_some());
        }
        assert_eq!(fingerprint(Family::Table, "no such table"), None);
        assert_ne!(shared(), [0; 32]);
        assert_ne!(verity(), shared());
    }

    #[test]
    fn kinds_of_different_modules_differ_and_those_of_one_are_equal() {
        let fs = |name| fingerprint(Family::Filesystem, name).expect("a kind");
        assert_ne!(fs("ext4"), fs("vfat"));
        assert_eq!(fs("ext2"), fs("ext4"));
        let table = |name| fingerprint(Family::Table, name).expect("a kind");
        assert_ne!(fs("vfat"), table("gpt"));
    }
}
