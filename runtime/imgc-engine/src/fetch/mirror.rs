//! A mirror: a base, below which paths can be opened, over HTTP or in a directory.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use imgc_image::Problem;
use ureq::{Agent, Body, http::Response};

/// How long a connection may take. A mirror that is alive answers within seconds; proxies that dial out take longer.
const CONNECT: Duration = Duration::from_secs(30);
/// How long a mirror may think before it begins to answer.
const ANSWER: Duration = Duration::from_secs(60);
/// How long the line may be silent in the middle of an answer.
const SILENCE: Duration = Duration::from_secs(30);
/// How many redirects are followed: content networks use one or two.
const REDIRECTS: u32 = 5;

/// One agent for the process, so that connections are used again.
static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(REDIRECTS)
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(ANSWER))
        .timeout_per_read(Some(SILENCE))
        .user_agent(concat!("imgc/", env!("CARGO_PKG_VERSION")))
        // The bytes on the mirror are pinned, not what they unpack to.
        .accept_encoding("identity")
        .build()
        .into()
});

/// What stands at a path, from a byte on.
pub(crate) struct Opened {
    /// The bytes.
    pub reader: Box<dyn Read>,
    /// The offset of the first byte that the reader gives: at most the one that was asked for.
    pub start: u64,
    /// The length of the whole file in bytes, if the mirror says it.
    pub len: Option<u64>,
}

/// Why a path could not be opened.
pub(crate) enum Trouble {
    /// The mirror does not have it.
    Gone,
    /// It may work in a moment.
    Transient(io::Error),
    /// It will not work now.
    Lasting(io::Error),
    /// What was asked for makes no sense.
    Problem(Problem),
}

/// Opens `path` below `base` at the offset `from`, in bytes.
pub(crate) fn open(base: &str, path: &str, from: u64) -> Result<Opened, Trouble> {
    match scheme(base) {
        Scheme::Http => open_http(base, path, from),
        Scheme::Dir(dir) => open_file(&dir.join(path), from),
        Scheme::Unknown => Err(Trouble::Problem(
            Problem::new("mirror-address", format!("`{}` is no address of a mirror", shown(base)))
                .help("a mirror is http://…, https://…, file:///… or a directory"),
        )),
    }
}

/// Whether a mirror can be read without a network.
pub(crate) fn is_local(base: &str) -> bool {
    matches!(scheme(base), Scheme::Dir(_))
}

/// A mirror's base for messages: without a user's name and password, without characters that a terminal obeys.
pub(crate) fn shown(base: &str) -> String {
    let plain: String = base.chars().flat_map(char::escape_debug).collect();
    let Some((scheme, rest)) = plain.split_once("://") else { return plain };
    let host = rest.find('/').unwrap_or(rest.len());
    match rest[..host].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => plain,
    }
}

enum Scheme {
    Http,
    Dir(PathBuf),
    Unknown,
}

fn scheme(base: &str) -> Scheme {
    match base.split_once("://") {
        None if base.is_empty() => Scheme::Unknown,
        None => Scheme::Dir(PathBuf::from(base)),
        Some(("http" | "https", rest)) if !rest.is_empty() => Scheme::Http,
        Some(("file", path)) if path.starts_with('/') => Scheme::Dir(PathBuf::from(unescape(path))),
        Some(_) => Scheme::Unknown,
    }
}

fn open_http(base: &str, path: &str, from: u64) -> Result<Opened, Trouble> {
    let url = format!("{}/{}", base.trim_end_matches('/'), escape(path));
    let mut request = AGENT.get(&url);
    if from > 0 {
        request = request.header("Range", format!("bytes={from}-"));
    }
    let response = request.call().map_err(network)?;
    let start = match response.status().as_u16() {
        200 => 0,
        206 => range_start(&response).filter(|start| *start <= from).ok_or_else(|| {
            Trouble::Lasting(io::Error::other("the mirror answered with another range than was asked for"))
        })?,
        404 | 410 => return Err(Trouble::Gone),
        status => return Err(refusal(status, response.status().canonical_reason())),
    };
    let body = response.into_body();
    let len = body.content_length().and_then(|len| len.checked_add(start));
    Ok(Opened { reader: Box::new(body.into_reader()), start, len })
}

/// The first byte's offset of `Content-Range: bytes 5-9/10` (RFC 9110, 14.4).
fn range_start(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get("content-range")?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

fn refusal(status: u16, reason: Option<&str>) -> Trouble {
    let error = io::Error::other(format!("the mirror answered {status} {}", reason.unwrap_or("")).trim_end());
    match status {
        408 | 425 | 429 | 500 | 502..=504 => Trouble::Transient(error),
        _ => Trouble::Lasting(error),
    }
}

fn network(error: ureq::Error) -> Trouble {
    use ureq::Error;
    match error {
        Error::BadUri(_) | Error::Http(_) => Trouble::Problem(
            Problem::new("mirror-address", format!("a mirror's address is wrong: {error}"))
                .help("a mirror is http://…, https://…, file:///… or a directory"),
        ),
        Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => Trouble::Lasting(error),
        Error::Io(error) => Trouble::Transient(error),
        Error::Timeout(_) => Trouble::Transient(io::Error::new(io::ErrorKind::TimedOut, error.to_string())),
        // A server that closes an idle connection under a request looks like this.
        Error::Protocol(_) | Error::ConnectionFailed => {
            Trouble::Transient(io::Error::other(error.to_string()))
        }
        Error::HostNotFound => {
            Trouble::Lasting(io::Error::new(io::ErrorKind::NotFound, "the mirror's host is not known"))
        }
        other => Trouble::Lasting(io::Error::other(other.to_string())),
    }
}

fn open_file(path: &Path, from: u64) -> Result<Opened, Trouble> {
    let gone = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
    let mut file = File::open(path).map_err(|error| {
        if gone.contains(&error.kind()) { Trouble::Gone } else { Trouble::Lasting(error) }
    })?;
    let meta = file.metadata().map_err(Trouble::Lasting)?;
    if !meta.is_file() {
        return Err(Trouble::Gone);
    }
    let start = from.min(meta.len());
    file.seek(SeekFrom::Start(start)).map_err(Trouble::Lasting)?;
    Ok(Opened { reader: Box::new(file), start, len: Some(meta.len()) })
}

/// Percent-encodes what is not plain in a path. `+` too: some stores behind HTTP take it for a space.
fn escape(path: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("because writing to a String cannot fail");
        }
    }
    out
}

fn unescape(path: &str) -> String {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| byte == b'%') {
            Some(decoded) => {
                out.push(decoded);
                rest = &after[2..];
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_secrets() {
        assert_eq!(shown("https://me:secret@mirror.example/debian"), "https://mirror.example/debian");
        assert_eq!(shown("http://mirror.example/a@b"), "http://mirror.example/a@b");
        assert_eq!(shown("/srv/mirror"), "/srv/mirror");
        assert_eq!(shown("http://x/\u{1b}[2J"), "http://x/\\u{1b}[2J");
    }

    #[test]
    fn paths_are_escaped() {
        assert_eq!(escape("pool/g++_1~2 3.deb"), "pool/g%2B%2B_1~2%203.deb");
        assert_eq!(unescape("/a%20b%zz%"), "/a b%zz%");
    }

    #[test]
    fn only_known_schemes_are_opened() {
        for base in ["ftp://host/debian", "http://", "file://host/path", "", "mirror+http://x"] {
            assert!(matches!(open(base, "x", 0), Err(Trouble::Problem(_))), "{base}");
        }
    }
}
