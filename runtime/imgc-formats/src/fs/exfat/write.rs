//! Lays a tree out: bitmap, up-case table and root directory in chains, then directories, then files, every one in one piece.

use std::io;

use imgc_image::{BytesBuilder, Entry, Node};

use super::{
    super::vfat::{names, time::Stamp},
    boot,
    entries::{self, Allocation},
    geometry::Geometry,
    options::Options,
    survey::Survey,
    upcase,
};

/// Bytes that are gathered before they are put.
const CHUNK: usize = 64 << 10;

/// Marks of the FAT (exFAT 1.00, section 4.1): the media, which is a disk, and the end of a chain.
const MEDIA: u32 = 0xffff_fff8;
const END: u32 = 0xffff_ffff;

/// Writes everything. The tree must fit: the caller has counted.
///
/// # Errors
/// When the store cannot take the metadata.
pub fn write(
    options: &Options,
    geometry: &Geometry,
    survey: &Survey<'_>,
    out: &mut BytesBuilder<'_>,
) -> io::Result<()> {
    let plan = Plan::of(geometry, survey);
    let region = boot::region(options, geometry, 0, plan.next - 2);
    out.put(0, &region)?;
    out.put(boot::SECTORS * geometry.sector, &region)?;
    write_fat(geometry, survey, out)?;
    write_bitmap(geometry, plan.next - 2, out)?;
    out.put(geometry.cluster_at(geometry.upcase_cluster()), upcase::table())?;
    let bitmap = Allocation { first: 2, len: geometry.bitmap_bytes() };
    let table = Allocation { first: geometry.upcase_cluster(), len: upcase::table().len() as u64 };
    let mut root = entries::volume(options, bitmap, table);
    root.extend(directory(geometry, survey, &plan, 0));
    out.put(geometry.cluster_at(geometry.root_cluster()), &root)?;
    for (at, entry) in survey.entries.iter().enumerate().skip(1) {
        let start = u64::from(plan.starts[at]);
        match &entry.node {
            Node::File { content, .. } if !content.is_empty() => {
                out.content(geometry.cluster_at(start), content, 0, content.len());
            }
            Node::Dir => out.put(geometry.cluster_at(start), &directory(geometry, survey, &plan, at))?,
            _ => {}
        }
    }
    Ok(())
}

/// Which clusters belong to whom.
struct Plan {
    /// For each entry, its first cluster; 0 for none.
    starts: Vec<u32>,
    /// The first cluster that nobody has.
    next: u64,
}

impl Plan {
    fn of(geometry: &Geometry, survey: &Survey<'_>) -> Self {
        let mut next = geometry.root_cluster() + survey.clusters_of(0, geometry);
        let mut starts = vec![0; survey.entries.len()];
        for directories in [true, false] {
            let those = survey.entries.iter().enumerate().skip(1);
            for (at, _) in those.filter(|(_, entry)| entry.is_dir() == directories) {
                let clusters = survey.clusters_of(at, geometry);
                if clusters > 0 {
                    starts[at] = u32::try_from(next).expect("because clusters have 32 bits");
                    next += clusters;
                }
            }
        }
        Self { starts, next }
    }
}

/// The FAT: chains of the three that must have one. Everything else lies in one piece, of which the FAT says nothing.
fn write_fat(geometry: &Geometry, survey: &Survey<'_>, out: &mut BytesBuilder<'_>) -> io::Result<()> {
    let ends = [
        geometry.upcase_cluster(),
        geometry.root_cluster(),
        geometry.root_cluster() + survey.clusters_of(0, geometry),
    ];
    let mut buf = [MEDIA.to_le_bytes(), END.to_le_bytes()].concat();
    let mut at = geometry.fat_offset * geometry.sector;
    for cluster in 2..ends[2] {
        let next = if ends.contains(&(cluster + 1)) { u64::from(END) } else { cluster + 1 };
        let next = u32::try_from(next).expect("because clusters have 32 bits");
        buf.extend_from_slice(&next.to_le_bytes());
        if buf.len() >= CHUNK {
            out.put(at, &buf)?;
            at += buf.len() as u64;
            buf.clear();
        }
    }
    out.put(at, &buf)
}

/// The bitmap: the first `used` clusters are taken.
fn write_bitmap(geometry: &Geometry, used: u64, out: &mut BytesBuilder<'_>) -> io::Result<()> {
    let (start, full) = (geometry.cluster_at(2), used / 8);
    let chunk = vec![0xff; CHUNK];
    let mut done = 0;
    while done < full {
        let now = usize::try_from(full - done).map_or(CHUNK, |left| left.min(CHUNK));
        out.put(start + done, &chunk[..now])?;
        done += now as u64;
    }
    match used % 8 {
        0 => Ok(()),
        rest => out.put(start + full, &[(1 << rest) - 1]),
    }
}

/// The sets of entries of what a directory holds.
fn directory(geometry: &Geometry, survey: &Survey<'_>, plan: &Plan, dir: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for at in survey.children(dir) {
        let child = &survey.entries[*at as usize];
        let name = names::check(child.name()).expect("because the survey checked it");
        let len = match &child.node {
            Node::File { content, .. } => content.len(),
            _ => survey.clusters_of(*at as usize, geometry) * geometry.cluster_bytes(),
        };
        let data = Allocation { first: plan.starts[*at as usize].into(), len };
        out.extend(entries::file(name, child.is_dir(), stamp(child), data));
    }
    out
}

fn stamp(entry: &Entry) -> Stamp {
    Stamp::of(entry.meta.mtime, entry.meta.mtime_nanos)
}
