//! The application in its source: a signed one where there is one, for the right machine.

use imgc_image::{Content, Failure, Node, Problem, Reader, Tree};

use super::{super::LoaderJob, options::Options};
use crate::pe::{EFI_APPLICATION, MACHINES, Pe, machine_name};

/// Finds the application.
///
/// # Errors
/// When the source has none or several, when it is not one, is for another machine, or is not signed though it must be.
pub fn find<'a>(job: &LoaderJob<'a>, options: &Options) -> Result<&'a Content, Failure> {
    let tree = job
        .source
        .ok_or_else(|| Problem::new("loader-file-missing", "systemd-boot needs the files of its package"))?;
    let name = format!("systemd-boot{}.efi", options.arch);
    let signed = named(tree, &format!("{name}.signed"))?;
    let found = match signed {
        Some(found) => Some(found),
        None => named(tree, &name)?,
    };
    let (path, content) = found.ok_or_else(|| {
        Problem::new("loader-file-missing", format!("the source has no file `{name}`")).help(
            "Debian's package with it is `systemd-boot-efi`, of the architecture `amd64` for `arch=x64`",
        )
    })?;
    check(&path, content, job, options)?;
    Ok(content)
}

fn check(path: &str, content: &Content, job: &LoaderJob<'_>, options: &Options) -> Result<(), Failure> {
    let bytes = content.to_bytes();
    let pe = Pe::read(&Reader::new(&bytes, job.store))
        .map_err(|error| error.of("loader-file-odd", format_args!("`{path}`")))?;
    let wanted = MACHINES.iter().find(|machine| machine.name == options.arch);
    if pe.subsystem() != EFI_APPLICATION {
        return Err(Problem::new("loader-file-odd", format!("`{path}` is no EFI application")).into());
    }
    if wanted.is_none_or(|machine| machine.code != pe.machine()) {
        let message = format!("`{path}` is for {}, not for {}", machine_name(pe.machine()), options.arch);
        return Err(Problem::new("loader-file-odd", message).into());
    }
    if options.secure_boot && pe.signature.is_none() {
        let message = format!("secure boot is asked for, and `{path}` has no signature");
        return Err(Problem::new("unsigned-image", message)
            .help("sign it with `sbsign`, and give a directory with what that writes as the source")
            .into());
    }
    Ok(())
}

/// The one file of this name, wherever it is.
fn named<'a>(tree: &'a Tree, name: &str) -> Result<Option<(String, &'a Content)>, Problem> {
    let mut files = tree.entries().iter().filter(|entry| entry.name() == name.as_bytes()).filter_map(
        |entry| match &entry.node {
            Node::File { content, .. } => Some((entry.path.to_string(), content)),
            _ => None,
        },
    );
    match (files.next(), files.next()) {
        (Some((one, _)), Some((other, _))) => {
            Err(Problem::new("loader-file-ambiguous", format!("the source has both `{one}` and `{other}`")))
        }
        (first, _) => Ok(first),
    }
}
