//! A small HTTP server for tests, which can misbehave: it serves a directory on a port of 127.0.0.1.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

/// How a path is served.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// The file, with ranges.
    Plain,
    /// The file without a length and without ranges, ended by closing.
    Unsized,
    /// The full length, then the line breaks after this many bytes, every time.
    Break(usize),
    /// As [`Manner::Break`], but only so many times.
    BreakTimes(usize, usize),
    /// This status, so many times, and then the file.
    Status(u16, usize),
    /// To another path.
    Redirect(String),
}

/// A running server.
pub(crate) struct Server {
    /// Its base, such as `http://127.0.0.1:4711`.
    pub base: String,
    state: Arc<State>,
}

struct State {
    dir: PathBuf,
    manners: Mutex<BTreeMap<String, Manner>>,
    asked: Mutex<Vec<String>>,
}

impl Server {
    /// Serves a directory until the test ends.
    pub(crate) fn start(dir: impl Into<PathBuf>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(State { dir: dir.into(), manners: Mutex::default(), asked: Mutex::default() });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || drop(answer(stream, &state)));
            }
        });
        Self { base, state }
    }

    /// Serves a path in another manner from now on.
    pub(crate) fn behave(&self, path: &str, manner: Manner) {
        self.state.manners.lock().unwrap().insert(path.into(), manner);
    }

    /// The paths that were asked for, with the range if one was.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().ok_or_else(|| std::io::Error::other("no request"))??;
    let target = first.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').replace("%2B", "+");
    let mut from = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse::<usize>().ok();
        }
    }
    let suffix = from.map(|from| format!(" from {from}")).unwrap_or_default();
    state.asked.lock().unwrap().push(format!("{target}{suffix}"));
    let manner = next_manner(state, &target);
    let Ok(body) = std::fs::read(state.dir.join(&target)) else {
        return match manner {
            Manner::Redirect(to) => {
                head(&mut stream, "302 Found", &format!("Location: {to}\r\nContent-Length: 0\r\n"))
            }
            _ => head(&mut stream, "404 Not Found", "Content-Length: 0\r\n"),
        };
    };
    send(&mut stream, &manner, &body, from)
}

/// The manner of this request; those that end count down.
fn next_manner(state: &State, target: &str) -> Manner {
    let mut manners = state.manners.lock().unwrap();
    let Some(manner) = manners.get_mut(target) else { return Manner::Plain };
    match manner {
        Manner::Status(_, left) | Manner::BreakTimes(_, left) => {
            if *left == 0 {
                return Manner::Plain;
            }
            *left -= 1;
            manner.clone()
        }
        other => other.clone(),
    }
}

fn head(stream: &mut TcpStream, status: &str, fields: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n{fields}\r\n")
}

fn send(stream: &mut TcpStream, manner: &Manner, body: &[u8], from: Option<usize>) -> std::io::Result<()> {
    let length = format!("Content-Length: {}\r\n", body.len());
    match manner {
        Manner::Status(status, _) => head(stream, &format!("{status} No"), "Content-Length: 0\r\n"),
        Manner::Redirect(to) => {
            head(stream, "302 Found", &format!("Location: {to}\r\nContent-Length: 0\r\n"))
        }
        Manner::Unsized => {
            head(stream, "200 OK", "")?;
            stream.write_all(body)
        }
        Manner::Break(count) | Manner::BreakTimes(count, _) => {
            head(stream, "200 OK", &length)?;
            stream.write_all(&body[..*count])
        }
        Manner::Plain => match from.filter(|from| *from < body.len()) {
            Some(from) => {
                let range = format!("Content-Range: bytes {from}-{}/{}\r\n", body.len() - 1, body.len());
                head(stream, "206 Partial", &format!("{range}Content-Length: {}\r\n", body.len() - from))?;
                stream.write_all(&body[from..])
            }
            None => {
                head(stream, "200 OK", &length)?;
                stream.write_all(body)
            }
        },
    }
}
