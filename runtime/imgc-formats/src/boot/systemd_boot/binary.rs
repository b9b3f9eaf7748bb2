//! The application in its source: a signed one where there is one, for the right machine.

use imgc_image::{Content, Failure, Node, Problem, Tree};

use super::{
    super::{
        LoaderJob,
        application::{self, Wanted},
    },
    options::Options,
};

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
    let wanted = Wanted {
        arch: options.arch,
        signed: options.secure_boot,
        help: "sign it with `sbsign`, and give a directory with what that writes as the source",
    };
    application::check(&path, content, job.store, wanted)?;
    Ok(content)
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
