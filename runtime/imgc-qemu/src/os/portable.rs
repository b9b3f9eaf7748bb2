//! Any system: a TCP port of this computer, open only until QEMU has connected.

use std::{
    io,
    net::{TcpListener, TcpStream},
    path::Path,
    process::ExitStatus,
};

/// A connection.
pub type Stream = TcpStream;

/// Waits for one connection. We listen and QEMU connects, so that nobody has to ask whether the other is ready.
pub struct Listener {
    socket: TcpListener,
    port: u16,
}

impl Listener {
    /// Listens, at a port that is free.
    pub fn new(_dir: &Path) -> io::Result<Self> {
        let socket = TcpListener::bind(("127.0.0.1", 0))?;
        socket.set_nonblocking(true)?;
        let port = socket.local_addr()?.port();
        Ok(Self { socket, port })
    }

    /// Its address in the words of QEMU's socket character device.
    pub fn address(&self) -> String {
        format!("host=127.0.0.1,port={}", self.port)
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

/// The signal that ended a process: there are none here.
pub fn signal(_status: ExitStatus) -> Option<i32> {
    None
}
