//! Writes a volume as it was planned.

use std::io;

use imgc_image::BytesBuilder;

use super::{
    contents::SECTOR,
    descriptor::{self, FIRST, Places, Sort},
    directory, path_table,
    plan::Plan,
    udf,
};

/// Writes everything, and says the length.
///
/// # Errors
/// When the store cannot take the metadata.
pub fn write(plan: &Plan<'_>, out: &mut BytesBuilder<'_>) -> io::Result<()> {
    let mut sector = FIRST;
    for (sort, of) in &plan.descriptors {
        if let (Sort::Boot, Some(catalog)) = (sort, plan.catalog) {
            out.put(sector * SECTOR, &descriptor::boot_record(catalog))?;
            sector += 1;
            continue;
        }
        let placed = &plan.hierarchies[*of];
        let root_time = plan.survey.entries[0].meta.mtime;
        let places = Places {
            hierarchy: &placed.hierarchy,
            survey: &plan.survey,
            sectors: plan.sectors,
            tables: placed.tables,
            root_time,
            files: plan.files,
        };
        out.put(sector * SECTOR, &descriptor::encode(*sort, &plan.options, &places))?;
        sector += 1;
    }
    out.put(sector * SECTOR, &descriptor::terminator())?;
    for placed in &plan.hierarchies {
        out.put(placed.tables.0 * SECTOR, &path_table::encode(&placed.hierarchy, false))?;
        out.put(placed.tables.1 * SECTOR, &path_table::encode(&placed.hierarchy, true))?;
    }
    let view = plan.view();
    for placed in &plan.hierarchies {
        for (at, dir) in placed.hierarchy.dirs.iter().enumerate() {
            let encoded = directory::encode(&view, &placed.hierarchy, at);
            out.put(dir.sector * SECTOR, &encoded.records)?;
            out.put((dir.sector + dir.sectors) * SECTOR, &encoded.more)?;
        }
    }
    if let Some(layout) = &plan.udf {
        let recognition = plan.after_descriptors();
        let volume = udf::Volume { options: &plan.options, layout, recognition, sectors: plan.sectors };
        udf::write(&volume, &view, out)?;
    }
    for (content, start) in &plan.contents.list {
        out.content(start * SECTOR, content, 0, content.len());
    }
    out.set_len(plan.len());
    Ok(())
}
