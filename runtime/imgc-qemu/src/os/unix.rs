//! Unix: a socket in a directory that nobody else can enter.

use std::{
    io,
    os::unix::{
        net::{UnixListener, UnixStream},
        process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::ExitStatus,
};

/// A connection.
pub type Stream = UnixStream;

/// Waits for one connection. We listen and QEMU connects, so that nobody has to ask whether the other is ready.
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Listens, at a path in this directory.
    pub fn new(dir: &Path) -> io::Result<Self> {
        let path = dir.join("qmp");
        let socket = UnixListener::bind(&path)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, path })
    }

    /// Its address in the words of QEMU's socket character device.
    pub fn address(&self) -> String {
        format!("path={}", self.path.to_string_lossy().replace(',', ",,"))
    }

    /// The connection, if it came already.
    pub fn accept(&self) -> io::Result<Option<Stream>> {
        match self.socket.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                Ok(Some(stream))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The signal that ended a process.
pub fn signal(status: ExitStatus) -> Option<i32> {
    status.signal()
}
