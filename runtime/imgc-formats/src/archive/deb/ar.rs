//! The `ar` container of a Debian package: finds the member that holds the files.

use std::io;

use imgc_image::{Bytes, Failure, Problem, Reader, Store};

use super::super::stream::broken;

/// What an `ar` archive starts with (ar(5)).
const MAGIC: &[u8; 8] = b"!<arch>\n";

/// Length of a member's header: name 16, date 12, uid 6, gid 6, mode 8, size 10, end mark 2.
const HEADER: u64 = 60;

/// The member that holds a package's files.
#[derive(Debug, PartialEq, Eq)]
pub struct Data {
    /// Its name, such as `data.tar.xz`.
    pub name: String,
    /// Where its content starts in the package.
    pub at: u64,
    /// The content's length in bytes.
    pub len: u64,
}

/// Finds the member that holds the files, as deb(5) has it: `debian-binary` first with version 2, then `control.tar`, then
/// `data.tar`; members whose names start with `_` may stand between.
///
/// # Errors
/// What is wrong with the package.
pub fn find_data(bytes: &Bytes, store: &dyn Store) -> Result<Data, Failure> {
    let reader = Reader::new(bytes, store);
    let mut magic = [0; 8];
    if bytes.len() < 8 {
        return Err(broken("this is no Debian package: it is shorter than 8 bytes").into());
    }
    reader.read_at(0, &mut magic).map_err(machine)?;
    if magic != *MAGIC {
        return Err(broken("this is no Debian package: it does not start with `!<arch>`").into());
    }
    let mut at = 8;
    let mut seen = 0;
    while at < bytes.len() {
        let data = member(&reader, bytes.len(), at)?;
        at = data.at + data.len + data.len % 2;
        match data.name.as_str() {
            "debian-binary" if seen == 0 => {
                check_version(&reader, &data)?;
                seen = 1;
            }
            name if seen == 1 && name.starts_with("control.tar") => seen = 2,
            name if seen == 2 && name.starts_with("data.tar") => return Ok(data),
            name if seen > 0 && name.starts_with('_') => {}
            name => {
                let wanted = ["debian-binary", "control.tar", "data.tar"][seen];
                let message =
                    format!("the package has a member `{}` where {wanted} must be", name.escape_debug());
                return Err(broken(message).into());
            }
        }
    }
    Err(broken("the package ends before its data.tar").into())
}

fn member(reader: &Reader<'_>, end: u64, at: u64) -> Result<Data, Failure> {
    let mut header = [0; 60];
    let truncated = |what: &str| Failure::from(broken(format!("the package ends within {what}")));
    if end - at < HEADER {
        return Err(truncated("the header of a member"));
    }
    reader.read_at(at, &mut header).map_err(machine)?;
    let name = String::from_utf8_lossy(header[..16].trim_ascii_end()).trim_end_matches('/').to_owned();
    if &header[58..] != b"`\n" {
        return Err(broken(format!("the header of the package's member at byte {at} is broken")).into());
    }
    let digits = std::str::from_utf8(header[48..58].trim_ascii_end()).ok();
    let size = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let len: u64 = size.and_then(|text| text.parse().ok()).ok_or_else(|| {
        broken(format!("the size of the package's member {} is no number", name.escape_debug()))
    })?;
    if end - at - HEADER < len {
        return Err(truncated(&format!("its member {}", name.escape_debug())));
    }
    Ok(Data { name, at: at + HEADER, len })
}

fn check_version(reader: &Reader<'_>, data: &Data) -> Result<(), Failure> {
    let mut text = [0; 2];
    if data.len >= 2 {
        reader.read_at(data.at, &mut text).map_err(machine)?;
    }
    if &text == b"2." {
        return Ok(());
    }
    let problem: Problem = broken("the package is not in version 2 of Debian's format");
    Err(problem.into())
}

fn machine(error: io::Error) -> Failure {
    Failure::Machine { what: "reading a package".into(), error }
}
