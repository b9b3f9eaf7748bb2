//! The command line: what can be said, and the help that teaches it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod machine;

pub use machine::{AccelForm, MachineArgs, StartArgs, TestArgs};

/// A compiler for operating-system images.
///
/// imgc reads a manifest (partitions, filesystems, boot loader, files, output formats), turns it into steps, runs those whose
/// inputs changed, and writes images with the same bytes on every machine. It needs no root, no loop devices and no mkfs.
#[derive(Debug, Parser)]
#[command(
    name = "imgc",
    version,
    max_term_width = 100,
    after_help = "Examples:\n  imgc build image.kdl                 make every output, into out/\n  imgc plan image.kdl                  show the partitions and steps, make nothing\n  imgc build image.kdl --set size=1GiB give a parameter of the manifest\n\nExit codes: 0 done, 1 the manifest or the request is wrong, 2 this machine failed, 3 a bug of imgc,\n130 interrupted."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Work as if started in this directory.
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true)]
    pub directory: Option<PathBuf>,

    /// How progress is shown on stderr.
    #[arg(long, value_name = "FORM", value_enum, default_value = "auto", global = true)]
    pub progress: ProgressForm,

    /// Say more; twice for every step.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProgressForm {
    /// `tty` on a terminal, `plain` otherwise.
    Auto,
    /// Bars that redraw themselves.
    Tty,
    /// One line for each thing that happens.
    Plain,
    /// One JSON object a line.
    Json,
    /// Nothing.
    None,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the outputs of a manifest.
    ///
    /// Artifacts go to `out/` below the current directory. Steps whose inputs did not change are not run again.
    #[command(
        after_help = "Examples:\n  imgc build image.kdl\n  imgc build image.kdl --only disk.qcow2 -o /srv/images\n  imgc build image.kdl --update-lock   renew pins that the mirror no longer has, then build"
    )]
    Build(BuildArgs),
    /// Check a manifest without building: every mistake that can be known before anything runs.
    #[command(after_help = "Example:\n  imgc check image.kdl")]
    Check(CheckArgs),
    /// Show the partitions and the steps that a build would take.
    #[command(
        after_help = "Examples:\n  imgc plan image.kdl            what is known without reading any source\n  imgc plan image.kdl --gather   read the sources, so that sizes that fit their content are known\n  imgc plan image.kdl --json     for machines"
    )]
    Plan(PlanArgs),
    /// Start an output or an image in QEMU.
    ///
    /// What a manifest's tests say of the output's machine is taken over; otherwise what the image can start from decides. The
    /// serial port is this terminal; what the machine writes is forgotten at its end.
    #[command(
        after_help = "Examples:\n  imgc run disk.img image.kdl              build an output of a manifest and start it\n  imgc run out/disk.img --window           start a file\n  imgc run disk.img image.kdl --forward 2222:22 --gdb\n  imgc run out/disk.img --print            the command line, nothing else"
    )]
    Run(StartArgs),
    /// Build outputs and run the tests that start them.
    ///
    /// A test that passed is not run again until its image, its definition, QEMU or the firmware changes. An output that fails a test is
    /// not published.
    #[command(
        after_help = "Examples:\n  imgc test image.kdl\n  imgc test image.kdl boots --rerun\n  imgc test image.kdl --junit report.xml"
    )]
    Test(TestArgs),
    /// Draw the steps and what feeds them.
    #[command(
        after_help = "Examples:\n  imgc graph image.kdl --format svg > steps.svg\n  imgc graph image.kdl --format mermaid"
    )]
    Graph(GraphArgs),
    /// Say why each step of the last build ran, or that it did not have to.
    #[command(
        after_help = "Examples:\n  imgc why image.kdl\n  imgc why image.kdl root      only steps with \"root\" in their name"
    )]
    Why(WhyArgs),
    /// Pin the packages that a manifest asks for in imgc.lock.
    ///
    /// The mirror is the one of this machine's apt configuration unless `--mirror` or the manifest names one. Its index must be signed
    /// by a key of the keyring.
    #[command(
        after_help = "Examples:\n  imgc lock image.kdl            pin what is not pinned yet\n  imgc lock image.kdl --update   pin the newest versions"
    )]
    Lock(LockArgs),
    /// Fetch everything that a build needs, so that it can run with --offline.
    #[command(after_help = "Example:\n  imgc fetch image.kdl && imgc build image.kdl --offline")]
    Fetch(FetchArgs),
    /// Show what is in an image: its table, its filesystems, their files.
    #[command(
        after_help = "Examples:\n  imgc inspect disk.img                     the partitions and what is in them\n  imgc inspect disk.img --svg > disk.svg    a map of the disk\n  imgc inspect disk.img ls -r root:/etc     by name or number of the partition\n  imgc inspect disk.img cat 2:/etc/motd\n  imgc inspect disk.img extract root:/ -o files"
    )]
    Inspect(InspectArgs),
    /// Say what an image starts from, on which firmware, and what is wrong with that.
    ///
    /// Follows boot sectors, partition tables, the boot catalogue of CDs, loaders and their menus to the files that they start, of raw
    /// and qcow2 images and CDs that anyone made. Ends with 1 when something that should start does not.
    #[command(
        after_help = "Examples:\n  imgc verify out/media.iso\n  imgc verify disk.qcow2 --json\n  imgc verify out/media.iso --expect bios-cd,uefi-cd,bios-disk,uefi-disk"
    )]
    Verify(VerifyArgs),
    /// Look at the cache, check it, make it smaller.
    #[command(
        after_help = "Examples:\n  imgc cache where\n  imgc cache size\n  imgc cache check\n  imgc cache prune --keep 2GiB"
    )]
    Cache(CacheArgs),
    /// Print a completion script for a shell.
    #[command(
        after_help = "Example:\n  imgc completions bash > ~/.local/share/bash-completion/completions/imgc"
    )]
    Completions(CompletionsArgs),
    /// Print the reference page of all filesystems, tables, loaders and formats, in Markdown.
    #[command(after_help = "Example:\n  imgc reference > docs/reference/kinds.md")]
    Reference,
}

