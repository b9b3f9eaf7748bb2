//! Every writer of trees: what it holds, its options, the tool that checks what it made and the one that takes it apart.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use imgc_formats::{archive, filesystem};
use imgc_grove::{Names, Soil, host::Restored, options::options};
use imgc_image::{Blobs, Bytes, BytesBuilder, Failure, MemoryStore, Problem, Tree, read::Walk};

mod tools;

/// A writer.
pub struct Writer {
    /// The kind's name.
    pub kind: &'static str,
    /// What it holds.
    pub soil: Soil,
    /// Options to choose from: of each list one.
    pub choices: &'static [&'static [&'static str]],
    /// What the tool that extracts restores.
    pub restored: Restored,
    /// Names directly below the root that are the format's own.
    pub own: &'static [&'static str],
    /// Checks an image.
    pub check: fn(&Path),
    /// Extracts an image into a directory that is there; `None` where no tool does.
    pub extract: Option<fn(&Path, &Path)>,
}

const UNIX: Soil = Soil::UNIX;
/// debugfs makes each name a file of its own, and no pipes.
const DEBUGFS: Restored = Restored { links: false, pipes: false, ..Restored::ALL };

/// All of them.
pub static ALL: [Writer; 10] = [
    Writer {
        kind: "ext2",
        soil: Soil { target: 1023, ..UNIX },
        choices: &[
            EXT_BLOCKS,
            &["", "inode-size=512"],
            &["", "features=-dir-index", "profile=hurd inode-size=128"],
        ],
        restored: DEBUGFS,
        own: &["lost+found"],
        check: tools::e2fsck,
        extract: Some(tools::debugfs),
    },
    Writer {
        kind: "ext3",
        soil: UNIX,
        choices: &[EXT_BLOCKS, &["", "bytes-per-inode=1KiB"]],
        restored: DEBUGFS,
        own: &["lost+found"],
        check: tools::e2fsck,
        extract: Some(tools::debugfs),
    },
    Writer {
        kind: "ext4",
        soil: UNIX,
        choices: &[
            EXT_BLOCKS,
            &["", "inode-size=512", "inode-size=1024"],
            &["", "journal=none", "profile=compatible"],
            &["", "features=-extents,-64bit,-flex-bg", "features=metadata-csum-seed", "features=-dir-index"],
        ],
        restored: DEBUGFS,
        own: &["lost+found"],
        check: tools::e2fsck,
        extract: Some(tools::debugfs),
    },
    Writer {
        kind: "vfat",
        soil: Soil::PLAIN,
        choices: &[&["", "fat=16", "fat=32"], &["", "label=FUZZ"]],
        restored: Restored { mode: 0, times: false, ..Restored::ALL },
        own: &[],
        check: tools::fsck_fat,
        extract: Some(tools::mcopy),
    },
    Writer {
        kind: "exfat",
        soil: Soil::PLAIN,
        // fsck.exfat 1.2.0 has no room for a name of 255 units in three clusters of 512 bytes, and never ends.
        choices: &[
            &["", "cluster-size=1KiB", "cluster-size=64KiB"],
            &["", "align=1MiB"],
            &["", "label=Fuzz"],
        ],
        restored: Restored::ALL,
        own: &[],
        check: tools::fsck_exfat,
        extract: None,
    },
    Writer {
        kind: "squashfs",
        soil: Soil { target: 3000, nanos: false, times: (0, u32::MAX as i64), value: 3000, ..UNIX },
        choices: &[
            &["compress=gzip", "compress=xz", "compress=zstd", "compress=lz4"],
            &["block-size=4KiB", "block-size=128KiB", "block-size=1MiB"],
            &["", "fragments=false", "tail-packing=true"],
            &["", "exportable=false"],
            &["", "duplicates=false"],
        ],
        restored: Restored::ALL,
        own: &[],
        check: tools::unsquashfs_list,
        extract: Some(tools::unsquashfs),
    },
    Writer {
        kind: "erofs",
        soil: Soil { target: 3000, value: 3000, ..UNIX },
        choices: &[&[
            "",
            "compress=lz4",
            "compress=lz4hc",
            "compress=lz4hc level=3 cluster-size=16KiB",
            "compress=lz4 cluster-size=1MiB",
            "dedupe=true",
            "dedupe=true chunk-size=4KiB",
        ]],
        // fsck.erofs 1.5 leaves holes out instead of going past them, and makes links files of their own.
        restored: Restored { holes: false, links: false, ..Restored::ALL },
        own: &[],
        check: tools::fsck_erofs,
        extract: Some(tools::extract_erofs),
    },
    Writer {
        kind: "iso9660",
        // Linux cuts longer names, of which a warning tells.
        soil: Soil { block: 2048, nanos: false, xattrs: &[], minors: 256, longest: 253, ..UNIX },
        choices: &[
            &["", "level=1 joliet=false", "level=2", "level=4 joliet-length=103"],
            &["", "deep=keep"],
            &["", "names=relaxed"],
            &["", "padding=0"],
        ],
        restored: Restored::ALL,
        own: &[],
        check: tools::xorriso_check,
        extract: Some(tools::xorriso_extract),
    },
    Writer {
        kind: "tar",
        soil: Soil { target: 3000, sockets: false, times: (-100_000, 1 << 32), ..UNIX },
        choices: &[&["", "compress=gzip", "compress=zstd", "compress=xz"]],
        restored: Restored::ALL,
        own: &[],
        check: tools::tar_list,
        extract: Some(tools::tar_extract),
    },
    Writer {
        kind: "cpio",
        soil: Soil { target: 3000, nanos: false, xattrs: &[], odd_links: false, ..UNIX },
        choices: &[&["compress=none"]],
        // GNU cpio sets a directory's time before it fills it.
        restored: Restored { dir_times: false, ..Restored::ALL },
        own: &[],
        check: tools::cpio_list,
        extract: Some(tools::cpio_extract),
    },
];

