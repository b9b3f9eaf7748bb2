//! Where systemd-boot and its entries can lie.

use imgc_plan::{
    kind::OptionProblem,
    step::{LoaderHome, PartHome},
};

/// An EFI system partition by table (UEFI 2.10, sections 5.2.2 and 5.3.3).
const ESP: &[(&str, &str)] = &[("gpt", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"), ("mbr", "ef")];

/// An extended boot loader partition (Boot Loader Specification, "The Boot Partition").
const XBOOTLDR: &str = "bc13c2ff-59e6-4262-a352-b275fd6f7172";

/// What makes it impossible there.
pub fn check(home: &LoaderHome) -> Vec<OptionProblem> {
    let LoaderHome::Disk { table, own, esp } = home else {
        let message = "systemd-boot finds its files on a disk, and a network has none";
        return vec![problem(None, message, "give out a unified kernel image instead")];
    };
    let Some((_, code)) = ESP.iter().find(|(known, _)| known == table) else {
        let message = format!("firmware finds systemd-boot by a table, and `{table}` lists no partition");
        return vec![problem(None, message, "use `gpt` or `mbr`")];
    };
    let mut found = Vec::new();
    let (firmware, option) = match esp {
        Some(esp) => (esp, "esp"),
        None => (own, "partition"),
    };
    if firmware.type_code != *code {
        let message =
            format!("firmware looks in EFI system partitions, and `{}` is of another type", firmware.name);
        let help = match (esp, firmware.type_code == XBOOTLDR) {
            (None, true) => "name the EFI system partition with `esp`".to_owned(),
            _ => format!("give `{}` the type `esp`", firmware.name),
        };
        found.push(problem(Some(option), message, &help));
    }
    found.extend(check_filesystem(firmware, option));
    if esp.is_some() {
        found.extend(check_extended(table, own));
        found.extend(check_filesystem(own, "partition"));
    }
    found
}

/// A partition of kernels beside the EFI system partition.
fn check_extended(table: &str, own: &PartHome) -> Option<OptionProblem> {
    if table != "gpt" {
        let message = "systemd-boot looks for a second partition on GPT disks only";
        return Some(problem(
            Some("esp"),
            message,
            "leave `esp` out, and make the EFI system partition the `partition`",
        ));
    }
    (own.type_code != XBOOTLDR).then(|| {
        let message = format!("systemd-boot looks for entries in the EFI system partition and in one of type `xbootldr`, and `{}` is neither", own.name);
        problem(Some("partition"), message, &format!("give `{}` the type `xbootldr`", own.name))
    })
}

fn check_filesystem(part: &PartHome, option: &'static str) -> Option<OptionProblem> {
    (part.filesystem != "vfat").then(|| {
        let message = format!("firmware reads FAT, and `{}` holds `{}`", part.name, part.filesystem);
        problem(Some(option), message, "make it `vfat`")
    })
}

fn problem(option: Option<&'static str>, message: impl Into<String>, help: &str) -> OptionProblem {
    OptionProblem { option, message: message.into(), help: Some(help.to_owned()) }
}
