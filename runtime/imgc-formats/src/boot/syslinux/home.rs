//! Where the family can start from.

use imgc_plan::{kind::OptionProblem, step::LoaderHome};

use super::options::{Options, Variant};

/// Types of the partition in which firmware looks: on GPT (UEFI 2.10, table 5.7) and MBR (5.2.2).
const ESP: [&str; 2] = ["c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "ef"];

/// Tables for which there is code that finds a marked partition.
const TABLES: [&str; 3] = ["mbr", "gpt", "bare"];

/// Everything that cannot be.
pub fn check(options: &Options, home: &LoaderHome) -> Vec<OptionProblem> {
    let variant = match Variant::of(options.platform, home) {
        Ok(variant) => variant,
        Err(problem) => return vec![problem],
    };
    let (Some(own), Some(table)) = (home.own(), home.table()) else { return Vec::new() };
    let mut problems = Vec::new();
    let listed = own.number > 0;
    match variant {
        Variant::Efi if listed && !ESP.iter().any(|esp| own.type_code.eq_ignore_ascii_case(esp)) => {
            let message = format!(
                "firmware looks for loaders in a partition of the type `esp`, and `{}` is none",
                own.name
            );
            problems.push(problem("partition", message, "give the partition `type=esp`"));
        }
        Variant::Syslinux | Variant::Extlinux if options.mbr && !TABLES.contains(&table) => {
            let message =
                format!("SYSLINUX has no code for the first sector of a disk with the table `{table}`");
            problems.push(problem("mbr", message, "use `mbr` or `gpt`, or `mbr=#false`"));
        }
        Variant::Syslinux | Variant::Extlinux if options.mbr && table != "bare" && !listed => {
            let message = format!(
                "the code in the first sector looks for the partition in the table, which does not list `{}`",
                own.name
            );
            problems.push(problem("partition", message, "leave `listed=#false` out, or say `mbr=#false`"));
        }
        _ => {}
    }
    problems
}

fn problem(option: &'static str, message: String, help: &str) -> OptionProblem {
    OptionProblem { option: Some(option), message, help: Some(help.to_owned()) }
}
