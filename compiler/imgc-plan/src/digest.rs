//! Names by content: one BLAKE3 type per thing that is named, and the canonical encoding that is hashed.
//!
//! Encoding (version 1, normative in `specs/digests.md`): every integer is 8 bytes little-endian, every string of bytes
//! is its length as an integer and then the bytes, every list is its length and then its items, every enum is its
//! variant's name as a string and then its fields, in the order of their declaration. Each digest starts with a domain.

use std::{fmt, io};

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The digest as 64 lower-case hexadecimal digits.
            pub fn hex(&self) -> String {
                blake3::Hash::from_bytes(self.0).to_hex().to_string()
            }

            /// Reads 64 hexadecimal digits; `None` when they are not that.
            pub fn from_hex(text: &str) -> Option<Self> {
                blake3::Hash::from_hex(text).ok().map(|hash| Self(*hash.as_bytes()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), &self.hex()[..12])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.hex())
            }
        }

        impl Canonical for $name {
            fn canon(&self, c: &mut Canon) {
                c.raw(&self.0);
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl From<Canon> for $name {
            fn from(c: Canon) -> Self {
                Self(c.finalize())
            }
        }
    };
}

digest_type!(
    /// BLAKE3 of the content of a blob: plain bytes, whatever they are.
    BlobId
);
digest_type!(
    /// Digest of a value's canonical form (Bytes, Tree or Facts).
    ValueId
);
digest_type!(
    /// Digest of a step's definition: what it is and which steps feed it. Same in every image that asks for the same.
    StepId
);
digest_type!(
    /// Digest of a step's definition, of the code that runs it and of the values that it reads: the key of the cache.
    StepKey
);

impl BlobId {
    /// The name of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

/// A hasher that takes only the canonical encoding; it can keep the encoding, too, for the store.
#[derive(Clone, Debug)]
pub struct Canon {
    hasher: blake3::Hasher,
    /// What is not hashed yet: the encoding comes in small pieces, which are hashed together.
    pending: Vec<u8>,
    keeps: bool,
}

/// How many bytes are hashed together, so that the hash can use wide vectors. Does not change any digest.
const TOGETHER: usize = 64 << 10;

impl Canon {
    /// Starts a digest in a domain such as `"imgc step v1"`, so that equal bytes of different things differ in name.
    pub fn new(domain: &str) -> Self {
        let mut canon = Self { hasher: blake3::Hasher::new(), pending: Vec::new(), keeps: false };
        canon.text(domain);
        canon
    }

    /// As [`Canon::new`], but keeps the encoding for [`Canon::pass`].
    pub fn keeping(domain: &str) -> Self {
        let mut canon = Self { hasher: blake3::Hasher::new(), pending: Vec::new(), keeps: true };
        canon.text(domain);
        canon
    }

    /// Hands the encoding on piece by piece, for one that is too long to be held: whenever enough has come together, or at
    /// the `end`. The digest goes on. Nothing comes of it unless made by [`Canon::keeping`].
    ///
    /// # Errors
    /// When `out` takes no more.
    pub fn pass(&mut self, out: &mut dyn io::Write, end: bool) -> io::Result<()> {
        if self.keeps && (end || self.pending.len() >= TOGETHER) {
            self.hasher.update(&self.pending);
            out.write_all(&self.pending)?;
            self.pending.clear();
        }
        Ok(())
    }

    fn finalize(mut self) -> [u8; 32] {
        self.hasher.update(&self.pending);
        *self.hasher.finalize().as_bytes()
    }

    /// Adds an unsigned integer.
    pub fn int(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Adds a string of bytes with its length.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.int(value.len() as u64);
        self.raw(value)
    }

    /// Adds a text with its length.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    /// Adds any canonical thing.
    pub fn add<T: Canonical + ?Sized>(&mut self, value: &T) -> &mut Self {
        value.canon(self);
        self
    }

    /// Adds bytes without their length: only for what has a fixed size or is already encoded.
    pub fn raw(&mut self, value: &[u8]) -> &mut Self {
        self.pending.extend_from_slice(value);
        if self.pending.len() >= TOGETHER && !self.keeps {
            self.hasher.update(&self.pending);
            self.pending.clear();
        }
        self
    }
}

/// What has a canonical encoding. Implementations destructure every field without `..`, so that a field that is
/// forgotten does not compile.
pub trait Canonical {
    /// Feeds the canonical encoding of this value.
    fn canon(&self, c: &mut Canon);
}

impl Canonical for u64 {
    fn canon(&self, c: &mut Canon) {
        c.int(*self);
    }
}

impl Canonical for u32 {
    fn canon(&self, c: &mut Canon) {
        c.int(u64::from(*self));
    }
}

impl Canonical for u16 {
    fn canon(&self, c: &mut Canon) {
        c.int(u64::from(*self));
    }
}

impl Canonical for i64 {
    fn canon(&self, c: &mut Canon) {
        c.raw(&self.to_le_bytes());
    }
}

impl Canonical for bool {
    fn canon(&self, c: &mut Canon) {
        c.int(u64::from(*self));
    }
}

impl Canonical for str {
    fn canon(&self, c: &mut Canon) {
        c.text(self);
    }
}

impl Canonical for String {
    fn canon(&self, c: &mut Canon) {
        c.text(self);
    }
}

impl<T: Canonical> Canonical for Option<T> {
    fn canon(&self, c: &mut Canon) {
        match self {
            None => c.int(0),
            Some(value) => c.int(1).add(value),
        };
    }
}

impl<T: Canonical> Canonical for [T] {
    fn canon(&self, c: &mut Canon) {
        c.int(self.len() as u64);
        for item in self {
            item.canon(c);
        }
    }
}

impl<T: Canonical> Canonical for Vec<T> {
    fn canon(&self, c: &mut Canon) {
        self.as_slice().canon(c);
    }
}

impl<K: Canonical, V: Canonical> Canonical for std::collections::BTreeMap<K, V> {
    fn canon(&self, c: &mut Canon) {
        c.int(self.len() as u64);
        for (key, value) in self {
            c.add(key).add(value);
        }
    }
}

impl<A: Canonical, B: Canonical> Canonical for (A, B) {
    fn canon(&self, c: &mut Canon) {
        c.add(&self.0).add(&self.1);
    }
}
