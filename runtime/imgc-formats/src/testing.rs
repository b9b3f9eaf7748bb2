//! What tests of several families need.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path, process::Command, sync::Arc};

use imgc_image::{Blobs, Bytes, ReadAt, read::Walk};

use crate::fs::Volume;

/// Writes Bytes into a new file, holes kept.
///
/// # Errors
/// When contents cannot be read or the file cannot be written.
pub fn write_sparse(bytes: &Arc<Bytes>, store: &dyn Blobs, path: &Path) -> io::Result<()> {
    let file = File::create(path)?;
    file.set_len(bytes.len())?;
    let mut buf = vec![0; 1 << 20];
    for leaf in Walk::new(bytes) {
        let mut done = 0;
        while done < leaf.len {
            let now = usize::try_from(leaf.len - done).map_or(buf.len(), |left| left.min(buf.len()));
            store.read_at(&leaf.blob, leaf.offset + done, &mut buf[..now])?;
            file.write_all_at(&buf[..now], leaf.at + done)?;
            done += now as u64;
        }
    }
    Ok(())
}

/// Runs an oracle and gives what it printed. A missing tool is a failure that names the package which has it.
pub fn run(package: &str, command: &mut Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => panic!("{program} cannot be run ({error}); install the package {package}"),
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{program} failed: {text}");
    text
}

/// What lies in an image where a volume says that a file's bytes are.
pub fn in_place(volume: &dyn Volume, image: &dyn ReadAt, path: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    for run in volume.extents(path).unwrap_or_else(|error| panic!("{}: {error}", path.escape_ascii())) {
        let start = found.len();
        found.resize(start + usize::try_from(run.len).expect("small"), 0);
        image.read_at(run.offset, &mut found[start..]).expect("within the image");
    }
    found
}

/// The code of the first problem of a failure.
pub fn code<T: std::fmt::Debug>(result: Result<T, imgc_image::Failure>) -> &'static str {
    match result {
        Err(imgc_image::Failure::Problems(problems)) => problems[0].code,
        other => panic!("it was not refused: {other:?}"),
    }
}
