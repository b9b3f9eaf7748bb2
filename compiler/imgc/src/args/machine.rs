//! The command line of what starts machines: `imgc run` and `imgc test`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, builder::PossibleValuesParser, builder::TypedValueParser};
use imgc_plan::test::{Bus, Chipset, Firmware, Medium};
use imgc_qemu::Forward;

/// What makes machines run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AccelForm {
    /// The processor itself where a first try shows that it works, else `tcg`.
    Auto,
    /// QEMU's translator: works everywhere, slowly.
    Tcg,
    /// Linux's KVM.
    Kvm,
}

/// How machines run.
#[derive(Debug, Args)]
pub struct MachineArgs {
    /// What makes machines run.
    #[arg(long, value_enum, value_name = "FORM", default_value = "auto", env = "IMGC_ACCEL")]
    pub accel: AccelForm,
}

/// `imgc run`.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// An output of the manifest, or a file; or a manifest with one output.
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// The manifest that makes it.
    #[arg(value_name = "MANIFEST")]
    pub manifest: Option<PathBuf>,
    /// Give a parameter of the manifest; again for each one.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = super::parse_setting)]
    pub set: Vec<(String, String)>,
    #[command(flatten)]
    pub run: super::RunArgs,
    /// Where artifacts go.
    #[arg(short, long = "output", value_name = "DIR", default_value = "out")]
    pub output: PathBuf,
    /// Start what is there; build nothing.
    #[arg(long)]
    pub no_build: bool,
    #[command(flatten)]
    pub machines: MachineArgs,
    /// What starts it.
    #[arg(long, value_name = "WORD", value_parser = PossibleValuesParser::new(Firmware::WORDS).try_map(|word| word.parse::<Firmware>()))]
    pub firmware: Option<Firmware>,
    /// The board.
    #[arg(long, value_name = "WORD", value_parser = PossibleValuesParser::new(Chipset::WORDS).try_map(|word| word.parse::<Chipset>()))]
    pub machine: Option<Chipset>,
    /// What the image is to it.
    #[arg(long, value_name = "WORD", value_parser = PossibleValuesParser::new(Medium::WORDS).try_map(|word| word.parse::<Medium>()))]
    pub medium: Option<Medium>,
    /// How a disk is attached.
    #[arg(long, value_name = "WORD", value_parser = PossibleValuesParser::new(Bus::WORDS).try_map(|word| word.parse::<Bus>()))]
    pub bus: Option<Bus>,
    /// Its memory, such as 2GiB.
    #[arg(long, value_name = "SIZE", value_parser = imgc_plan::units::parse_size)]
    pub memory: Option<u64>,
    /// Its processors.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=255))]
    pub cpus: Option<u32>,
    /// The file that it asks for, with `--medium network`.
    #[arg(long, value_name = "PATH")]
    pub bootfile: Option<String>,
    /// Keep the variables of its firmware in this file, which must be there.
    #[arg(long, value_name = "FILE")]
    pub variables: Option<PathBuf>,
    /// Nothing but its serial port, in this terminal: what is done unless `--window` or `--vnc` says otherwise.
    #[arg(long, conflicts_with_all = ["window", "vnc"])]
    pub serial: bool,
    /// Show its screen in a window, beside the serial port in this terminal.
    #[arg(long, conflicts_with = "vnc")]
    pub window: bool,
    /// Show its screen by VNC.
    #[arg(long, value_name = "ADDRESS:DISPLAY", num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:0")]
    pub vnc: Option<String>,
    /// Lead a port of this computer to one of the machine; again for more.
    #[arg(long, value_name = "HOST:GUEST[/udp]")]
    pub forward: Vec<Forward>,
    /// No network.
    #[arg(long, conflicts_with = "forward")]
    pub no_network: bool,
    /// Let a debugger attach at this port.
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "1234")]
    pub gdb: Option<u16>,
    /// Forget what it writes: what is done unless `--write` says otherwise.
    #[arg(long, conflicts_with = "write")]
    pub snapshot: bool,
    /// Write what it writes into the image.
    #[arg(long)]
    pub write: bool,
    /// Print the command line for a shell, and start nothing.
    #[arg(long)]
    pub print: bool,
    /// More words for QEMU.
    #[arg(last = true, value_name = "WORD")]
    pub extra: Vec<String>,
}

/// `imgc test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The manifest; `image.kdl` here unless said.
    #[arg(value_name = "MANIFEST")]
    pub manifest: Option<PathBuf>,
    /// Only these tests.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Give a parameter of the manifest; again for each one.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = super::parse_setting)]
    pub set: Vec<(String, String)>,
    /// Only this output; again for more.
    #[arg(long, value_name = "FILE")]
    pub only: Vec<String>,
    /// Where artifacts go.
    #[arg(short, long = "output", value_name = "DIR", default_value = "out")]
    pub output: PathBuf,
    /// Overwrite files at the artifacts' places that imgc did not make.
    #[arg(long)]
    pub force: bool,
    /// How many machines run at once.
    #[arg(short, long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
    /// How much memory machines that run at once may have together; half of what is free unless said.
    #[arg(long, value_name = "SIZE", value_parser = imgc_plan::units::parse_size)]
    pub memory: Option<u64>,
    #[command(flatten)]
    pub machines: MachineArgs,
    /// Run also what passed already.
    #[arg(long)]
    pub rerun: bool,
    /// Where the cache is.
    #[arg(long, value_name = "DIR", env = "IMGC_CACHE")]
    pub cache: Option<PathBuf>,
    /// Fetch nothing.
    #[arg(long)]
    pub offline: bool,
    /// The base of a Debian mirror to use instead of that of this machine's apt configuration; again for more.
    #[arg(long, value_name = "URL", env = "IMGC_MIRROR", value_delimiter = ' ')]
    pub mirror: Vec<String>,
    /// Print each result as a line of JSON.
    #[arg(long)]
    pub json: bool,
    /// Write the results to this file, too, as JUnit's XML.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}
