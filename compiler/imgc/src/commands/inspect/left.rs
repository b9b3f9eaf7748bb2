//! What extraction leaves out, counted by kind, so that a whole system gives a few lines and not thousands.

use imgc_image::Entry;

/// Why something is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A device, a pipe or a socket.
    Special,
    /// An owner that this user may not give, with the set-id bits that go with it.
    Owner,
    /// A `user.` attribute that this place does not take.
    User,
    /// Any other attribute.
    Foreign,
}

/// Each kind in words.
const WORDS: [(Loss, &str); 4] = [
    (Loss::Special, "devices, pipes and sockets are left out"),
    (Loss::Owner, "owners and set-id bits are left out, as this user may not give them"),
    (Loss::User, "`user.` attributes are left out, as the directory does not take them"),
    (Loss::Foreign, "attributes other than `user.` are left out"),
];

/// What was left out so far.
#[derive(Debug, Default)]
pub struct Left {
    /// How often, and the first path, by the order of [`WORDS`].
    counts: [(u64, String); 4],
}

impl Left {
    /// Counts something of an entry.
    pub fn count(&mut self, loss: Loss, entry: &Entry) {
        let place = WORDS.iter().position(|(known, _)| *known == loss).expect("because all are listed");
        let (count, first) = &mut self.counts[place];
        if *count == 0 {
            *first = entry.path.to_string();
        }
        *count += 1;
    }

    /// Says it on stderr.
    pub fn say(&self) {
        for ((_, words), (count, first)) in WORDS.iter().zip(&self.counts) {
            match count {
                0 => {}
                1 => eprintln!("warning: {words}: {first}"),
                count => eprintln!("warning: {words}: {count}, the first at {first}"),
            }
        }
    }
}
