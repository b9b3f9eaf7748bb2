//! Directory records (ECMA-119, 9.1), and numbers in both byte orders (7.2, 7.3).

/// Bytes of a directory record before its identifier.
pub const HEAD: usize = 33;

/// The most bytes of a directory record: its length is even and has one byte.
pub const MAX_RECORD: usize = 254;

/// Flags of a file (9.1.6): it is a directory.
pub const DIRECTORY: u8 = 0x02;
/// It belongs to another file of the same identifier.
pub const ASSOCIATED: u8 = 0x04;
/// More of it follows in the next record.
pub const MULTI_EXTENT: u8 = 0x80;

/// Identifiers of a directory itself and of the one that holds it (6.8.2.2).
pub const SELF: &[u8] = &[0];
/// The one that holds it.
pub const PARENT: &[u8] = &[1];

/// A number of 32 bits, little-endian, then big-endian (7.3.3).
pub fn both32(number: u64) -> [u8; 8] {
    let number =
        u32::try_from(number).expect("because the plan checked that the volume has fewer than 2^32 sectors");
    let mut out = [0; 8];
    out[..4].copy_from_slice(&number.to_le_bytes());
    out[4..].copy_from_slice(&number.to_be_bytes());
    out
}

/// A number of 16 bits, little-endian, then big-endian (7.2.3).
pub fn both16(number: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (number.to_le_bytes(), number.to_be_bytes());
    [a, b, c, d]
}

/// Where the system use area of a record starts: after the identifier, at an even place.
pub fn system_use(id: usize) -> usize {
    (HEAD + id).next_multiple_of(2)
}

/// A record: of the section of `len` bytes at `sector`, with what Rock Ridge says of it.
pub fn encode(sector: u64, len: u64, stamp: [u8; 7], flags: u8, id: &[u8], fields: &[u8]) -> Vec<u8> {
    let start = system_use(id.len());
    let size = (start + fields.len()).next_multiple_of(2);
    assert!(size <= MAX_RECORD, "a record has room for what was fitted into it");
    let mut out = vec![0; size];
    out[0] = u8::try_from(size).expect("because it was just checked");
    out[2..10].copy_from_slice(&both32(sector));
    out[10..18].copy_from_slice(&both32(len));
    out[18..25].copy_from_slice(&stamp);
    out[25] = flags;
    out[28..32].copy_from_slice(&both16(1)); // the volume's number in its set
    out[32] = u8::try_from(id.len()).expect("because it is less than the record");
    out[HEAD..HEAD + id.len()].copy_from_slice(id);
    out[start..start + fields.len()].copy_from_slice(fields);
    out
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The first block of the section's data.
    pub block: u64,
    /// Its length in bytes.
    pub len: u64,
    /// Its time.
    pub stamp: [u8; 7],
    /// Flags.
    pub flags: u8,
    /// Whether its blocks are interleaved with others (6.4.3).
    pub interleaved: bool,
    /// Its identifier.
    pub id: Vec<u8>,
    /// The system use area.
    pub fields: Vec<u8>,
}

impl Record {
    /// Reads a record; `None` when it makes no sense.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let id_len = usize::from(*bytes.get(32)?);
        let id = bytes.get(HEAD..HEAD + id_len).filter(|id| !id.is_empty())?;
        Some(Self {
            block: u64::from(number(2)) + u64::from(bytes[1]),
            len: number(10).into(),
            stamp: bytes[18..25].try_into().ok()?,
            flags: bytes[25],
            interleaved: bytes[26] != 0 || bytes[27] != 0,
            id: id.to_vec(),
            fields: bytes.get(system_use(id_len)..).unwrap_or_default().to_vec(),
        })
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.flags & DIRECTORY != 0
    }

    /// Whether it is `.` or `..`.
    pub fn is_dot(&self) -> bool {
        self.id == SELF || self.id == PARENT
    }
}
