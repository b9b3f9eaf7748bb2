//! GRUB under secure boot: images that others signed, and where those look for a menu.
//!
//! ```text
//! ESP   /EFI/BOOT/BOOTX64.EFI   shim, which firmware trusts by Microsoft's key
//!       /EFI/BOOT/grubx64.efi   GRUB, which shim trusts by its vendor's key
//!       /EFI/BOOT/mmx64.efi     shim's manager of further keys, where the source has it
//!       /EFI/debian/grub.cfg    where the signed image looks: finds the directory with the menu
//! home  /boot/grub/grub.cfg     the menu
//! ```
//!
//! Where only signed code may run, GRUB loads no modules from files: what the menu needs must be in the image. Source: shim's
//! README.md and `include/defaults.h`; GRUB manual 2.12, "UEFI secure boot and shim" and "Lockdown".

use imgc_image::{Content, Failure, Problem, Reader, Tree};
use imgc_plan::{
    kind::OptionProblem,
    menu::{BootAction, Menu, MenuEntry},
    step::LoaderHome,
};

use super::{
    super::{
        LoaderJob,
        application::{self, Wanted},
        files::Files,
        start::check_each,
        supply::Supply,
    },
    area::Area,
    config,
    options::read_directory,
    place::{Place, VIDEO},
};
use crate::pe::Pe;

/// Where people get the images.
const HELP: &str = "Debian's packages with signed images are `shim-signed`, `grub-efi-amd64-signed` and `shim-helpers-amd64-signed`: copy them into a \
                    tree, and name it with `tree=`";

/// The menu that a signed image reads, and the directory that ends its name.
const MENU: &str = "grub.cfg";

/// What of a menu cannot start under secure boot, with the index of its outermost entry.
pub fn check_menu(menu: &Menu) -> Vec<(usize, OptionProblem)> {
    check_each(menu, check_entry)
}

fn check_entry(entry: &MenuEntry, found: &mut Vec<OptionProblem>) {
    for action in &entry.actions {
        let (message, help) = match action {
            BootAction::Multiboot { .. } | BootAction::Multiboot2 { .. } => (
                "a multiboot kernel carries no signature, and GRUB starts none under secure boot",
                "start a signed kernel with `linux`, or leave `secure-boot` out",
            ),
            BootAction::DeviceTree { .. } => (
                "GRUB loads no device tree under secure boot",
                "leave `devicetree` out: the firmware hands its own to the kernel",
            ),
            _ => continue,
        };
        found.push(OptionProblem { option: None, message: message.to_owned(), help: Some(help.to_owned()) });
    }
    entry.entries.iter().for_each(|inner| check_entry(inner, found));
}

/// The files for firmware.
///
/// # Errors
/// When the source lacks an image, one is not signed or not for this machine; when GRUB's lacks a module, or looks for its menu
/// elsewhere than on a disk.
pub fn esp_files(place: &Place<'_>, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
    let platform = place.options.platform;
    let (Some(arch), Some(path)) = (platform.efi_arch(), place.options.image_path()) else {
        return Err(Failure::Bug("GRUB for a BIOS has no signed images".into()));
    };
    let supply = Supply::of(job, HELP)?;
    let image = |name: &str| -> Result<Option<&Content>, Failure> {
        let signed = format!("{name}{arch}.efi.signed");
        let plain = format!("{name}{arch}.efi");
        let found = match supply.maybe(&signed, "")? {
            Some(content) => Some((signed, content)),
            None => supply.maybe(&plain, "")?.map(|content| (plain, content)),
        };
        let Some((name, content)) = found else { return Ok(None) };
        application::check(&name, content, job.store, Wanted { arch, signed: true, help: HELP })?;
        Ok(Some(content))
    };
    let needed = |name: &str| {
        image(name)?.ok_or_else(|| {
            let message = format!("secure boot needs a signed `{name}{arch}.efi`, and the source has none");
            Failure::from(Problem::new("loader-file-missing", message).help(HELP))
        })
    };
    let (shim, grub, manager) = (needed("shim")?, needed("grub")?, image("mm")?);
    let area = area(grub, job, &supply)?;
    check_modules(&area, place, job.menu)?;
    let mut files = Files::new(job.store, place.options.epoch);
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    files.point(path, shim);
    files.point(&format!("{directory}/grub{arch}.efi"), grub);
    if let Some(manager) = manager {
        files.point(&format!("{directory}/mm{arch}.efi"), manager);
    }
    let menu = format!("{}/{MENU}", looks_in(&area)?);
    // In the one partition of both the menu itself may lie there.
    let alone = matches!(job.home, LoaderHome::Disk { esp: None, .. });
    if !(alone && menu == place.options.place(MENU)) {
        files.write(&menu, (place.config() + "configfile $prefix/grub.cfg\n").as_bytes())?;
    }
    files.finish()
}

/// The module area of a signed image.
fn area(grub: &Content, job: &LoaderJob<'_>, supply: &Supply<'_>) -> Result<Area, Failure> {
    let bytes = grub.to_bytes();
    let odd =
        |why: &str| Problem::new("loader-file-odd", format!("the signed image of GRUB {why}")).help(HELP);
    let pe = Pe::read(&Reader::new(&bytes, job.store))
        .map_err(|error| error.of("loader-file-odd", "the signed image of GRUB"))?;
    let section = pe.sections.iter().find(|section| section.name() == "mods");
    let section = section.ok_or_else(|| odd("has no modules"))?;
    let image = supply.read("the signed image of GRUB", grub)?;
    let from = section.pointer_to_raw_data as usize;
    let len = section.size_of_raw_data as usize;
    let mods = from.checked_add(len).and_then(|end| image.get(from..end));
    Ok(mods.and_then(Area::find).ok_or_else(|| odd("has modules that cannot be read"))?)
}

/// The directory on the ESP where a signed image looks for its menu.
fn looks_in(area: &Area) -> Result<String, Problem> {
    read_directory(&area.prefix).ok_or_else(|| {
        let message = format!("the signed image of GRUB looks for its menu in `{}`", area.prefix);
        Problem::new("loader-file-odd", message)
            .help("one is needed that looks in a directory of the partition that it was started from, as `grubx64.efi.signed` of Debian does")
    })
}

/// Refuses what the image has no modules for, all at once.
fn check_modules(area: &Area, place: &Place<'_>, menu: Option<&Menu>) -> Result<(), Failure> {
    let mut wanted = place.wanted()?;
    wanted.extend(["normal", "configfile", VIDEO]);
    wanted.extend(menu.map(|menu| config::modules(menu, place.options)).unwrap_or_default());
    wanted.sort_unstable();
    wanted.dedup();
    let missing: Vec<Problem> = wanted
        .into_iter()
        .filter(|name| !area.has_module(name))
        .map(|name| {
            let message = format!("the signed image of GRUB has no module `{name}`, and under secure boot it loads none from files");
            Problem::new("grub-module-missing", message)
                .help("do without what needs it, or without `secure-boot`; a home that Debian's image reads is ext4, vfat, xfs, btrfs, squashfs or iso9660")
        })
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(missing.into()) }
}
