//! The files that overlay its home: the loader itself, its modules, its configuration.

use imgc_image::{Content, Failure, Problem, Tree};

use super::{
    PACKAGES, config,
    core::{Core, SECTOR, is_boot_sector},
    embedded::{self, Embedded},
    modules,
    options::{Options, Variant},
};
use crate::boot::{
    LoaderJob, eltorito,
    files::Files,
    supply::{Supply, unknown},
};

/// The file that runs after the firmware's part, on a BIOS and on UEFI.
const MODULE: [&str; 2] = ["ldlinux.c32", "ldlinux.e64"];

/// Makes the tree.
///
/// # Errors
/// When the supply lacks something, or the menu cannot be expressed.
pub fn files(options: &Options, variant: Variant, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
    let supply = Supply::of(job, PACKAGES)?;
    let menu = job.need_menu("SYSLINUX")?;
    let directory = options.directory(variant);
    let below = |name: &str| format!("{directory}/{name}");
    let mut files = Files::new(job.store, options.epoch);
    files.write(&below(variant.config()), config::render(options, variant, menu)?.as_bytes())?;
    match variant {
        Variant::Syslinux | Variant::Extlinux => {
            let Embedded { boot: _, core, module } = parts(&supply)?;
            files.write_dense(&below("ldlinux.sys"), &Core::read(core)?.file())?;
            files.write(&below(MODULE[0]), &module)?;
        }
        Variant::Isolinux => {
            // Its sectors are patched, so it must not share them with an equal file.
            let image = supply.find("isolinux.bin", "ISOLINUX")?;
            files.write_dense(&below("isolinux.bin"), &supply.read("isolinux.bin", image)?)?;
            files.point(&below(MODULE[0]), supply.find(MODULE[0], variant.modules())?);
            let catalog = job.home.own().and_then(|own| eltorito::catalog(own, options.epoch));
            catalog.into_iter().for_each(|catalog| files.entry(catalog));
        }
        Variant::Pxelinux => {
            files.point(&below("pxelinux.0"), supply.find("pxelinux.0", "PXELINUX")?);
            files.point(&below(MODULE[0]), supply.find(MODULE[0], variant.modules())?);
        }
        Variant::Efi | Variant::EfiNetwork => {
            let removable = variant == Variant::Efi && directory.eq_ignore_ascii_case("/EFI/BOOT");
            let name = if removable { "BOOTX64.EFI" } else { "syslinux.efi" };
            files.point(&below(name), supply.find("syslinux.efi", variant.modules())?);
            files.point(&below(MODULE[1]), supply.find(MODULE[1], variant.modules())?);
        }
    }
    let wanted = config::modules(options, menu);
    for (name, content) in modules::closure(&supply, variant.modules(), wanted)? {
        files.point(&below(&name), content);
    }
    files.finish()
}

/// The loader of a disk: from plain files, as SYSLINUX is built, or from its installer.
///
/// # Errors
/// When there is neither, or it is not of version 6.
pub fn parts(supply: &Supply<'_>) -> Result<Embedded, Failure> {
    if let Some(core) = supply.maybe("ldlinux.sys", "bios")? {
        let read = |name: &str, content: &Content| supply.read(name, content);
        let boot = read("ldlinux.bss", supply.find("ldlinux.bss", "bios")?)?;
        if boot.len() != SECTOR || !is_boot_sector(&boot) {
            return Err(unknown("ldlinux.bss", "it is no boot sector of SYSLINUX 6").into());
        }
        let module = read(MODULE[0], supply.find(MODULE[0], "bios")?)?;
        return Ok(Embedded { boot, core: read("ldlinux.sys", core)?, module });
    }
    for name in ["syslinux", "extlinux"] {
        if let Some(installer) = supply.maybe(name, "bin")? {
            return Ok(embedded::cut(name, &supply.read(name, installer)?)?);
        }
    }
    let message = "the loader's source has neither `ldlinux.sys` nor the installer that holds it";
    Err(Problem::new("loader-file-missing", message).help(PACKAGES).into())
}
