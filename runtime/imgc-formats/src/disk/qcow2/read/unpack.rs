//! Unpacks one cluster. What follows it in its last sector belongs to others, so both methods stop when the cluster is full.

use flate2::{Decompress, FlushDecompress};
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

/// The `len` bytes that are packed, by zstd or else by deflate; `None` when there are not so many.
pub(super) fn unpack(zstd: bool, packed: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut out = vec![0; len];
    let full = if zstd { unzstd(packed, &mut out) } else { inflate(packed, &mut out) };
    full.then_some(out)
}

fn inflate(packed: &[u8], out: &mut [u8]) -> bool {
    let mut stream = Decompress::new(false);
    let done = stream.decompress(packed, out, FlushDecompress::Finish);
    // Whether the stream ends there is not asked: QEMU does not, either (`qcow2_zlib_decompress`).
    done.is_ok() && stream.total_out() == out.len() as u64
}

/// Frame after frame, as QEMU does (`qcow2_zstd_decompress`).
fn unzstd(packed: &[u8], out: &mut [u8]) -> bool {
    let Ok(mut decoder) = Decoder::new() else { return false };
    let len = out.len();
    let (mut input, mut output) = (InBuffer::around(packed), OutBuffer::around(out));
    while output.pos() < len {
        let before = (input.pos(), output.pos());
        if decoder.run(&mut input, &mut output).is_err() || before == (input.pos(), output.pos()) {
            return false;
        }
    }
    true
}
