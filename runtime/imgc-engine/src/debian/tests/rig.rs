//! A key maker (gpg), a maker of small archives, and short ways to ask.

use std::{
    cell::RefCell,
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::AtomicBool,
};

use imgc_image::{Failure, Problem};
use imgc_plan::lock::{Pin, Request};
use lzma_rust2::{XzOptions, XzWriter};
use sha2::{Digest, Sha256};

use super::super::{ResolveOptions, resolve};
use crate::fetch::pinned::hex;

/// A directory of keys that gpg made.
pub(super) struct Gpg {
    home: tempfile::TempDir,
}

/// How keys are exported.
#[derive(Clone, Copy)]
pub(super) enum Ring {
    Binary,
    Armored,
}

impl Gpg {
    pub(super) fn new() -> Self {
        // The path of gpg's socket must be short.
        let home = tempfile::Builder::new().prefix("g").tempdir_in("/tmp").unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Self { home }
    }

    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs gpg and gives what it prints.
    pub(super) fn run(&self, args: &[&str]) -> Vec<u8> {
        let output = Command::new("gpg")
            .args(["--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""])
            .arg("--homedir")
            .arg(self.home.path())
            .args(args)
            .output()
            .expect("this test needs gpg: install the package `gnupg`");
        assert!(output.status.success(), "gpg {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Makes a key and gives its fingerprint; `more` are further options of gpg.
    pub(super) fn key(&self, kind: &str, usage: &str, more: &[&str]) -> String {
        let before = self.fingerprints();
        let expire = if more.is_empty() { "never" } else { "1y" };
        self.run(
            &[more, &["--quick-generate-key", &format!("Archive {}", before.len()), kind, usage, expire]]
                .concat(),
        );
        let mut made = self.fingerprints();
        made.retain(|print| !before.contains(print));
        made.remove(0)
    }

    fn fingerprints(&self) -> Vec<String> {
        let list = String::from_utf8(self.run(&["--list-keys", "--with-colons"])).unwrap();
        let lines = list.lines().filter(|line| line.starts_with("fpr:"));
        lines.map(|line| line.split(':').nth(9).unwrap().to_owned()).collect()
    }

    /// A file with the public half of a key.
    pub(super) fn export(&self, key: &str, ring: Ring) -> PathBuf {
        let (path, args): (_, &[&str]) = match ring {
            Ring::Binary => (self.home.path().join(format!("{key}.gpg")), &["--export", key]),
            Ring::Armored => (self.home.path().join(format!("{key}.asc")), &["--armor", "--export", key]),
        };
        fs::write(&path, self.run(args)).unwrap();
        path
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _gone =
            Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).status();
    }
}

/// A package of an archive: name, version, architecture, dependencies.
pub(super) struct Deb {
    name: &'static str,
    version: &'static str,
    arch: &'static str,
    depends: &'static str,
}

pub(super) const fn deb(
    name: &'static str,
    version: &'static str,
    arch: &'static str,
    depends: &'static str,
) -> Deb {
    Deb { name, version, arch, depends }
}

/// What most tests publish.
pub(super) const DEBS: [Deb; 13] = [
    deb("tool", "2.06-9", "amd64", ""),
    deb("tool", "2.06-13", "amd64", "libc6 (>= 2)"),
    deb("tool", "2.06-13~bpo1", "amd64", ""),
    deb("tool", "2.06-9", "i386", ""),
    deb("epoch", "2.0", "amd64", ""),
    deb("epoch", "1:0.9", "amd64", ""),
    deb("tilde", "1.0~rc2", "amd64", ""),
    deb("tilde", "1.0", "amd64", ""),
    deb("linux-image-6.1-55-cloud", "6.1-1", "amd64", ""),
    deb("linux-image-6.1-56-cloud", "6.1-2", "amd64", ""),
    deb("linux-image-6.1-56-cloud", "6.1-3", "amd64", ""),
    deb("linux-image-cloud", "6.1", "amd64", "linux-image-6.1-56-cloud (= 6.1-2), other | initramfs"),
    deb("broken-meta", "1", "amd64", "linux-image-6.1-55-cloud (= 9)"),
];

/// A directory that is laid out as an archive.
pub(super) struct Mirror {
    dir: tempfile::TempDir,
}

impl Mirror {
    pub(super) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Writes packages, indexes and a signed release file. `fields` are further lines of the release file.
    pub(super) fn publish(&self, gpg: &Gpg, key: &str, suite: &str, debs: &[Deb], fields: &str) {
        let mut list = String::new();
        for arch in ["amd64", "i386"] {
            let text: String =
                debs.iter().filter(|deb| deb.arch == arch).map(|deb| self.package(deb)).collect();
            list += &self.files(suite, arch, &text, text.len());
        }
        self.sign(gpg, key, suite, &release(suite, fields, &list), &[]);
    }

    /// Publishes one index as it is, which is said to unpack to `len` bytes.
    pub(super) fn publish_raw(&self, gpg: &Gpg, key: &str, suite: &str, arch: &str, text: &str, len: usize) {
        let list = self.files(suite, arch, text, len);
        self.sign(gpg, key, suite, &release(suite, "", &list), &[]);
    }

    /// Signs a release file; `more` are further options of gpg.
    pub(super) fn sign(&self, gpg: &Gpg, key: &str, suite: &str, release: &str, more: &[&str]) {
        self.write(&format!("dists/{suite}/Release"), release.as_bytes());
        let path = self.path().join(format!("dists/{suite}/Release"));
        let args = ["--output", "-", "--local-user", key, "--clearsign", path.to_str().unwrap()];
        let signed = gpg.run(&[more, &args].concat());
        self.write(&format!("dists/{suite}/InRelease"), &signed);
    }

    /// The unpacked index.
    pub(super) fn index(&self, suite: &str, arch: &str) -> String {
        fs::read_to_string(self.path().join(format!("unpacked-{suite}-{arch}"))).unwrap()
    }

    /// Where a file lies by its digest.
    pub(super) fn by_hash(&self, path: &str) -> String {
        let digest = hex(&Sha256::digest(fs::read(self.path().join(path)).unwrap()));
        format!("{}/by-hash/SHA256/{digest}", path.rsplit_once('/').unwrap().0)
    }

    /// A package's file, and its stanza.
    fn package(&self, deb: &Deb) -> String {
        let Deb { name, version, arch, depends } = deb;
        let file = version.split(':').next_back().unwrap();
        let path = format!("pool/main/{name}_{file}_{arch}.deb");
        let bytes = format!("the package {name} {version} {arch}");
        self.write(&path, bytes.as_bytes());
        let depends = if depends.is_empty() { String::new() } else { format!("Depends: {depends}\n") };
        format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {arch}\n{depends}Description: one\n two: lines\n\
             Filename: {path}\nSize: {}\nSHA256: {}\n\n",
            bytes.len(),
            hex(&Sha256::digest(&bytes))
        )
    }

    /// Writes an index that is packed by gzip, without its name by digest, and gives its line of a release file.
    pub(super) fn gzip(&self, suite: &str, arch: &str, text: &str) -> String {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        let packed = encoder.finish().unwrap();
        self.write(&format!("dists/{suite}/main/binary-{arch}/Packages.gz"), &packed);
        format!(" {} {} main/binary-{arch}/Packages.gz\n", hex(&Sha256::digest(&packed)), packed.len())
    }

    /// Writes an index in its places and gives its lines of a release file.
    fn files(&self, suite: &str, arch: &str, text: &str, len: usize) -> String {
        self.write(&format!("unpacked-{suite}-{arch}"), text.as_bytes());
        let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        let packed = writer.finish().unwrap();
        let path = format!("dists/{suite}/main/binary-{arch}/Packages.xz");
        self.write(&path, &packed);
        self.write(&self.by_hash(&path), &packed);
        let line = |bytes: &[u8], len: usize, end: &str| {
            format!(" {} {len} main/binary-{arch}/Packages{end}\n", hex(&Sha256::digest(bytes)))
        };
        line(&packed, packed.len(), ".xz") + &line(text.as_bytes(), len, "")
    }
}

/// A release file of Debian's.
pub(super) fn release(suite: &str, fields: &str, list: &str) -> String {
    let origin = if fields.contains("Origin:") { "" } else { "Origin: Debian\n" };
    format!(
        "{origin}Suite: stable\nCodename: {suite}\nAcquire-By-Hash: yes\nArchitectures: amd64 i386\n\
         {fields}Components: main\nDescription: - a line that gpg must escape\nSHA256:\n{list}"
    )
}

/// Options that name one mirror and one keyring, on a host without apt.
pub(super) fn options(mirror: &str, keyring: PathBuf) -> ResolveOptions {
    ResolveOptions {
        mirrors: vec![mirror.to_owned()],
        keyrings: vec![keyring],
        apt_root: PathBuf::from("/nonexistent"),
        ..ResolveOptions::default()
    }
}

pub(super) fn request(package: &str, arch: &str, suite: &str) -> Request {
    Request {
        package: package.into(),
        follow: None,
        arch: arch.into(),
        suite: (!suite.is_empty()).then(|| suite.into()),
        mirror: None,
    }
}

pub(super) fn run(requests: &[Request], options: &ResolveOptions) -> Result<Vec<Pin>, Failure> {
    resolve(requests, options, &|_| (), &AtomicBool::new(false))
}

pub(super) fn pinned(requests: &[Request], options: &ResolveOptions) -> Vec<Pin> {
    run(requests, options).unwrap_or_else(|failure| panic!("{failure:?}"))
}

pub(super) fn problems(requests: &[Request], options: &ResolveOptions) -> Vec<Problem> {
    match run(requests, options) {
        Err(Failure::Problems(problems)) => problems,
        other => panic!("problems expected, not {other:?}"),
    }
}

pub(super) fn problem(requests: &[Request], options: &ResolveOptions) -> Problem {
    let mut found = problems(requests, options);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

pub(super) fn codes(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.code).collect()
}

/// The lines that a resolution tells.
pub(super) fn events(requests: &[Request], options: &ResolveOptions) -> Vec<String> {
    let lines = RefCell::new(Vec::new());
    resolve(requests, options, &|line| lines.borrow_mut().push(line), &AtomicBool::new(false)).unwrap();
    lines.into_inner()
}
