//! What changed between two locks, as lines for people.

use super::{Lock, Pin};

impl Lock {
    /// What is different in a newer lock, a line for each pin, in the order of requests, such as
    /// `grub-pc-bin amd64: 2.06-13 → 2.06-14`. Empty: nothing is.
    pub fn changes(&self, newer: &Self) -> Vec<String> {
        let mut lines: Vec<(&Pin, String)> = Vec::new();
        for new in &newer.pins {
            let subject = subject(new, self, newer);
            match self.find(&new.request) {
                None => lines.push((new, format!("{subject}: {} is new", answer(new, true)))),
                Some(old) => {
                    if let Some(change) = change(old, new) {
                        lines.push((new, format!("{subject}: {change}")));
                    }
                }
            }
        }
        for old in self.pins.iter().filter(|old| newer.find(&old.request).is_none()) {
            lines.push((
                old,
                format!("{}: {} is no longer asked for", subject(old, self, newer), answer(old, true)),
            ));
        }
        lines.sort_by(|a, b| a.0.request.key().cmp(&b.0.request.key()));
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

/// Package and architecture, and the suite where they alone would not tell which pin is meant.
fn subject(pin: &Pin, old: &Lock, new: &Lock) -> String {
    let request = &pin.request;
    let alike = |lock: &Lock| {
        lock.pins.iter().any(|other| {
            other.request.package == request.package
                && other.request.arch == request.arch
                && !other.request.same_pin(request)
        })
    };
    let suite = match &request.suite {
        Some(suite) if alike(old) || alike(new) => format!(" ({suite})"),
        _ => String::new(),
    };
    format!("{} {}{suite}", request.package, request.arch)
}

fn answer(pin: &Pin, named: bool) -> String {
    if named && pin.name != pin.request.package {
        format!("{} {}", pin.name, pin.version)
    } else {
        pin.version.clone()
    }
}

fn change(old: &Pin, new: &Pin) -> Option<String> {
    let renamed = old.name != new.name;
    if renamed || old.version != new.version {
        return Some(format!("{} → {}", answer(old, renamed), answer(new, renamed)));
    }
    if (old.size, &old.sha256) != (new.size, &new.sha256) {
        let short = |pin: &Pin| pin.sha256.chars().take(12).collect::<String>();
        return Some(format!("{} has other contents: sha256 {}… → {}…", new.version, short(old), short(new)));
    }
    (old.path != new.path).then(|| format!("{} moved to {}", new.version, new.path))
}

#[cfg(test)]
mod tests {
    use super::{super::Request, *};

    fn pin(package: &str, suite: &str, name: &str, version: &str) -> Pin {
        Pin {
            request: Request {
                package: package.into(),
                follow: None,
                arch: "amd64".into(),
                suite: Some(suite.into()),
                mirror: None,
            },
            name: name.into(),
            version: version.into(),
            size: 1,
            sha256: "0".repeat(64),
            path: format!("pool/{name}_{version}.deb"),
        }
    }

    #[test]
    fn changes_are_lines_for_people() {
        let mut same_version = pin("busybox", "sid", "busybox", "5");
        let old = Lock::new(vec![
            pin("grub-pc-bin", "sid", "grub-pc-bin", "2.06-13"),
            pin("kernel", "sid", "kernel-1", "1.0"),
            pin("gone", "sid", "gone", "3"),
            same_version.clone(),
            pin("two", "sid", "two", "1"),
        ]);
        same_version.sha256 = "f".repeat(64);
        let new = Lock::new(vec![
            pin("grub-pc-bin", "sid", "grub-pc-bin", "2.06-14"),
            pin("kernel", "sid", "kernel-2", "2.0"),
            same_version,
            pin("two", "sid", "two", "1"),
            pin("two", "trixie", "two", "2"),
        ]);
        assert_eq!(
            old.changes(&new),
            [
                "busybox amd64: 5 has other contents: sha256 000000000000… → ffffffffffff…",
                "gone amd64: 3 is no longer asked for",
                "grub-pc-bin amd64: 2.06-13 → 2.06-14",
                "kernel amd64: kernel-1 1.0 → kernel-2 2.0",
                "two amd64 (trixie): 2 is new",
            ]
        );
        assert!(new.changes(&new).is_empty());
    }
}
