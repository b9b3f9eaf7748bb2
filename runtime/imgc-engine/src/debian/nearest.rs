//! Names that are nearly the one that was asked for.

/// The most names that are offered.
const MOST: usize = 3;

/// Collects the names nearest to one.
pub(crate) struct Nearest<'a> {
    wanted: &'a str,
    /// Names with their distances, the nearest first.
    found: Vec<(usize, String)>,
}

impl<'a> Nearest<'a> {
    /// Nothing yet.
    pub(crate) fn to(wanted: &'a str) -> Self {
        Self { wanted, found: Vec::new() }
    }

    /// Considers a name.
    pub(crate) fn offer(&mut self, name: &str) {
        let most = match self.found.get(MOST - 1) {
            Some((distance, _)) => *distance,
            None => self.wanted.len() / 3 + 1,
        };
        // A name that goes on where the other ends (a version, a variant) is near too, but behind mistyped ones.
        let longer = name.starts_with(self.wanted) || (name.len() > 3 && self.wanted.starts_with(name));
        let distance = if longer {
            (name.len().abs_diff(self.wanted.len())).min(self.wanted.len() / 3 + 1)
        } else if name.len().abs_diff(self.wanted.len()) <= most {
            distance(name.as_bytes(), self.wanted.as_bytes())
        } else {
            return;
        };
        if distance <= most && self.found.iter().all(|(_, known)| known != name) {
            self.found.push((distance, name.to_owned()));
            self.found.sort();
            self.found.truncate(MOST);
        }
    }

    /// The names, the nearest first.
    pub(crate) fn names(self) -> Vec<String> {
        self.found.into_iter().map(|(_, name)| name).collect()
    }
}

/// How many letters must be added, removed or replaced to make one of the other.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_in_order() {
        let mut near = Nearest::to("grub-pc-bon");
        for name in ["bash", "grub-pc", "grub-pc-bin", "grub-pc-dbg", "grub-efi-amd64-bin", "grub-pc-bin"] {
            near.offer(name);
        }
        assert_eq!(near.names(), ["grub-pc-bin", "grub-pc-dbg", "grub-pc"]);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        let mut near = Nearest::to("gnumach");
        near.offer("gnumach-image-1.8-486");
        assert_eq!(near.names(), ["gnumach-image-1.8-486"]);
    }
}
