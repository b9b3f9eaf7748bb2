//! A hybrid MBR: up to three partitions stand in the MBR, too, for systems that know no GPT, beside a protective record that covers
//! only what is before them. No specification has it; it is as gdisk makes it (its manual, "Hybrid MBRs").

use imgc_image::Problem;
use imgc_plan::{
    Data, Record as Options,
    kind::OptionProblem,
    layout::{Layout, PlacedPart},
};

use super::{format::PROTECTIVE_TYPE, types::TYPES};
use crate::table::{
    mbr::type_named,
    place::problem,
    record::{Record, chs_or_last},
};

/// The records beside the protective one.
const MOST: usize = 3;

/// The option's words.
fn words(options: &Options) -> Vec<&str> {
    options
        .get("hybrid")
        .and_then(Data::as_list)
        .unwrap_or_default()
        .iter()
        .filter_map(Data::as_text)
        .collect()
}

/// What cannot be, whatever the partitions are.
pub(super) fn check(options: &Options) -> Vec<OptionProblem> {
    let words = words(options);
    let bad = |message: String, help: &str| OptionProblem {
        option: Some("hybrid"),
        message,
        help: Some(help.to_owned()),
    };
    let mut found = Vec::new();
    if words.len() > MOST {
        let message = format!("a hybrid MBR has room for {MOST} partitions, and these are {}", words.len());
        found.push(bad(message, "name those that a system without GPT must see"));
    }
    if let Some((at, word)) = words.iter().enumerate().find(|(at, word)| words[..*at].contains(word)) {
        found.push(bad(format!("`{word}` is named twice, also in place {}", at + 1), "name it once"));
    }
    found
}

/// The records of the MBR: the protective one, and those of the partitions that are named. `None` without any.
///
/// # Errors
/// When there are no such partitions, or the MBR cannot say where or what they are.
pub(super) fn records(options: &Options, layout: &Layout) -> Result<Option<Vec<Record>>, Vec<Problem>> {
    let words = words(options);
    let mut problems = Vec::new();
    let mut records = Vec::new();
    for word in &words {
        let listed =
            |part: &&PlacedPart| part.listed() && (part.name == *word || part.number.to_string() == *word);
        let Some(part) = layout.parts.iter().find(listed) else {
            let message =
                format!("the hybrid MBR names `{word}`, which is no partition that the table lists");
            problems.push(
                Problem::new("hybrid-partition", message)
                    .help("name it as the manifest does, or by its number"),
            );
            continue;
        };
        match record(part, layout) {
            Ok(record) if records.contains(&record) => {
                let message = format!("the hybrid MBR names `{}` twice", part.name);
                problems.push(problem(part, "hybrid-partition", message));
            }
            Ok(record) => records.push(record),
            Err(found) => problems.push(found),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let Some(first) = records.iter().map(|record| record.starting_lba).min() else { return Ok(None) };
    let protective = Record {
        boot_indicator: 0,
        starting_chs: chs_or_last(1),
        os_type: PROTECTIVE_TYPE,
        ending_chs: chs_or_last(u64::from(first) - 1),
        starting_lba: 1,
        size_in_lba: first - 1,
    };
    Ok(Some([protective].into_iter().chain(records).collect()))
}

fn record(part: &PlacedPart, layout: &Layout) -> Result<Record, Problem> {
    let sector = u64::from(layout.sector_size);
    let (first, count) = (part.start / sector, part.len / sector);
    let (Ok(starting_lba), Ok(size_in_lba)) = (u32::try_from(first), u32::try_from(count)) else {
        let message = format!("an MBR cannot say where `{}` lies: its numbers have 32 bits", part.name);
        return Err(problem(part, "hybrid-partition", message));
    };
    let os_type = os_type(&part.type_code).ok_or_else(|| {
        let message = format!("an MBR has no type for `{}`", part.name);
        problem(part, "hybrid-partition", message)
            .help("`linux`, `esp`, `basic-data` and `swap` are types of both")
    })?;
    Ok(Record {
        boot_indicator: 0,
        starting_chs: chs_or_last(first),
        os_type,
        ending_chs: chs_or_last(first + count - 1),
        starting_lba,
        size_in_lba,
    })
}

/// The type of the same name; where there is none, a Linux partition is one whatever it is for.
fn os_type(code: &str) -> Option<u8> {
    let names = || TYPES.iter().filter(|(_, known)| known.eq_ignore_ascii_case(code)).map(|(name, _)| *name);
    let linux = || names().any(|name| name.starts_with("linux-")).then(|| type_named("linux")).flatten();
    names().find_map(type_named).or_else(linux)
}
