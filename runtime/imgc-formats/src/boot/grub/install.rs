//! The files that overlay filesystems: the menu, modules, GRUB's lists of them, and the images that firmware starts as files.

use std::collections::BTreeSet;

use imgc_image::{Content, Failure, Tree};
use imgc_plan::menu::Menu;

use super::{
    super::{LoaderJob, eltorito, files},
    config, core, env,
    moddep::{self, Dependencies},
    options::Options,
    package::Package,
    pe,
    place::{Form, Place, VIDEO, filesystem_module, is_cd},
};

/// The names of images that are files of the platform's directory.
pub const CORE: &str = "core.img";
pub const CD: &str = "eltorito.img";
const PXE: &str = "core.0";
const NET_EFI: &str = "core.efi";

/// Modules that make GRUB's command line useful when a menu fails: looking at disks and files of the usual kinds, starting
/// what is found by hand, turning the machine off. Those that a package does not have are left out.
const SHELL: &[&str] = &[
    "boot",
    "cat",
    "chain",
    "configfile",
    "echo",
    "ext2",
    "fat",
    "gzio",
    "halt",
    "help",
    "hexdump",
    "iso9660",
    "linux",
    "linux16",
    "loadenv",
    "loopback",
    "ls",
    "lsmmap",
    "lspci",
    "minicmd",
    "multiboot",
    "multiboot2",
    "normal",
    "part_gpt",
    "part_msdos",
    "probe",
    "reboot",
    "regexp",
    "search",
    "serial",
    "sleep",
    "terminal",
    "test",
    "true",
];

/// GRUB's lists: `name` or `word: name` a line, where `name` is that of a module.
const LISTS: &[&str] =
    &["command.lst", "crypto.lst", "fs.lst", "partmap.lst", "parttool.lst", "terminal.lst", "video.lst"];

/// Makes the tree. Contents of the package are pointed at; lists name only modules that are there, as GRUB would complain aloud
/// about others whenever it looks at an unknown disk.
///
/// # Errors
/// When the package lacks something, or the menu cannot be expressed.
pub fn files(package: &Package<'_>, place: &Place<'_>, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
    let options = place.options;
    let mut files = menu(place, job)?;
    let beside = |name: &str| format!("{}/{name}", options.platform.directory());
    match place.form {
        Form::Disk | Form::Efi => {}
        Form::Partition => files.write_dense(&beside(CORE), &core::core(package, place)?)?,
        Form::Cd => files.write_dense(&beside(CD), &core::cd(package, place)?)?,
        Form::Pxe => files.write(&beside(PXE), &core::pxe(package, place)?)?,
        Form::NetEfi => files.write(&beside(NET_EFI), &pe::image(package, place)?)?,
    }
    modules(package, place, job.menu, &mut files)?;
    files.all.finish()
}

/// As [`files`], where GRUB has all its modules in its image: the menu, and what belongs to it.
///
/// # Errors
/// When the menu cannot be expressed.
pub fn menu_files(place: &Place<'_>, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
    menu(place, job)?.all.finish()
}

/// The menu, the file by which its directory is known, the catalogue of a CD.
fn menu<'a>(place: &Place<'a>, job: &LoaderJob<'a>) -> Result<Files<'a>, Failure> {
    let options = place.options;
    let mut files = Files { options, all: files::Files::new(job.store, options.epoch) };
    // Without a menu the partition holds a `grub.cfg` of its own, or GRUB shows its command line.
    if let Some(menu) = job.menu {
        files.write("grub.cfg", config::render(menu, options)?.as_bytes())?;
        if env::counts(menu) {
            files.write_dense(env::FILE, &env::block(menu))?;
        }
    }
    if place.searches() {
        files.write(&place.id_file(), b"By this file GRUB knows its directory.\n")?;
    }
    if let Some(catalog) =
        place.own.filter(|own| is_cd(own)).and_then(|own| eltorito::catalog(own, options.epoch))
    {
        files.all.entry(catalog);
    }
    Ok(files)
}

/// The image in the partition in which UEFI looks.
///
/// # Errors
/// When the package lacks something, or is of a version with other layouts.
pub fn esp_files(package: &Package<'_>, place: &Place<'_>, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
    let path = place.options.image_path();
    let path = path.ok_or_else(|| Failure::Bug("GRUB for a BIOS has no files for firmware".into()))?;
    let mut files = files::Files::new(job.store, place.options.epoch);
    files.write(path, &pe::image(package, place)?)?;
    files.finish()
}

/// The modules, and GRUB's lists of them.
fn modules(
    package: &Package<'_>,
    home: &Place<'_>,
    menu: Option<&Menu>,
    files: &mut Files<'_>,
) -> Result<(), Failure> {
    let platform = home.options.platform.directory();
    let place = |name: &str| format!("{platform}/{name}");
    if home.options.all_modules {
        let wanted = |name: &str| [".mod", ".lst", ".o"].iter().any(|ending| name.ends_with(ending));
        package
            .files()
            .filter(|(name, _)| wanted(name))
            .for_each(|(name, content)| files.point(&place(name), content));
        return Ok(());
    }
    let modules = needed(package, home, menu)?;
    for name in modules.iter().map(|name| format!("{name}.mod")) {
        files.point(&place(&name), package.content(&name)?);
    }
    let listed = |name: &str| modules.contains(name.trim());
    let text = package.read_text("moddep.lst")?;
    files.write(
        &place("moddep.lst"),
        keep(&text, |line| listed(line.split(':').next().unwrap_or(line))).as_bytes(),
    )?;
    for list in LISTS.iter().filter(|list| package.has(list)) {
        let text = keep(&package.read_text(list)?, |line| listed(line.rsplit(':').next().unwrap_or(line)));
        files.write(&place(list), text.as_bytes())?;
    }
    Ok(())
}

/// What the menu, the core image and the command line need, with all that those modules need.
fn needed(
    package: &Package<'_>,
    place: &Place<'_>,
    menu: Option<&Menu>,
) -> Result<BTreeSet<String>, Failure> {
    let dependencies = Dependencies::read(package)?;
    let options = place.options;
    let wanted = menu
        .map_or_else(|| vec!["normal"], |menu| config::modules(menu, options))
        .into_iter()
        .chain(filesystem_module(place.filesystem()))
        .chain(options.platform.disk_module().filter(|_| place.own.is_some()))
        .chain(options.platform.is_efi().then_some(VIDEO))
        .chain(options.modules.iter().map(String::as_str));
    let wanted = dependencies.closure(wanted);
    moddep::all_there(package, &wanted)?;
    let there = |name: &str| package.has(&format!("{name}.mod"));
    let shell = SHELL.iter().copied().map(|name| dependencies.closure([name]));
    let shell = shell.filter(|closure| closure.iter().all(|name| there(name))).flatten();
    Ok(wanted.into_iter().chain(shell).collect())
}

fn keep(text: &str, wanted: impl Fn(&str) -> bool) -> String {
    text.lines().filter(|line| wanted(line)).flat_map(|line| [line, "\n"]).collect()
}

/// Collects files; names are below the loader's directory.
struct Files<'a> {
    options: &'a Options,
    all: files::Files<'a>,
}

impl Files<'_> {
    fn point(&mut self, name: &str, content: &Content) {
        self.all.point(&self.options.place(name), content);
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.all.write(&self.options.place(name), bytes)
    }

    /// A file that is read or written where it lies.
    fn write_dense(&mut self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.all.write_dense(&self.options.place(name), bytes)
    }
}