/// A manifest and its parameters.
#[derive(Debug, Args)]
pub struct ManifestArgs {
    /// The manifest.
    #[arg(value_name = "MANIFEST", default_value = "image.kdl")]
    pub manifest: PathBuf,

    /// Give a parameter of the manifest; again for each one.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_setting)]
    pub set: Vec<(String, String)>,

    /// Only this output; again for more.
    #[arg(long, value_name = "FILE")]
    pub only: Vec<String>,
}

/// How a run treats this machine.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// How many steps run at once; all cores unless said.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,

    /// Where the cache is.
    #[arg(long, value_name = "DIR", env = "IMGC_CACHE")]
    pub cache: Option<PathBuf>,

    /// Fetch nothing.
    #[arg(long)]
    pub offline: bool,

    /// The base of a Debian mirror to use instead of that of this machine's apt configuration; again for more.
    #[arg(long, value_name = "URL", env = "IMGC_MIRROR", value_delimiter = ' ')]
    pub mirror: Vec<String>,
}

/// How a mirror's index is verified.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// A keyring that signs the mirror's index, instead of this machine's; again for more.
    #[arg(long, value_name = "FILE")]
    pub keyring: Vec<PathBuf>,

    /// Take an index that nobody signed.
    #[arg(long)]
    pub allow_unsigned: bool,
}

/// `imgc build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    #[command(flatten)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Where artifacts go.
    #[arg(short, long = "output", value_name = "DIR", default_value = "out")]
    pub output: PathBuf,
    /// Overwrite files at the artifacts' places that imgc did not make.
    #[arg(long)]
    pub force: bool,
    /// Make warnings errors, of the manifest and of what steps leave out: nothing is exported then.
    #[arg(long)]
    pub deny_warnings: bool,
    #[command(flatten)]
    pub machines: MachineArgs,
    /// Publish only outputs that pass their tests (`test` nodes of the manifest).
    #[arg(long)]
    pub test: bool,
    /// Pin what is not pinned, renew pins that the mirror no longer has, and print what changed.
    #[arg(long, conflicts_with = "offline")]
    pub update_lock: bool,
    /// How large the cache may grow before what was not used for longest is deleted.
    #[arg(long, value_name = "SIZE", env = "IMGC_CACHE_SIZE", default_value = "20GiB", value_parser = imgc_plan::units::parse_size)]
    pub cache_size: u64,
    /// Print the artifacts as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `imgc check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Print the diagnostics as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `imgc plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    pub run: RunArgs,
    /// Read the sources, so that everything they decide is known.
    #[arg(long)]
    pub gather: bool,
    /// Print every step in the canonical form.
    #[arg(long)]
    pub steps: bool,
    /// Print the plan as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `imgc graph`.
