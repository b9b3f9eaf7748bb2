//! Lays a tree out: directories first, then files, every one in one piece, so that the FAT is a list of lengths.

use std::io;

use imgc_image::{BytesBuilder, Entry, Node};

use super::{
    boot,
    geometry::{Geometry, Width},
    names,
    options::Options,
    survey::Survey,
    table,
    time::Stamp,
};

/// Attribute bits of a directory entry (FAT 1.03, section 6).
const ATTR_VOLUME_ID: u8 = 0x08;
const ATTR_DIRECTORY: u8 = 0x10;
const ATTR_ARCHIVE: u8 = 0x20;

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
    write_boot(options, geometry, &plan, out)?;
    for index in 0..geometry.fats {
        let chains = plan.order.iter().map(|at| survey.clusters_of(*at as usize, geometry));
        let chains = plan.rootless.into_iter().chain(chains);
        table::write(geometry, options.media, index, chains, out)?;
    }
    let root = match geometry.width {
        Width::Fat32 => geometry.cluster_at(2),
        _ => geometry.root_at(),
    };
    out.put(root, &directory(options, survey, &plan, 0))?;
    for (at, entry) in survey.entries.iter().enumerate().skip(1) {
        if entry.is_dir() {
            out.put(geometry.cluster_at(plan.starts[at]), &directory(options, survey, &plan, at))?;
        }
    }
    for (at, entry) in survey.entries.iter().enumerate() {
        match &entry.node {
            Node::File { content, .. } if !content.is_empty() => {
                out.content(geometry.cluster_at(plan.starts[at]), content, 0, content.len());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Which clusters belong to whom.
struct Plan {
    /// Entries that have clusters, in the order of their clusters.
    order: Vec<u32>,
    /// FAT32 without a tree: the one cluster of its empty root directory.
    rootless: Option<u64>,
    /// For each entry, its first cluster; 0 for none.
    starts: Vec<u32>,
    /// The first cluster that nobody has.
    next: u64,
}

impl Plan {
    fn of(geometry: &Geometry, survey: &Survey<'_>) -> Self {
        let rootless = (survey.entries.is_empty() && geometry.width == Width::Fat32).then_some(1);
        let mut plan = Self { order: Vec::new(), rootless, starts: vec![0; survey.entries.len()], next: 2 };
        plan.next += rootless.unwrap_or(0);
        for directories in [true, false] {
            for (at, _) in
                survey.entries.iter().enumerate().filter(|(_, entry)| entry.is_dir() == directories)
            {
                let clusters = survey.clusters_of(at, geometry);
                if clusters > 0 {
                    let number =
                        |value: u64| u32::try_from(value).expect("because FAT has fewer than 2^28 clusters");
                    plan.starts[at] = number(plan.next);
                    plan.order.push(number(at as u64));
                    plan.next += clusters;
                }
            }
        }
        plan
    }
}

fn write_boot(
    options: &Options,
    geometry: &Geometry,
    plan: &Plan,
    out: &mut BytesBuilder<'_>,
) -> io::Result<()> {
    let boot = boot::boot_sector(options, geometry);
    out.put(0, &boot)?;
    if geometry.width != Width::Fat32 {
        return Ok(());
    }
    let free = geometry.clusters + 2 - plan.next;
    let next = u32::try_from(plan.next).ok().filter(|_| free > 0);
    let info = boot::fs_info(free, next);
    for (sector, data) in
        [(boot::FS_INFO, &info), (boot::BACKUP, &boot), (boot::BACKUP + boot::FS_INFO, &info)]
    {
        out.put(sector * geometry.sector, data)?;
    }
    Ok(())
}

/// The entries of a directory.
fn directory(options: &Options, survey: &Survey<'_>, plan: &Plan, dir: usize) -> Vec<u8> {
    let mut out = Vec::new();
    if dir == 0 {
        if let Some(label) = &options.label {
            out.extend_from_slice(&entry(label, ATTR_VOLUME_ID, Stamp::of(options.epoch, 0), 0, 0));
        }
    } else {
        let parent = survey.parents[dir] as usize;
        let stamp = |at: usize| stamp(&survey.entries[at]);
        // The root has the number 0 here, also where it has clusters (FAT 1.03, section 6.5).
        let above = if parent == 0 { 0 } else { plan.starts[parent] };
        out.extend_from_slice(&entry(b".          ", ATTR_DIRECTORY, stamp(dir), plan.starts[dir], 0));
        out.extend_from_slice(&entry(b"..         ", ATTR_DIRECTORY, stamp(parent), above, 0));
    }
    let children = survey.children(dir);
    let name =
        |at: &u32| names::check(survey.entries[*at as usize].name()).expect("because the survey checked it");
    let texts: Vec<&str> = children.iter().map(name).collect();
    for ((at, text), short) in children.iter().zip(&texts).zip(names::assign(&texts)) {
        let child = &survey.entries[*at as usize];
        out.extend(names::long_entries(text, &short).into_iter().flatten());
        let (attr, len) = match &child.node {
            Node::File { content, .. } => (ATTR_ARCHIVE, content.len()),
            _ => (ATTR_DIRECTORY, 0),
        };
        let len = u32::try_from(len).expect("because the survey refused larger files");
        out.extend_from_slice(&entry(&short, attr, stamp(child), plan.starts[*at as usize], len));
    }
    out
}

fn stamp(entry: &Entry) -> Stamp {
    Stamp::of(entry.meta.mtime, entry.meta.mtime_nanos)
}

/// A directory entry; the times of creation and access are that of the last change, the only one a tree has.
fn entry(name: &names::Short, attr: u8, stamp: Stamp, cluster: u32, len: u32) -> [u8; 32] {
    let mut out = [0; 32];
    out[0..11].copy_from_slice(name); // DIR_Name
    out[11] = attr; // DIR_Attr
    out[13] = stamp.hundredths; // DIR_CrtTimeTenth
    out[14..16].copy_from_slice(&stamp.time.to_le_bytes()); // DIR_CrtTime
    out[16..18].copy_from_slice(&stamp.date.to_le_bytes()); // DIR_CrtDate
    out[18..20].copy_from_slice(&stamp.date.to_le_bytes()); // DIR_LstAccDate
    out[20..22].copy_from_slice(&cluster.to_le_bytes()[2..]); // DIR_FstClusHI
    out[22..24].copy_from_slice(&stamp.time.to_le_bytes()); // DIR_WrtTime
    out[24..26].copy_from_slice(&stamp.date.to_le_bytes()); // DIR_WrtDate
    out[26..28].copy_from_slice(&cluster.to_le_bytes()[..2]); // DIR_FstClusLO
    out[28..32].copy_from_slice(&len.to_le_bytes()); // DIR_FileSize
    out
}
