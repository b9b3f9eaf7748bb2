//! Compresses one cluster.
//!
//! Deflate uses the whole 32 KiB window although QEMU's reader asks zlib for 4 KiB (`inflateInit2(-12)` in
//! `block/qcow2-threads.c`): it inflates a cluster in one call into a buffer of a cluster's length, and zlib then looks
//! back in that buffer, never into its window. Even zlib's strict build allows it, because a raw stream has no header that
//! would lower the greatest distance from 32 KiB. The specification sets no window (`docs/interop/qcow2.txt`, "Compressed
//! Clusters"), and libdeflate has no smaller one.
//!
//! Zstandard frames stand alone, with their content's size and without a checksum; QEMU decodes until the cluster is full.

use imgc_image::Failure;
use libdeflater::{CompressionLvl, Compressor};

/// A method and its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// Raw deflate, at libdeflate's level 1 to 12.
    Deflate(i32),
    /// Zstandard, at level 1 to 22.
    Zstd(i32),
}

/// One thread's compressor.
pub(super) enum Coder {
    Deflate(Compressor),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Coder {
    /// A compressor for this method.
    ///
    /// # Errors
    /// [`Failure::Bug`] when the level does not exist, [`Failure::Machine`] when there is no memory.
    pub(super) fn new(method: Method) -> Result<Self, Failure> {
        match method {
            Method::Deflate(level) => {
                let level = CompressionLvl::new(level)
                    .map_err(|_| Failure::Bug(format!("libdeflate has no level {level}")))?;
                Ok(Self::Deflate(Compressor::new(level)))
            }
            Method::Zstd(level) => {
                zstd::bulk::Compressor::new(level).map(Self::Zstd).map_err(Failure::machine("preparing zstd"))
            }
        }
    }

    /// Appends the compressed cluster to `out` and gives its length, or `None` (and appends nothing) when it is not shorter.
    ///
    /// # Errors
    /// When the library fails, which it does for want of memory.
    pub(super) fn compress(&mut self, cluster: &[u8], out: &mut Vec<u8>) -> Result<Option<usize>, Failure> {
        let start = out.len();
        let most = match self {
            Self::Deflate(_) => cluster.len() - 1,
            Self::Zstd(_) => zstd::zstd_safe::compress_bound(cluster.len()),
        };
        out.resize(start + most, 0);
        let len = match self {
            Self::Deflate(coder) => coder.deflate_compress(cluster, &mut out[start..]).ok(),
            Self::Zstd(coder) => {
                let len = coder.compress_to_buffer(cluster, &mut out[start..]);
                Some(len.map_err(Failure::machine("compressing with zstd"))?)
            }
        };
        let len = len.filter(|len| *len < cluster.len());
        out.truncate(start + len.unwrap_or(0));
        Ok(len)
    }
}
