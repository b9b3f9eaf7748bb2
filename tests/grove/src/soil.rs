//! What a format holds: trees that grow on it are legal, and must come back exactly.

/// Which names there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Any bytes.
    Bytes,
    /// Text without what FAT forbids, never two that differ only in case.
    Text,
}

/// What a format holds.
#[derive(Clone, Copy, Debug)]
pub struct Soil {
    /// Which names.
    pub names: Names,
    /// The most bytes of a name.
    pub longest: usize,
    /// Bytes of a block: sizes of files lie around it.
    pub block: u64,
    /// The longest target of a symbolic link in bytes; 0: there are none.
    pub target: usize,
    /// Device nodes with minor numbers below this; 0: there are none.
    pub minors: u32,
    /// Named pipes.
    pub pipes: bool,
    /// Sockets.
    pub sockets: bool,
    /// Several names of one file.
    pub links: bool,
    /// Several names of what is no file: of links, devices, pipes.
    pub odd_links: bool,
    /// Beginnings of names of extended attributes.
    pub xattrs: &'static [&'static str],
    /// The most bytes of an extended attribute's value.
    pub value: usize,
    /// Whether owners and modes.
    pub owners: bool,
    /// The first and last second of times.
    pub times: (i64, i64),
    /// Times are multiples of so many seconds.
    pub tick: i64,
    /// Whether parts of a second.
    pub nanos: bool,
}

impl Soil {
    /// What every Unix filesystem of Linux holds.
    pub const UNIX: Self = Self {
        names: Names::Bytes,
        longest: 255,
        block: 4096,
        target: 1023,
        minors: 1 << 20,
        pipes: true,
        sockets: true,
        links: true,
        odd_links: true,
        xattrs: &["user.", "trusted.", "security."],
        value: 150,
        owners: true,
        times: (0, (1 << 31) - 1),
        tick: 1,
        nanos: true,
    };

    /// What FAT and exFAT hold.
    pub const PLAIN: Self = Self {
        names: Names::Text,
        longest: 255,
        block: 4096,
        target: 0,
        minors: 0,
        pipes: false,
        sockets: false,
        links: false,
        odd_links: false,
        xattrs: &[],
        value: 0,
        owners: false,
        // 1980-01-02 to 2107-12-30: FAT's years are 1980 to 2107.
        times: (315_619_200, 4_354_732_800),
        tick: 2,
        nanos: false,
    };
}
