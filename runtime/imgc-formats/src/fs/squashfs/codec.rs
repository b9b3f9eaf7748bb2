//! The compressors: each block is a stream of its own.

mod unpack;

use std::{io, sync::Mutex};

pub use unpack::unpack;

/// A compressor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Blocks are stored as they are.
    None,
    /// zlib streams (RFC 1950).
    Gzip,
    /// .xz streams of one block, with CRC32.
    Xz,
    /// Bare LZ4 blocks.
    Lz4,
    /// Zstandard frames (RFC 8878).
    Zstd,
}

impl Method {
    /// The method of this name; `zstd` for unknown ones, as the descriptor allows none.
    pub fn named(name: &str) -> Self {
        match name {
            "none" => Self::None,
            "gzip" => Self::Gzip,
            "xz" => Self::Xz,
            "lz4" => Self::Lz4,
            _ => Self::Zstd,
        }
    }

    /// Its name in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The superblock's `compression`. `none` needs no compressor, but has to name one: the one that kernels have most often.
    pub fn number(self) -> u16 {
        match self {
            Self::None | Self::Gzip => 1,
            Self::Xz => 4,
            Self::Lz4 => 5,
            Self::Zstd => 6,
        }
    }

    /// Least, most and usual level; the usual ones are those of mksquashfs.
    pub fn levels(self) -> (u32, u32, u32) {
        match self {
            Self::None | Self::Lz4 => (0, 0, 0),
            Self::Gzip => (1, 12, 9),
            Self::Xz => (0, 9, 6),
            Self::Zstd => (1, 22, 15),
        }
    }
}

/// A compressor and how hard it tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Squeeze {
    /// The compressor.
    pub method: Method,
    /// Its level.
    pub level: u32,
}

impl Squeeze {
    /// The compressor's options, which follow the superblock; empty when all are usual. LZ4 always has some.
    pub fn options(self) -> Vec<u8> {
        let usual = self.level == self.method.levels().2;
        let word = |value: u32| value.to_le_bytes().to_vec();
        match self.method {
            // LZ4_LEGACY, and flags: none.
            Method::Lz4 => [word(1), word(0)].concat(),
            Method::Zstd if !usual => word(self.level),
            // compression_level, as zlib counts; window_size (log 2) in the low and strategies in the high half.
            Method::Gzip if self.level.min(9) != 9 => [word(self.level), word(15)].concat(),
            _ => Vec::new(),
        }
    }
}

/// A compressor at work. It can be used again and again: what it gives depends on nothing but the block.
pub struct Codec(Engine);

enum Engine {
    None,
    Gzip(libdeflater::Compressor),
    Xz { preset: u32, dictionary: u32 },
    Lz4,
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Codec {
    /// A compressor for blocks of at most `block_size` bytes.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(squeeze: Squeeze, block_size: u32) -> io::Result<Self> {
        let level = i32::try_from(squeeze.level).expect("because levels are small");
        Ok(Self(match squeeze.method {
            Method::None => Engine::None,
            Method::Gzip => Engine::Gzip(libdeflater::Compressor::new(
                libdeflater::CompressionLvl::new(level).expect("because libdeflate has levels 1 to 12"),
            )),
            // The kernel allows a dictionary as long as a block, and at least a metadata block.
            Method::Xz => Engine::Xz { preset: squeeze.level, dictionary: block_size.max(8192) },
            Method::Lz4 => Engine::Lz4,
            Method::Zstd => Engine::Zstd(zstd::bulk::Compressor::new(level)?),
        }))
    }

    /// Compresses a block; `None` when that does not make it smaller.
    ///
    /// # Errors
    /// When the compressor fails.
    pub fn pack(&mut self, data: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let mut out = Vec::new();
        match &mut self.0 {
            Engine::None => return Ok(None),
            Engine::Gzip(compressor) => {
                out.resize(compressor.zlib_compress_bound(data.len()), 0);
                let len = compressor.zlib_compress(data, &mut out).map_err(io::Error::other)?;
                out.truncate(len);
            }
            Engine::Xz { preset, dictionary } => out = xz(data, *preset, *dictionary)?,
            Engine::Lz4 => {
                out.resize(lz4_flex::block::get_maximum_output_size(data.len()), 0);
                let len = lz4_flex::block::compress_into(data, &mut out).map_err(io::Error::other)?;
                out.truncate(len);
            }
            Engine::Zstd(compressor) => {
                out.resize(zstd::zstd_safe::compress_bound(data.len()), 0);
                let len = compressor.compress_to_buffer(data, &mut out[..])?;
                out.truncate(len);
            }
        }
        Ok((out.len() < data.len()).then_some(out))
    }
}

fn xz(data: &[u8], preset: u32, dictionary: u32) -> io::Result<Vec<u8>> {
    use io::Write;
    let mut options = lzma_rust2::XzOptions::with_preset(preset);
    // The kernel's decompressor knows no other check (Linux Documentation/staging/xz.rst).
    options.set_check_sum_type(lzma_rust2::CheckType::Crc32);
    options.lzma_options.dict_size = dictionary;
    let mut writer = lzma_rust2::XzWriter::new(Vec::with_capacity(data.len()), options)?;
    writer.write_all(data)?;
    writer.finish()
}

/// Compressors that wait for work, one for each thread that ever needed one.
pub struct Pool {
    squeeze: Squeeze,
    block_size: u32,
    idle: Mutex<Vec<Codec>>,
}

impl Pool {
    /// A pool of such compressors.
    pub fn new(squeeze: Squeeze, block_size: u32) -> Self {
        Self { squeeze, block_size, idle: Mutex::default() }
    }

    /// As [`Codec::pack`].
    ///
    /// # Errors
    /// As [`Codec::pack`] and [`Codec::new`].
    pub fn pack(&self, data: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let idle = || self.idle.lock().expect("because no holder of the lock panics");
        let waiting = idle().pop();
        let mut codec = match waiting {
            Some(codec) => codec,
            None => Codec::new(self.squeeze, self.block_size)?,
        };
        let packed = codec.pack(data);
        idle().push(codec);
        packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Method; 5] = [Method::None, Method::Gzip, Method::Xz, Method::Lz4, Method::Zstd];

    fn text(seed: usize, len: usize) -> Vec<u8> {
        (0..len).map(|at| (at * seed % 23 + at / 400 * seed % 40) as u8).collect()
    }

    #[test]
    fn blocks_come_back_and_a_used_compressor_gives_what_a_new_one_gives() {
        for method in ALL {
            let (least, most, usual) = method.levels();
            for level in [least, usual, most] {
                let squeeze = Squeeze { method, level };
                let mut used = Codec::new(squeeze, 1 << 17).expect("made");
                for (seed, len) in [(1, 1 << 17), (2, 5000), (3, 1 << 17), (4, 300), (3, 1 << 16)] {
                    let data = text(seed, len);
                    let packed = used.pack(&data).expect("packed");
                    let fresh = Codec::new(squeeze, 1 << 17).expect("made").pack(&data).expect("packed");
                    assert!(packed == fresh, "{method:?} {level}");
                    assert_eq!(packed.is_none(), method == Method::None, "{method:?} {level} {len}");
                    if let Some(packed) = packed {
                        assert!(unpack(method, &packed, 1 << 17).expect("unpacked") == data, "{method:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_does_not_get_smaller_stays_as_it_is() {
        let mut noise = vec![0; 5000];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        for method in ALL {
            let squeeze = Squeeze { method, level: method.levels().2 };
            assert!(Codec::new(squeeze, 8192).expect("made").pack(&noise).expect("packed").is_none());
        }
    }
}
