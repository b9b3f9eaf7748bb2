//! HTTP: firmware and iPXE take everything from a server of this computer, as machines of QEMU have no TFTP here.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
};

use imgc_tests::qemu::{Firmware, Machine};

use super::{served, told, variables};

/// A server that gives out a directory until the test's process ends.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn of(dir: PathBuf) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = Self { port, asked: Arc::default() };
        let asked = Arc::clone(&server.asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (dir, asked) = (dir.clone(), Arc::clone(&asked));
                // A machine that is gone breaks its connection.
                thread::spawn(move || answer(&stream, &dir, &asked).is_ok());
            }
        });
        server
    }

    /// The URL of a file, as a machine behind QEMU's own network sees it: 10.0.2.2 is this computer.
    fn url(&self, path: &str) -> String {
        format!("http://10.0.2.2:{}/{path}", self.port)
    }

    /// What was asked for, in order, each line once.
    fn asked(&self) -> Vec<String> {
        let mut lines = self.asked.lock().expect("because no thread panics with it").clone();
        lines.dedup();
        lines
    }
}

/// Answers the requests of one connection (RFC 9112): GET and HEAD of files.
fn answer(stream: &TcpStream, dir: &Path, asked: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while let Some(request) = lines.next().transpose()? {
        while lines.next().transpose()?.is_some_and(|field| !field.is_empty()) {}
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        asked.lock().expect("because no thread panics with it").push(format!("{method} {path}"));
        let content = fs::read(dir.join(path.trim_start_matches('/')));
        let status = if content.is_ok() { "200 OK" } else { "404 Not Found" };
        let content = content.unwrap_or_default();
        let mut stream = stream;
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", content.len())?;
        if method == "GET" {
            stream.write_all(&content)?;
        }
    }
    Ok(())
}

/// The words for a card at QEMU's network, with what DHCP says besides.
fn card(dhcp: &str, rom: &str) -> [String; 4] {
    let net = format!("user,id=net{dhcp}");
    ["-netdev".into(), net, "-device".into(), format!("virtio-net-pci,netdev=net{rom}")]
}

fn machine(firmware: Firmware, words: &[String]) -> Machine {
    Machine::new(firmware).memory(1024).args(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn ipxe_takes_the_script_and_what_it_names_by_http() {
    let server = Server::of(served());
    let words = card(&format!(",bootfile={}", server.url("net/ipxe/autoexec.ipxe")), ",bootindex=0");
    told(machine(Firmware::Bios, &words).start(), "bios", (5000, "initrd=initrd by=menu"));
    assert_eq!(server.asked(), ["GET /net/ipxe/autoexec.ipxe", "GET /boot/kernel", "GET /boot/initrd"]);
}

#[test]
fn firmware_takes_an_efi_application_by_http() {
    let server = Server::of(served());
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("variables");
    variables::with_boot_option(&file, &server.url("linux.efi"));
    let vm = machine(Firmware::Uefi, &card("", ",romfile=")).variables(&file).start();
    told(vm, "uefi", (0, "by=uki"));
    assert_eq!(server.asked(), ["HEAD /linux.efi", "GET /linux.efi"]);
}