const EXT_BLOCKS: &[&str] = &["", "block-size=1KiB", "block-size=2KiB"];

/// The writer of this kind.
///
/// # Panics
/// When there is none.
pub fn writer(kind: &str) -> &'static Writer {
    ALL.iter().find(|writer| writer.kind == kind).unwrap_or_else(|| panic!("there is no writer {kind}"))
}

impl Writer {
    /// Whether options go together.
    pub fn takes(&self, text: &str) -> bool {
        match filesystem(self.kind) {
            Some(kind) => kind.check(&options(kind.kind(), text)).is_empty(),
            None => archive(self.kind).is_some_and(|kind| kind.check(&options(kind.kind(), text)).is_empty()),
        }
    }

    /// Writes a tree: a filesystem of a given length at the least that it needs.
    ///
    /// # Errors
    /// What cannot be held.
    ///
    /// # Panics
    /// When what was written does not fit together.
    pub fn write(
        &self,
        text: &str,
        tree: &Tree,
        store: &MemoryStore,
    ) -> Result<(Arc<Bytes>, Vec<Problem>), Failure> {
        let Some(kind) = filesystem(self.kind) else {
            let kind = archive(self.kind).expect("a filesystem or an archive");
            let (bytes, warnings) = kind.pack(&options(kind.kind(), text), tree, store)?;
            return Ok((Arc::new(bytes), warnings));
        };
        let options = options(kind.kind(), text);
        let imgc_plan::kind::Traits::Filesystem(traits) = &kind.kind().traits else {
            panic!("{} is a filesystem", self.kind)
        };
        let mut len = if traits.own_length { 0 } else { kind.measure(&options, Some(tree))? };
        let mut out = BytesBuilder::new(store);
        let warnings = kind.write(&options, Some(tree), len, &mut out)?;
        if traits.own_length {
            len = out.chosen_len().expect("it says its length");
        }
        Ok((Arc::new(out.finish(len).expect("pieces that do not overlap")), warnings))
    }

    /// Writes a tree into a file, has it checked and taken apart, and compares.
    ///
    /// # Panics
    /// With whatever is not as it should be.
    pub fn prove(&self, text: &str, tree: &Tree, store: &MemoryStore, extract: bool) {
        let (bytes, _) = self.write(text, tree, store).unwrap_or_else(|error| panic!("{text}: {error}"));
        let dir = tempfile::tempdir().expect("a temporary directory");
        let image = dir.path().join("image");
        write_sparse(&bytes, store, &image).expect("there is room for the image");
        (self.check)(&image);
        if let (Some(tool), true) = (self.extract, extract) {
            let to = dir.path().join("extracted");
            fs::create_dir(&to).expect("a directory");
            tool(&image, &to);
            imgc_grove::host::same(&to, tree, store, self.restored, self.own);
            // What was extracted may not be searched by its owner.
            let _ = Command::new("chmod").args(["-R", "u+rwX"]).arg(&to).output();
        }
    }

    /// Whether names are text.
    pub fn is_plain(&self) -> bool {
        self.soil.names == Names::Text
    }
}

/// Writes Bytes into a new file, holes kept.
///
/// # Errors
/// When contents cannot be read or the file cannot be written.
pub fn write_sparse(bytes: &Arc<Bytes>, store: &dyn Blobs, path: &PathBuf) -> std::io::Result<()> {
    let file = File::create(path)?;
    file.set_len(bytes.len())?;
    let mut buf = vec![0; 1 << 20];
    for leaf in Walk::new(bytes) {
        let mut done = 0;
        while done < leaf.len {
            let now = usize::try_from(leaf.len - done).map_or(buf.len(), |left| left.min(buf.len()));
            store.read_at(&leaf.blob, leaf.offset + done, &mut buf[..now])?;
            file.write_all_at(&buf[..now], leaf.at + done)?;
            done += now as u64;
        }
    }
    Ok(())
}
