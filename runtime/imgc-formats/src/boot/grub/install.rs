//! The files that overlay a filesystem: the menu, modules, and GRUB's lists of them.

use std::collections::BTreeSet;

use imgc_image::{BytesBuilder, Content, Entry, Failure, Meta, Node, Problem, Store, Tree, TreeBuilder};
use imgc_plan::{menu::Menu, tree::BytePath};

use super::{
    super::LoaderJob,
    config, core,
    moddep::{self, Dependencies},
    options::Options,
    package::Package,
};

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
pub fn files(options: &Options, package: &Package<'_>, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
    let menu = job.menu.ok_or_else(|| Problem::new("menu-missing", "GRUB needs a menu"))?;
    let mut files = Files { options, store: job.store, builder: TreeBuilder::new() };
    files.write("grub.cfg", config::render(menu)?.as_bytes())?;
    let platform = options.platform.name();
    let place = |name: &str| format!("{platform}/{name}");
    if options.all_modules {
        let wanted = |name: &str| [".mod", ".lst", ".o"].iter().any(|ending| name.ends_with(ending));
        package
            .files()
            .filter(|(name, _)| wanted(name))
            .for_each(|(name, content)| files.point(&place(name), content));
        return files.finish();
    }
    let modules = needed(
        options,
        package,
        menu,
        job.home.own().map(|own| own.filesystem.as_str()).unwrap_or_default(),
    )?;
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
    files.finish()
}

/// What the menu, the core image and the command line need, with all that those modules need.
fn needed(
    options: &Options,
    package: &Package<'_>,
    menu: &Menu,
    filesystem: &str,
) -> Result<BTreeSet<String>, Failure> {
    let dependencies = Dependencies::read(package)?;
    let wanted = config::modules(menu)
        .into_iter()
        .chain(core::filesystem_module(filesystem))
        .chain([options.platform.disk_module()])
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

/// Collects files below the loader's directory: all of them 0644, of 0:0, at the epoch.
struct Files<'a> {
    options: &'a Options,
    store: &'a dyn Store,
    builder: TreeBuilder,
}

impl Files<'_> {
    fn point(&mut self, name: &str, content: &Content) {
        let path = format!("{}/{name}", self.options.directory.trim_start_matches('/'));
        self.builder.push(Entry {
            path: BytePath(path.into_bytes()),
            meta: Meta::new(0o644, self.options.epoch),
            xattrs: Box::default(),
            link: None,
            node: Node::File { content: content.clone(), dense: false },
        });
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = BytesBuilder::new(self.store);
        out.put(0, bytes)?;
        let content = Content::from(out.finish(bytes.len() as u64)?);
        self.point(name, &content);
        Ok(())
    }

    fn finish(self) -> Result<Tree, Failure> {
        self.builder
            .finish(self.options.epoch)
            .map_err(|path| Failure::Bug(format!("GRUB's files have the path {path} twice")))
    }
}
