//! Packages from lock to build, against a mirror of the test's own that moves on, signed with a key of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use imgc_tests::{
    imgc::{Bench, sha256},
    tools::{run, tool},
};

use crate::project;

const MANIFEST: &str = r#"
image packaged
source tool { deb "tool" arch=amd64 suite=stable }
tree root { copy "usr/share/tool/text" source=tool to="/text" }
archive root tree=root { cpio }
output "root.raw" archive=root
"#;

/// A mirror with one package.
struct Mirror {
    dir: PathBuf,
}

impl Mirror {
    fn new(dir: &Path) -> Self {
        let mirror = Self { dir: dir.join("mirror") };
        let home = mirror.home();
        fs::create_dir_all(&home).expect("a directory");
        run(Command::new("chmod").arg("700").arg(&home));
        let arguments = [
            "--batch",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
            "--quick-gen-key",
            "Mirror <m@example.org>",
        ];
        run(mirror.gpg().args(arguments).args(["ed25519", "sign", "never"]));
        let key = run(mirror.gpg().args(["--batch", "--export"]));
        fs::write(mirror.keyring(), key).expect("a keyring");
        mirror
    }

    fn home(&self) -> PathBuf {
        self.dir.join("gnupg")
    }

    fn keyring(&self) -> PathBuf {
        self.dir.join("keyring.gpg")
    }

    fn gpg(&self) -> Command {
        let mut gpg = Command::new(tool("gpg", "gnupg"));
        gpg.arg("--homedir").arg(self.home());
        gpg
    }

    /// Publishes a version and forgets the one before, as mirrors do.
    fn publish(&self, version: &str, text: &str) {
        let package = self.dir.join("package");
        let _ = fs::remove_dir_all(&package);
        fs::create_dir_all(package.join("DEBIAN")).expect("a directory");
        fs::create_dir_all(package.join("usr/share/tool")).expect("a directory");
        let control = format!(
            "Package: tool\nVersion: {version}\nArchitecture: amd64\nMaintainer: Tests <t@example.org>\nDescription: a tool\n"
        );
        fs::write(package.join("DEBIAN/control"), &control).expect("written");
        fs::write(package.join("usr/share/tool/text"), text).expect("written");
        let pool = self.dir.join("pool/main/t/tool");
        let _ = fs::remove_dir_all(&pool);
        fs::create_dir_all(&pool).expect("a directory");
        let path = format!("pool/main/t/tool/tool_{version}_amd64.deb");
        let deb = self.dir.join(&path);
        run(Command::new(tool("dpkg-deb", "dpkg"))
            .args(["--root-owner-group", "--build"])
            .arg(&package)
            .arg(&deb));
        let size = fs::metadata(&deb).expect("there").len();
        let packages = format!("{control}Filename: {path}\nSize: {size}\nSHA256: {}\n\n", sha256(&deb));
        let index = self.dir.join("dists/stable/main/binary-amd64/Packages");
        fs::create_dir_all(index.parent().expect("a parent")).expect("a directory");
        fs::write(&index, packages).expect("written");
        run(Command::new(tool("xz", "xz-utils")).arg("-fk").arg(&index));
        let packed = index.with_extension("xz");
        let release = format!(
            "Origin: Debian\nSuite: stable\nCodename: stable\nComponents: main\nArchitectures: amd64\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n\
             SHA256:\n {} {} main/binary-amd64/Packages.xz\n",
            sha256(&packed),
            fs::metadata(&packed).expect("there").len()
        );
        let release_file = self.dir.join("dists/stable/Release");
        fs::write(&release_file, release).expect("written");
        let signed = self.dir.join("dists/stable/InRelease");
        run(self.gpg().args(["--batch", "--yes", "--clearsign", "-o"]).arg(&signed).arg(&release_file));
    }
}

#[test]
fn a_mirror_that_moves_on_is_followed_only_when_asked() {
    let bench = Bench::new();
    let manifest = project(bench.dir(), MANIFEST, &[]);
    let path = manifest.to_str().expect("UTF-8");
    let mirror = Mirror::new(bench.dir());
    let base = mirror.dir.to_str().expect("UTF-8").to_owned();
    let ring = mirror.keyring().to_string_lossy().into_owned();
    mirror.publish("1.0-1", "the first\n");

    // Not signed by a key that this machine knows, until its keyring is given.
    bench.run(&["lock", path, "--mirror", &base], 1);
    let said = bench.run(&["lock", path, "--mirror", &base, "--keyring", &ring], 0);
    assert!(String::from_utf8_lossy(&said.stdout).contains("1.0-1"), "{said:?}");
    let lock = fs::read_to_string(bench.dir().join("imgc.lock")).expect("a lock");
    assert!(lock.contains("pool/main/t/tool/tool_1.0-1_amd64.deb") && !lock.contains(&base), "{lock}");
    bench.run(&["fetch", path, "--mirror", &base], 0);
    bench.run(&["build", path, "--offline"], 0);
    let first = sha256(&bench.out().join("root.raw"));

    // The mirror moves on: what is pinned is still in the cache; without it the build fails and says how to go on.
    mirror.publish("1.0-2", "the second\n");
    bench.run(&["build", path, "--mirror", &base], 0);
    fs::remove_dir_all(bench.cache()).expect("removed");
    fs::remove_dir_all(bench.out()).expect("removed");
    let said = bench.run(&["build", path, "--mirror", &base], 1);
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("no longer") && said.contains("--update-lock"), "{said}");
    assert_eq!(
        fs::read_to_string(bench.dir().join("imgc.lock")).expect("a lock"),
        lock,
        "nothing was changed unasked"
    );

    let said = bench.run(&["build", path, "--mirror", &base, "--keyring", &ring, "--update-lock"], 0);
    let printed = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(printed.contains("1.0-1") && printed.contains("1.0-2"), "the change is printed: {printed}");
    assert_ne!(sha256(&bench.out().join("root.raw")), first);
}

#[test]
fn a_package_that_does_not_match_its_pin_is_never_used() {
    let bench = Bench::new();
    let manifest = project(bench.dir(), MANIFEST, &[]);
    let path = manifest.to_str().expect("UTF-8");
    let mirror = Mirror::new(bench.dir());
    let base = mirror.dir.to_str().expect("UTF-8").to_owned();
    mirror.publish("1.0-1", "the first\n");
    bench.run(&["lock", path, "--mirror", &base, "--allow-unsigned"], 0);
    let deb = mirror.dir.join("pool/main/t/tool/tool_1.0-1_amd64.deb");
    let mut bytes = fs::read(&deb).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&deb, bytes).expect("written");
    let said = bench.run(&["build", path, "--mirror", &base], 1);
    assert!(String::from_utf8_lossy(&said.stderr).contains("SHA-256"), "{said:?}");
    assert!(!bench.out().join("root.raw").exists());
}
