//! The FAT itself, streamed: chains of clusters that follow one another (FAT 1.03, section 4).

use std::io;

use imgc_image::BytesBuilder;

use super::geometry::{Geometry, Width};

/// Bytes that are gathered before they are put.
const CHUNK: usize = 64 << 10;

/// Writes one FAT for files that lie one after another, each in one piece: `chains` has their lengths in clusters.
///
/// # Errors
/// When the store cannot take it.
pub fn write(
    geometry: &Geometry,
    media: u8,
    index: u64,
    chains: impl Iterator<Item = u64>,
    out: &mut BytesBuilder<'_>,
) -> io::Result<()> {
    let end = match geometry.width {
        Width::Fat12 => 0xfff,
        Width::Fat16 => 0xffff,
        Width::Fat32 => 0x0fff_ffff,
    };
    let mut table = Table {
        width: geometry.width,
        at: geometry.fat_at(index),
        buf: Vec::with_capacity(CHUNK + 8),
        half: None,
    };
    // Entry 0 repeats the media descriptor, entry 1 says that the volume was left clean.
    table.push(end & !0xff | u32::from(media), out)?;
    table.push(end, out)?;
    let mut cluster = 2u32;
    for len in chains {
        for _ in 1..len {
            cluster += 1;
            table.push(cluster, out)?;
        }
        cluster += 1;
        table.push(end, out)?;
    }
    table.finish(out)
}

struct Table {
    width: Width,
    at: u64,
    buf: Vec<u8>,
    /// FAT12: the entry that waits for its other half.
    half: Option<u32>,
}

impl Table {
    fn push(&mut self, value: u32, out: &mut BytesBuilder<'_>) -> io::Result<()> {
        match self.width {
            Width::Fat12 => match self.half.take() {
                None => self.half = Some(value),
                Some(low) => self.buf.extend_from_slice(&(value << 12 | low).to_le_bytes()[..3]),
            },
            Width::Fat16 => self.buf.extend_from_slice(&value.to_le_bytes()[..2]),
            Width::Fat32 => self.buf.extend_from_slice(&value.to_le_bytes()),
        }
        if self.buf.len() >= CHUNK { self.flush(out) } else { Ok(()) }
    }

    fn flush(&mut self, out: &mut BytesBuilder<'_>) -> io::Result<()> {
        out.put(self.at, &self.buf)?;
        self.at += self.buf.len() as u64;
        self.buf.clear();
        Ok(())
    }

    fn finish(mut self, out: &mut BytesBuilder<'_>) -> io::Result<()> {
        if let Some(low) = self.half.take() {
            self.buf.extend_from_slice(&low.to_le_bytes()[..2]);
        }
        self.flush(out)
    }
}
