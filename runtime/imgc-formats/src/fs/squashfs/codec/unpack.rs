//! Unpacks blocks that others made: never more than was asked for, and never with more memory than that takes.

use std::io::{self, Read};

use lzma_rust2::{Lzma2Reader, filter::bcj::BcjReader};

use super::Method;

/// The largest dictionary of an xz block that is unpacked: the kernel takes none longer than a block, which is 1 MiB at most.
const MAX_DICTIONARY: u32 = 1 << 20;

/// Unpacks a block into at most `limit` bytes.
///
/// # Errors
/// `InvalidData` when it is damaged, or would be longer.
pub fn unpack(method: Method, data: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut out = vec![0; limit];
    let len = match method {
        Method::None => return Err(invalid("a compressed block where nothing is compressed")),
        Method::Gzip => libdeflater::Decompressor::new()
            .zlib_decompress(data, &mut out)
            .map_err(|error| invalid(&error))?,
        Method::Xz => xz(data, &mut out)?,
        Method::Lz4 => lz4_flex::block::decompress_into(data, &mut out).map_err(|error| invalid(&error))?,
        Method::Zstd => {
            zstd::bulk::decompress_to_buffer(data, &mut out[..]).map_err(|error| invalid(&error))?
        }
    };
    out.truncate(len);
    Ok(out)
}

fn invalid(what: &(impl ToString + ?Sized)) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_string())
}

/// One .xz stream of one block (The .xz File Format, 1.2.1). A reader of whole files would take a dictionary of 4 GiB on the
/// word of a damaged block.
fn xz(data: &[u8], out: &mut [u8]) -> io::Result<usize> {
    let broken = || invalid("it is not an .xz stream that the kernel would take");
    let body = data.strip_prefix(b"\xfd7zXZ\0").ok_or_else(broken)?;
    let check = *body.get(1).ok_or_else(broken)?;
    let block = body.get(6..).ok_or_else(broken)?;
    let header = block_header(block).ok_or_else(broken)?;
    let mut stream = block.get(header.len..).ok_or_else(broken)?;
    let plain = Lzma2Reader::new(&mut stream, header.dictionary, None);
    let len = match header.filter {
        None => fill(plain, out)?,
        Some((id, start)) => fill(branch(id, plain, start).ok_or_else(broken)?, out)?,
    };
    // After the block come up to three bytes of padding, then the check.
    let used = block.len() - header.len - stream.len();
    let sum = stream.get(used.next_multiple_of(4) - used..).and_then(<[u8]>::first_chunk::<4>);
    if check == 1 && sum != Some(&crc32fast::hash(&out[..len]).to_le_bytes()) {
        return Err(invalid("its check sum is another"));
    }
    Ok(len)
}

/// Reads to the end, which must come before `out` is more than full.
fn fill(mut reader: impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    loop {
        let more = reader.read(&mut out[len..])?;
        len += more;
        if len == out.len() {
            let over = reader.read(&mut [0])?;
            return if over == 0 { Ok(len) } else { Err(invalid("it is longer than a block")) };
        }
        if more == 0 {
            return Ok(len);
        }
    }
}

struct BlockHeader {
    len: usize,
    /// A filter for machine code before LZMA2: its id, and where the code starts.
    filter: Option<(u8, usize)>,
    dictionary: u32,
}

/// Section 3.1: size, flags, sizes if any, one or two filters, padding, CRC32.
fn block_header(block: &[u8]) -> Option<BlockHeader> {
    let len = usize::from(*block.first()?).checked_add(1)? * 4;
    let (fields, sum) = block.get(..len)?.split_at(len - 4);
    if crc32fast::hash(fields).to_le_bytes() != sum {
        return None;
    }
    let flags = *fields.get(1)?;
    let mut rest = fields.get(2..)?;
    for present in [0x40, 0x80] {
        if flags & present != 0 {
            rest = rest.get(rest.iter().position(|byte| byte & 0x80 == 0)? + 1..)?;
        }
    }
    let mut filter = None;
    if flags & 3 == 1 {
        let (id, size) = (*rest.first()?, usize::from(*rest.get(1)?));
        let properties = rest.get(2..2 + size)?;
        let start = match properties {
            [] => 0,
            _ => u32::from_le_bytes(*properties.first_chunk()?),
        };
        filter = Some((id, usize::try_from(start).ok()?));
        rest = rest.get(2 + size..)?;
    } else if flags & 3 != 0 {
        return None;
    }
    let &[0x21, 1, bits, ..] = rest else { return None };
    let dictionary = (bits < 40).then(|| (2 | u32::from(bits & 1)) << (bits / 2 + 11))?;
    (dictionary <= MAX_DICTIONARY).then_some(BlockHeader { len, filter, dictionary })
}

/// The filter of this id (section 5.3.2).
fn branch<R: Read>(id: u8, inner: R, start: usize) -> Option<BcjReader<R>> {
    Some(match id {
        4 => BcjReader::new_x86(inner, start),
        5 => BcjReader::new_ppc(inner, start),
        6 => BcjReader::new_ia64(inner, start),
        7 => BcjReader::new_arm(inner, start),
        8 => BcjReader::new_arm_thumb(inner, start),
        9 => BcjReader::new_sparc(inner, start),
        10 => BcjReader::new_arm64(inner, start),
        11 => BcjReader::new_riscv(inner, start),
        _ => return None,
    })
}
