//! The on-disk structures: header, table entries, refcounts. Big-endian throughout.

use super::{codec::Method, layout::Geometry, options::Options};

/// L1 and plain L2 entries: the refcount is exactly 1, so a write need not copy. Specification, "Cluster mapping".
const COPIED: u64 = 1 << 63;

/// L2 entries: the cluster is compressed.
pub(super) const COMPRESSED: u64 = 1 << 62;

/// Incompatible feature bit 3: the header says how clusters are compressed.
const INCOMPATIBLE_COMPRESSION: u64 = 1 << 3;

/// Incompatible feature bit 4: L2 entries have 128 bits.
const INCOMPATIBLE_EXTENDED_L2: u64 = 1 << 4;

/// Compatible feature bit 0: a running QEMU may delay updates of refcounts.
const COMPATIBLE_LAZY_REFCOUNTS: u64 = 1;

/// The header extension that names feature bits for readers that do not know them.
const FEATURE_NAMES: u32 = 0x6803_f857;

/// What the header says of where things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub l1_table_offset: u64,
    pub refcount_table_offset: u64,
    pub refcount_table_clusters: u32,
}

/// The header with its extensions. It fits into the least cluster (512 bytes).
pub(super) fn header(geometry: &Geometry, options: &Options, places: &Places) -> Vec<u8> {
    let Places { l1_table_offset, refcount_table_offset, refcount_table_clusters } = *places;
    let mut h = Vec::with_capacity(512);
    h.extend(b"QFI\xfb");
    h.extend(if options.v3 { 3_u32 } else { 2 }.to_be_bytes());
    h.extend([0; 12]); // backing_file_offset, backing_file_size
    h.extend(options.cluster_bits.to_be_bytes());
    h.extend(geometry.size.to_be_bytes());
    h.extend([0; 4]); // crypt_method
    h.extend(geometry.l1_size.to_be_bytes());
    h.extend(l1_table_offset.to_be_bytes());
    h.extend(refcount_table_offset.to_be_bytes());
    h.extend(refcount_table_clusters.to_be_bytes());
    h.extend([0; 12]); // nb_snapshots, snapshots_offset
    if options.v3 {
        header_v3(options, &mut h);
    }
    h.extend([0; 8]); // the end of the extensions
    h
}

/// The fields of version 3, and the names of the features that are used.
fn header_v3(options: &Options, h: &mut Vec<u8>) {
    let zstd = matches!(options.method, Some(Method::Zstd(_)));
    // (type: 0 incompatible, 1 compatible; bit; name), as in QEMU's own table.
    let features = [
        (zstd, 0_u8, INCOMPATIBLE_COMPRESSION, "compression type"),
        (options.extended_l2, 0, INCOMPATIBLE_EXTENDED_L2, "extended L2 entries"),
        (options.lazy_refcounts, 1, COMPATIBLE_LAZY_REFCOUNTS, "lazy refcounts"),
    ];
    let bits = |kind| features.iter().filter(|f| f.0 && f.1 == kind).fold(0_u64, |bits, f| bits | f.2);
    h.extend(bits(0).to_be_bytes());
    h.extend(bits(1).to_be_bytes());
    h.extend([0; 8]); // autoclear_features
    h.extend(options.refcount_order.to_be_bytes());
    // The compression type is only there when it is not deflate: readers from before QEMU 5.1 know 104 bytes.
    h.extend(if zstd { 112_u32 } else { 104 }.to_be_bytes());
    if zstd {
        h.extend([1, 0, 0, 0, 0, 0, 0, 0]); // compression_type, padding
    }
    let used: Vec<_> = features.iter().filter(|feature| feature.0).collect();
    if used.is_empty() {
        return;
    }
    h.extend(FEATURE_NAMES.to_be_bytes());
    h.extend((u32::try_from(used.len()).expect("because there are three") * 48).to_be_bytes());
    for (_, kind, bit, name) in used {
        h.push(*kind);
        h.push(u8::try_from(bit.trailing_zeros()).expect("because there are 64 bits"));
        h.extend(name.as_bytes());
        h.extend(std::iter::repeat_n(0, 46 - name.len()));
    }
}

/// The entry of an L2 table in L1, and of a plain cluster in L2.
pub(super) fn plain_entry(offset: u64) -> u64 {
    COPIED | offset
}

/// The entry of a compressed cluster of `len` bytes at `offset`: how many sectors it reaches beyond the one that it starts
/// in, and its offset, with a border between the two that depends on the cluster size ("Compressed Clusters Descriptor").
pub(super) fn compressed_entry(cluster_bits: u32, offset: u64, len: u64) -> u64 {
    let sectors = (offset + len - 1) / 512 - offset / 512;
    COMPRESSED | sectors << (62 - (cluster_bits - 8)) | offset
}

/// The second half of an extended L2 entry: all 32 subclusters of a plain cluster hold data.
pub(super) const ALL_SUBCLUSTERS: u64 = 0xffff_ffff;

/// Puts refcounts of `1 << order` bits at the start of `out`, which is zero.
pub(super) fn put_refcounts(order: u32, counts: impl Iterator<Item = u64>, out: &mut [u8]) {
    for (index, count) in counts.enumerate() {
        if order < 3 {
            // The first count of a byte lies in its lowest bits ("Refcount block entry").
            let shift = (index << order) & 7;
            out[(index << order) >> 3] |= u8::try_from(count).expect("because it was bounded") << shift;
        } else {
            let width = 1 << (order - 3);
            let start = index * width;
            out[start..start + width].copy_from_slice(&count.to_be_bytes()[8 - width..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refcounts_of_every_width_lie_as_specified() {
        let mut out = [0; 2];
        put_refcounts(0, [1, 0, 1, 1, 0, 0, 0, 0, 1].into_iter(), &mut out);
        assert_eq!(out, [0b1101, 1]);
        let mut out = [0; 2];
        put_refcounts(2, [1, 15, 2].into_iter(), &mut out);
        assert_eq!(out, [0xf1, 2]);
        let mut out = [0; 4];
        put_refcounts(4, [1, 0x203].into_iter(), &mut out);
        assert_eq!(out, [0, 1, 2, 3]);
    }

    #[test]
    fn compressed_entries_count_sectors_beyond_the_first() {
        assert_eq!(compressed_entry(16, 512, 512), COMPRESSED | 512);
        assert_eq!(compressed_entry(16, 513, 512), COMPRESSED | 1 << 54 | 513);
        assert_eq!(compressed_entry(9, 511, 2), COMPRESSED | 1 << 61 | 511);
        assert_eq!(compressed_entry(21, 0, 2 << 20), COMPRESSED | 4095 << 49);
    }
}
