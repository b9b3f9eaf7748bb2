//! Zstandard pieces: frames that fill an output of a given size with as much input as fits, found by trying.
//!
//! A piece is one frame without a checksum (RFC 8878, section 3.1.1), whose window is no longer than the superblock says:
//! kernels set aside that much memory before they know a frame. Zstandard cannot be told how long its output may be, so
//! lengths are tried; the rate of each try says what the next one is.

use std::io::{self, Read};

use zstd::{bulk::Compressor, zstd_safe::CParameter};

/// Tries for one piece, at most.
const TRIES: usize = 10;
/// Tries that go by the rate.
const GUESSES: usize = 3;
/// The smallest window that there is: `ZSTD_WINDOWLOG_ABSOLUTEMIN`.
pub const LEAST_WINDOW: u32 = 10;
/// The largest that kernels take, as a power of two: `Z_EROFS_ZSTD_MAX_DICT_SIZE` (Linux, `fs/erofs/decompressor_zstd.c`).
pub const MOST_WINDOW: u32 = 20;

/// A compressor at work on one input.
pub struct Filler<'i> {
    input: &'i [u8],
    compressor: Compressor<'static>,
    buffer: Vec<u8>,
    /// Input and output of the last piece: a guess at what the next one holds.
    rate: (usize, usize),
}

impl<'i> Filler<'i> {
    /// Starts over an input, with a window of 2^`window` bytes.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(input: &'i [u8], level: i32, window: u32) -> io::Result<Self> {
        let mut compressor = Compressor::new(level)?;
        compressor.set_parameter(CParameter::WindowLog(window))?;
        let buffer = vec![0; zstd::zstd_safe::compress_bound(input.len())];
        Ok(Self { input, compressor, buffer, rate: (3, 1) })
    }

    /// Compresses from `start` on into at most `room` bytes: how many bytes of input they hold, and the bytes; or how many
    /// are not worth it, and none.
    ///
    /// # Errors
    /// When the compressor fails.
    pub fn fill(&mut self, start: usize, room: usize) -> io::Result<(usize, Vec<u8>)> {
        let rest = &self.input[start..];
        // What fits, and what does not.
        let (mut least, mut most) = (0, rest.len() + 1);
        let mut best = Vec::new();
        let mut len = (room * self.rate.0 / self.rate.1).clamp(room, 64 * room).min(rest.len());
        for attempt in 0..TRIES {
            let packed = self.compressor.compress_to_buffer(&rest[..len], &mut self.buffer[..])?;
            if packed <= room {
                best = self.buffer[..packed].to_vec();
                least = len;
            } else if best.is_empty() && packed > len - len / 16 {
                return Ok((len, Vec::new()));
            } else {
                most = len;
            }
            if least == rest.len() || most - least <= 1 + room / 64 || room - best.len() <= room / 64 {
                break;
            }
            // A little less than what the rate promises, as frames that are too long are lost work. Where the rate changes
            // and promises too much again and again, halving comes to an end.
            let promised = len * (room - room / 128) / packed;
            let next = if attempt < GUESSES { promised } else { least.midpoint(most) };
            len = next.clamp(least + 1, most - 1);
        }
        if !best.is_empty() {
            self.rate = (least, best.len());
        }
        Ok((least, best))
    }
}

/// Decompresses a frame into exactly `len` bytes; what would follow them is not looked at. `None` when it is damaged.
pub fn decode(frame: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(frame).ok()?.single_frame();
    decoder.window_log_max(MOST_WINDOW).ok()?;
    let mut out = vec![0; len];
    decoder.read_exact(&mut out).ok().map(|()| out)
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::image::{noise, prose},
        *,
    };

    #[test]
    fn pieces_come_back_and_fill_their_room() {
        for (level, window, room) in [(1, 15, 4096), (9, 15, 4096), (19, 17, 16 << 10), (9, 20, 256 << 10)] {
            let input = [prose(300_000, 1), vec![0; 200_000], noise(50_000, 2), prose(100_000, 3)].concat();
            let mut filler = Filler::new(&input, level, window).unwrap();
            let (mut at, mut filled, mut pieces) = (0, 0, 0);
            while at < input.len() {
                let (taken, frame) = filler.fill(at, room).unwrap();
                assert!(taken > 0 && frame.len() <= room, "{level} {at}: {taken} {}", frame.len());
                if !frame.is_empty() {
                    assert_eq!(frame[0], 0x28, "padding ends where the frame starts");
                    assert!(decode(&frame, taken).unwrap() == input[at..at + taken], "{level} {at}");
                    (filled, pieces) = (filled + frame.len(), pieces + 1);
                }
                at += taken;
            }
            // But for the last one.
            assert!(filled >= (pieces - 1) * room * 9 / 10, "{level} {room}: {filled} in {pieces} pieces");
        }
    }

    #[test]
    fn noise_is_not_worth_it() {
        let input = noise(100_000, 4);
        let (taken, frame) = Filler::new(&input, 9, 15).unwrap().fill(0, 4096).unwrap();
        assert!(frame.is_empty() && taken >= 4096, "{taken}");
    }

    #[test]
    fn damaged_frames_and_greedy_windows_are_refused() {
        let input = prose(20_000, 5);
        let (taken, frame) = Filler::new(&input, 3, 15).unwrap().fill(0, 8192).unwrap();
        assert_eq!(decode(&frame, taken + 1), None);
        assert_eq!(decode(&frame[..frame.len() - 1], taken), None);
        for at in 0..frame.len() {
            let mut bad = frame.clone();
            bad[at] ^= 0x55;
            if let Some(out) = decode(&bad, taken) {
                assert_eq!(out.len(), taken);
            }
        }
        // A window of 8 MiB.
        let mut greedy = Compressor::new(3).unwrap();
        greedy.set_parameter(CParameter::WindowLog(23)).unwrap();
        greedy.set_parameter(CParameter::ContentSizeFlag(false)).unwrap();
        let frame = greedy.compress(&prose(9 << 20, 6)).unwrap();
        assert_eq!(decode(&frame, 9 << 20), None);
    }
}
