//! The filesystems that are mounted: how a manifest makes them, how a kernel mounts them, what they can hold.

use imgc_tests::listing::Line;

use super::forest::Layer;

/// The symbolic link that takes a block of 4096 bytes in an ext filesystem.
const LONG_LINKS: &[&[u8]] = &[b"kinds/link-3000"];

/// What UDF cannot hold: names that are no Unicode, targets with many components. And targets in which it says otherwise what is the
/// same: an empty component is `.` there.
const NOT_UDF: &[&[u8]] = &[
    b"names/caf\xe9-latin1",
    b"kinds/bytes",
    b"kinds/link-60",
    b"kinds/link-254",
    b"kinds/link-1023",
    b"kinds/link-3000",
    b"kinds/absolute",
];

/// Which attributes a filesystem holds.
#[derive(Clone, Copy)]
pub struct Holds {
    /// How much of the hostile tree; `None`: it holds the plain one, without modes, owners and links.
    pub layer: Option<Layer>,
    /// Starts of names of extended attributes.
    pub xattrs: &'static [&'static str],
    /// Nanoseconds that times are multiples of.
    pub step: i128,
    /// Whether the root has the tree's attributes.
    pub root: bool,
    /// Whether times after 2038 are seen before 1970: older kernels keep those of ISO 9660 in 32 bits (`iso_date`).
    pub wraps: bool,
    /// Paths of the hostile tree that it has no room for.
    pub without: &'static [&'static [u8]],
    /// Whether the names of one file are seen to be of one.
    pub shares: bool,
}

const EXT: Holds = Holds {
    layer: Some(Layer::Wide),
    xattrs: &["user.", "trusted.", "security.", "system."],
    step: 1,
    root: true,
    wraps: false,
    without: &[],
    shares: true,
};
/// A symbolic link lies in one block.
const SMALL_EXT: Holds = Holds { without: LONG_LINKS, ..EXT };
/// 128-byte inodes have no parts of a second and end in 2038.
const OLD_EXT: Holds = Holds { layer: Some(Layer::Base), step: 1_000_000_000, ..EXT };
const EROFS: Holds = EXT;
const SQUASHFS: Holds = Holds {
    layer: Some(Layer::Long),
    xattrs: &["user.", "trusted.", "security."],
    step: 1_000_000_000,
    root: true,
    wraps: false,
    without: &[],
    shares: true,
};
/// Linux cuts names of more than 253 bytes, and shows a file's names apart.
const ISO: Holds = Holds {
    layer: Some(Layer::Huge),
    xattrs: &[],
    step: 1_000_000_000,
    root: true,
    wraps: true,
    without: &[],
    shares: false,
};
const SMALL_ISO: Holds = Holds { layer: Some(Layer::Late), ..ISO };
const FAT: Holds = Holds {
    layer: None,
    xattrs: &[],
    step: 2_000_000_000,
    root: false,
    wraps: false,
    without: &[],
    shares: false,
};
const EXFAT: Holds = Holds { step: 10_000_000, ..FAT };
/// Its times have microseconds.
const UDF: Holds =
    Holds { layer: Some(Layer::Huge), step: 1000, wraps: false, shares: true, without: NOT_UDF, ..ISO };
/// An initramfs, unpacked by the kernel.
pub const CPIO: Holds = Holds {
    layer: Some(Layer::Late),
    xattrs: &[],
    step: 1_000_000_000,
    root: true,
    wraps: false,
    without: &[],
    shares: true,
};

/// A filesystem on a partition.
#[derive(Clone, Copy)]
pub struct Mounted {
    /// The partition's name.
    pub name: &'static str,
    /// The node of the manifest, without its tree.
    pub node: &'static str,
    /// The partition's size.
    pub size: &'static str,
    /// `mount -t`.
    pub kind: &'static str,
    /// `mount -o`.
    pub options: &'static str,
    /// What it can hold.
    pub holds: Holds,
    /// Whether it can be written to.
    pub writable: bool,
}

const fn read_only(name: &'static str, node: &'static str, kind: &'static str, holds: Holds) -> Mounted {
    Mounted { name, node, size: "size=fit", kind, options: "ro", holds, writable: false }
}

const fn ext(name: &'static str, node: &'static str, kind: &'static str, holds: Holds) -> Mounted {
    Mounted { name, node, size: "size=fit slack=\"24MiB\"", kind, options: "rw", holds, writable: true }
}

const fn fat(name: &'static str, node: &'static str, size: &'static str) -> Mounted {
    Mounted { name, node, size, kind: "vfat", options: "utf8,tz=UTC", holds: FAT, writable: true }
}

