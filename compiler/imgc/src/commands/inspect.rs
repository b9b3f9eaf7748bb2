//! `imgc inspect`: an image's table, its filesystems, and their files.

mod extract;
mod left;
mod list;
mod map;
mod os;
mod probe;
pub(super) mod source;

use imgc_formats::fs::Volume;
use imgc_image::ReadAt;
use imgc_plan::{Data, tree::BytePath, units::approximate_size};

use self::{
    list::Form,
    probe::{Disk, Part},
};
use crate::{
    args::{InspectAction, InspectArgs},
    failure::Failure,
    stdout::{print, print_json},
    text::{Align, columns},
};

/// Shows an image.
pub fn run(args: &InspectArgs) -> Result<(), Failure> {
    let file = source::open(&args.image)?;
    let (format, image) = source::disk(&file, &args.image)?;
    let disk = probe::probe(image.as_ref(), format)?;
    match &args.action {
        None if args.json => print_json(&disk),
        None if args.svg => print(&map::draw(&disk, &args.image.to_string_lossy())),
        None => print(&summary(&disk)),
        Some(InspectAction::Ls { path, recursive, long, json }) => {
            with_volume(image.as_ref(), &disk, path, |volume, path| {
                let form = match (*json, *long) {
                    (true, _) => Form::Json,
                    (false, true) => Form::Long,
                    (false, false) => Form::Short,
                };
                list::list(volume, path, *recursive, form)
            })
        }
        Some(InspectAction::Cat { path }) => with_volume(image.as_ref(), &disk, path, cat),
        Some(InspectAction::Extract { path, output, force }) => {
            with_volume(image.as_ref(), &disk, path, |volume, path| {
                extract::extract(volume, path, output, *force)
            })
        }
    }
}

fn summary(disk: &Disk) -> String {
    let mut rows = vec![
        ["number", "name", "start", "size", "type", "filesystem", "label", "uuid", "used"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for part in &disk.parts {
        let number = part.number.map_or("whole".into(), |number| number.to_string());
        let system = part.filesystem.clone().unwrap_or_else(|| "-".into());
        let label = part.label.clone().unwrap_or_default();
        let used = part.used.map(approximate_size).unwrap_or_default();
        rows.push(vec![
            number,
            shown(&part.name),
            part.start.to_string(),
            approximate_size(part.len),
            part.ty.clone(),
            system,
            shown(&label),
            part.uuid.clone().unwrap_or_default(),
            used,
        ]);
    }
    use Align::{Left, Right};
    let table = disk.table.as_deref().unwrap_or("no partition table");
    let within = if disk.format == "raw" { String::new() } else { format!(" in {}", disk.format) };
    let mut out = format!("{}{within}, {table}\n", approximate_size(disk.len));
    if disk.parts.is_empty() {
        out.push_str("nothing that imgc reads\n");
    } else {
        out.push_str(&columns(&[Right, Left, Right, Right, Left, Left, Left, Left, Right], &rows));
    }
    let notes = disk.parts.iter().filter_map(|part| Some((part, part.problem.as_ref()?)));
    for (part, problem) in notes {
        out.push_str(&format!("{}: {problem}\n", part.title()));
    }
    out
}

/// Text of an image on a terminal: nothing in it moves the cursor.
fn shown(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Opens the filesystem that an argument names, and does something at the path in it.
fn with_volume(
    image: &dyn ReadAt,
    disk: &Disk,
    argument: &str,
    act: impl FnOnce(&dyn Volume, &BytePath) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (wanted, path) = match argument.split_once(':') {
        Some((part, path)) if !part.contains('/') => (Some(part), path),
        _ => (None, argument),
    };
    let path = BytePath::absolute(format!("/{path}").as_bytes()).map_err(Failure::Request)?;
    let part = choose(disk, wanted)?;
    let window = source::Window::new(image, part.start, part.len);
    let volume = probe::open(&window, part)?;
    act(volume.as_ref(), &path)
}

fn choose<'d>(disk: &'d Disk, wanted: Option<&str>) -> Result<&'d Part, Failure> {
    let readable: Vec<&Part> = disk.parts.iter().filter(|part| part.has_files()).collect();
    let Some(wanted) = wanted else {
        return match readable[..] {
            [only] => Ok(only),
            [] => Err(Failure::Request("there is no filesystem in the image that imgc reads".into())),
            _ => Err(Failure::Request(format!(
                "there are several filesystems\n  help: say which one before the path: {}",
                titles(&readable)
            ))),
        };
    };
    let number = wanted.parse::<u32>().ok();
    let by_number = disk.parts.iter().find(|part| number.is_some() && part.number == number);
    let named = |part: &&Part| match part.number {
        None => wanted == "whole",
        Some(_) => part.name == wanted,
    };
    let part = by_number.or_else(|| disk.parts.iter().find(named)).ok_or_else(|| {
        let help = if readable.is_empty() { "there is none".into() } else { titles(&readable) };
        Failure::Request(format!("there is no partition `{wanted}`\n  help: those with files are {help}"))
    })?;
    match (&part.filesystem, &part.problem) {
        (Some(_), _) => Ok(part),
        (None, Some(problem)) => Err(Failure::Request(problem.clone())),
        (None, None) => {
            Err(Failure::Request(format!("there is no filesystem in {} that imgc reads", part.title())))
        }
    }
}

fn titles(parts: &[&Part]) -> String {
    parts.iter().map(|part| format!("`{}:`", shown(&part.handle()))).collect::<Vec<_>>().join(", ")
}

fn cat(volume: &dyn Volume, path: &BytePath) -> Result<(), Failure> {
    let mut out = std::io::BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let done = volume.copy(&path.0, &mut out).map_err(Failure::from);
    let flushed = std::io::Write::flush(&mut out);
    match (done, flushed) {
        // A reader that went away ends the command without a fuss.
        (_, Err(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        (Ok(()), Err(error)) => Err(Failure::Machine(format!("writing to standard output: {error}"))),
        (done, _) => done,
    }
}

/// A text among the facts of a volume.
fn fact(facts: &imgc_plan::Record, name: &str) -> Option<String> {
    facts.get(name).and_then(Data::as_text).filter(|text| !text.is_empty()).map(str::to_owned)
}