#[derive(Debug, Args)]
pub struct GraphArgs {
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// The form.
    #[arg(long, value_enum, default_value = "dot")]
    pub format: GraphForm,
}

/// A form of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphForm {
    /// For Graphviz.
    Dot,
    /// For Markdown.
    Mermaid,
    /// For a browser.
    Svg,
}

/// `imgc why`.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// The manifest.
    #[arg(value_name = "MANIFEST", default_value = "image.kdl")]
    pub manifest: PathBuf,
    /// Only steps with this in their name.
    #[arg(value_name = "STEP")]
    pub step: Option<String>,
    /// Where the cache is.
    #[arg(long, value_name = "DIR", env = "IMGC_CACHE")]
    pub cache: Option<PathBuf>,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `imgc lock`.
#[derive(Debug, Args)]
pub struct LockArgs {
    #[command(flatten)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    pub trust: TrustArgs,
    /// The base of a Debian mirror to use instead of that of this machine's apt configuration; again for more.
    #[arg(long, value_name = "URL", env = "IMGC_MIRROR", value_delimiter = ' ')]
    pub mirror: Vec<String>,
    /// Pin the newest versions, also of what is pinned already.
    #[arg(long)]
    pub update: bool,
}

/// `imgc fetch`.
#[derive(Debug, Args)]
pub struct FetchArgs {
    #[command(flatten)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    pub run: RunArgs,
}

/// `imgc inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// A disk image (raw or qcow2), or a bare filesystem.
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// What to do with it; a summary unless said.
    #[command(subcommand)]
    pub action: Option<InspectAction>,
    /// Print the summary as JSON.
    #[arg(long, conflicts_with = "svg")]
    pub json: bool,
    /// Draw a map of the disk as SVG.
    #[arg(long)]
    pub svg: bool,
}

/// `imgc verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A disk image (raw or qcow2), or a CD's.
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// Ways to boot that must work; more of them with commas between.
    #[arg(long, value_name = "WAY", value_enum, value_delimiter = ',')]
    pub expect: Vec<WayForm>,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// A way to boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WayForm {
    /// A BIOS from a disk or a USB stick.
    BiosDisk,
    /// UEFI from a disk or a USB stick.
    UefiDisk,
    /// A BIOS from a CD.
    BiosCd,
    /// UEFI from a CD.
    UefiCd,
}

/// What to do with an image.
#[derive(Debug, Subcommand)]
pub enum InspectAction {
    /// List a directory.
    Ls {
        /// Where: a path, with the partition's name or number and a colon before it where there are several.
        #[arg(value_name = "[PARTITION:]PATH", default_value = "/")]
        path: String,
        /// Everything below it, too.
        #[arg(short, long)]
        recursive: bool,
        /// Times, in seconds since 1970, and extended attributes, too.
        #[arg(short, long)]
        long: bool,
        /// Print it as JSON, with everything.
        #[arg(long)]
        json: bool,
    },
    /// Print a file.
    Cat {
        /// The file.
        #[arg(value_name = "[PARTITION:]PATH")]
        path: String,
    },
    /// Copy files out, with modes, times and `user.` attributes. What this system or user cannot have (owners, devices, other
    /// attributes) is left out, and said.
    Extract {
        /// A file or a directory; the root gives all that is in it.
        #[arg(value_name = "[PARTITION:]PATH", default_value = "/")]
        path: String,
        /// Where to; it is made if it is not there.
        #[arg(short, long = "output", value_name = "DIR")]
        output: PathBuf,
        /// Overwrite files that are there.
        #[arg(long)]
        force: bool,
    },
}

/// `imgc cache`.
#[derive(Debug, Args)]
pub struct CacheArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: CacheAction,
    /// Where the cache is.
    #[arg(long, value_name = "DIR", env = "IMGC_CACHE", global = true)]
    pub cache: Option<PathBuf>,
}

/// What to do with the cache.
#[derive(Debug, Subcommand)]
pub enum CacheAction {
    /// Print its directory.
    Where,
    /// Print how much room it takes.
    Size,
    /// Read all of it and move away what is damaged.
    Check,
    /// Delete what was not used for longest.
    Prune {
        /// How much may stay, such as 2GiB; 0B empties it.
        #[arg(long, value_name = "SIZE", default_value = "10GiB", value_parser = imgc_plan::units::parse_size)]
        keep: u64,
    },
}

/// `imgc completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: clap_complete::Shell,
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a parameter is given as NAME=VALUE".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        for command in super::Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "imgc {} has no example", command.get_name());
        }
    }
}