/// What every kernel of this age mounts.
pub const ALL: [Mounted; 26] = [
    ext("ext2", "ext2", "ext2", EXT),
    ext("ext2-1k", "ext2 block-size=\"1KiB\"", "ext2", SMALL_EXT),
    ext("ext2-hurd", "ext2 profile=hurd", "ext2", OLD_EXT),
    ext("ext3", "ext3", "ext3", EXT),
    ext("ext3-1k", "ext3 block-size=\"1KiB\" inode-size=512", "ext3", SMALL_EXT),
    ext("ext4", "ext4", "ext4", EXT),
    ext("ext4-1k", "ext4 block-size=\"1KiB\"", "ext4", SMALL_EXT),
    ext("ext4-2k", "ext4 profile=compatible block-size=\"2KiB\"", "ext4", SMALL_EXT),
    fat("fat12", "vfat fat=\"12\"", "size=\"7MiB\""),
    fat("fat16", "vfat fat=\"16\"", "size=\"24MiB\""),
    fat("fat32", "vfat fat=\"32\"", "size=\"48MiB\""),
    Mounted {
        name: "exfat",
        node: "exfat",
        size: "size=\"24MiB\"",
        kind: "exfat",
        options: "rw",
        holds: EXFAT,
        writable: true,
    },
    read_only("squashfs-gzip", "squashfs compress=gzip", "squashfs", SQUASHFS),
    read_only("squashfs-xz", "squashfs compress=xz", "squashfs", SQUASHFS),
    read_only("squashfs-xz-4k", "squashfs compress=xz block-size=\"4KiB\"", "squashfs", SQUASHFS),
    read_only(
        "squashfs-zstd",
        "squashfs compress=zstd block-size=\"1MiB\" tail-packing=#true",
        "squashfs",
        SQUASHFS,
    ),
    read_only("squashfs-lz4", "squashfs compress=lz4 fragments=#false", "squashfs", SQUASHFS),
    read_only("squashfs-none", "squashfs compress=none exportable=#false", "squashfs", SQUASHFS),
    read_only("erofs", "erofs", "erofs", EROFS),
    read_only("erofs-lz4", "erofs compress=lz4", "erofs", EROFS),
    read_only("erofs-lz4hc", "erofs compress=lz4hc level=12 cluster-size=\"64KiB\"", "erofs", EROFS),
    read_only("erofs-1m", "erofs compress=lz4 cluster-size=\"1MiB\"", "erofs", EROFS),
    read_only("erofs-dedupe", "erofs dedupe=#true", "erofs", EROFS),
    read_only("erofs-chunks", "erofs dedupe=#true chunk-size=\"4KiB\"", "erofs", EROFS),
    read_only("iso", "iso9660", "iso9660", ISO),
    read_only("iso-keep", "iso9660 deep=keep joliet=#false names=relaxed", "iso9660", SMALL_ISO),
];

/// What Debian's cloud kernels have from 6.12 on.
pub const UDF_BRIDGE: Mounted = read_only("udf", "iso9660 udf=#true", "udf", UDF);

/// What Linux 6.10 and later mount.
pub const LATER: [Mounted; 4] = [
    read_only("erofs-zstd", "erofs compress=zstd", "erofs", EROFS),
    read_only("erofs-zstd-1", "erofs compress=zstd level=1 cluster-size=\"16KiB\"", "erofs", EROFS),
    read_only("erofs-zstd-19", "erofs compress=zstd level=19 cluster-size=\"64KiB\"", "erofs", EROFS),
    read_only("erofs-zstd-1m", "erofs compress=zstd cluster-size=\"1MiB\"", "erofs", EROFS),
];

impl Holds {
    /// What is left of a line that a manifest meant.
    pub fn cut(&self, mut line: Line) -> Line {
        line.xattrs.retain(|(name, _)| self.xattrs.iter().any(|start| name.starts_with(start)));
        let nanos = i128::from(line.mtime.0) * 1_000_000_000 + i128::from(line.mtime.1);
        let held = nanos.div_euclid(self.step) * self.step;
        line.mtime = (held.div_euclid(1_000_000_000) as i64, held.rem_euclid(1_000_000_000) as u32);
        if self.wraps {
            line.mtime.0 = (line.mtime.0 as i32).into();
        }
        self.blur(line)
    }

    /// Takes out of a line that was seen what a filesystem does not hold and a kernel makes up.
    pub fn blur(&self, mut line: Line) -> Line {
        if self.layer.is_none() {
            (line.mode, line.uid, line.gid, line.links) = (0, 0, 0, 0);
        }
        if !self.root && line.path.is_empty() {
            (line.mode, line.uid, line.gid, line.links, line.mtime) = (0, 0, 0, 0, (0, 0));
        }
        line
    }
}
