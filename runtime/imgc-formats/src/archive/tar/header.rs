//! The header block of ustar, GNU and old tar archives (POSIX.1-2017, `pax`, "ustar Interchange Format").

/// Bytes of a block: headers are one block, contents are padded to whole ones.
pub const BLOCK: usize = 512;

/// The largest number that eleven octal digits hold: sizes and times beyond need PAX records.
pub const MAX_OCTAL_11: u64 = 0o777_7777_7777;

/// The largest number that seven octal digits hold: owners and device numbers.
pub const MAX_OCTAL_7: u64 = 0o777_7777;

/// A header as it stands in the archive, numbers decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The path, with the prefix before it.
    pub name: Vec<u8>,
    /// Permission bits; higher bits are dropped.
    pub mode: u16,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Length of the content in bytes.
    pub size: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// What the entry is.
    pub typeflag: u8,
    /// Target of a link.
    pub linkname: Vec<u8>,
    /// Major device number.
    pub devmajor: u64,
    /// Minor device number.
    pub devminor: u64,
}

impl Header {
    /// Decodes a block; `None` for a block of zeros, which ends the archive.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the block.
    pub fn decode(block: &[u8; BLOCK]) -> Result<Option<Self>, String> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        check_sum(block)?;
        let mut name = text(&block[0..100]).to_vec();
        // GNU archives have other fields where ustar has its prefix: their magic is "ustar  \0".
        let posix = &block[257..263] == b"ustar\0";
        let prefix = text(&block[345..500]);
        if posix && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        let devices = posix || &block[257..265] == b"ustar  \0";
        let mode = unsigned(&block[100..108], "mode")?;
        Ok(Some(Self {
            name,
            mode: u16::try_from(mode & 0o7777).expect("because it is masked to twelve bits"),
            uid: unsigned(&block[108..116], "uid")?,
            gid: unsigned(&block[116..124], "gid")?,
            size: unsigned(&block[124..136], "size")?,
            mtime: number(&block[136..148], "mtime")?,
            typeflag: block[156],
            linkname: text(&block[157..257]).to_vec(),
            devmajor: if devices { unsigned(&block[329..337], "devmajor")? } else { 0 },
            devminor: if devices { unsigned(&block[337..345], "devminor")? } else { 0 },
        }))
    }

    /// The block of a POSIX header. Names must fit ([`split_name`], 100 bytes for links), numbers too (what does not fit is
    /// written as 0: a PAX record before the header says it).
    pub fn encode(&self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let (prefix, name) = split_name(&self.name).unwrap_or((&[], &self.name[..self.name.len().min(100)]));
        block[..name.len()].copy_from_slice(name);
        block[345..345 + prefix.len()].copy_from_slice(prefix);
        octal(&mut block[100..108], u64::from(self.mode));
        octal(&mut block[108..116], self.uid);
        octal(&mut block[116..124], self.gid);
        octal(&mut block[124..136], self.size);
        octal(&mut block[136..148], u64::try_from(self.mtime).unwrap_or(0));
        block[156] = self.typeflag;
        let link = &self.linkname[..self.linkname.len().min(100)];
        block[157..157 + link.len()].copy_from_slice(link);
        block[257..265].copy_from_slice(b"ustar\x0000");
        octal(&mut block[329..337], self.devmajor);
        octal(&mut block[337..345], self.devminor);
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum::<u64>() + 8 * u64::from(b' ');
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

/// Splits a path into ustar's prefix (at most 155 bytes) and name (1 to 100); `None` when that cannot be.
pub fn split_name(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= 100 {
        return Some((&[], path));
    }
    // The first slash that leaves a name of at most 100 bytes; a slash at the end belongs to the name.
    let from = path.len() - 101;
    let slash = from + path[from..path.len() - 1].iter().position(|byte| *byte == b'/')?;
    (1..=155).contains(&slash).then(|| (&path[..slash], &path[slash + 1..]))
}

fn octal(field: &mut [u8], value: u64) {
    let digits = field.len() - 1;
    let text = format!("{value:0digits$o}");
    let text = if text.len() > digits { "0".repeat(digits) } else { text };
    field[..digits].copy_from_slice(text.as_bytes());
}

/// The sum over the block with its own field as spaces; old writers summed signed bytes.
fn check_sum(block: &[u8; BLOCK]) -> Result<(), String> {
    let says = number(&block[148..156], "checksum")?;
    let sum = |value: fn(u8) -> i64| -> i64 {
        let own = |at: usize| (148..156).contains(&at);
        block.iter().enumerate().map(|(at, byte)| value(if own(at) { b' ' } else { *byte })).sum()
    };
    let plain = sum(i64::from);
    let signed = sum(|byte| i64::from(i8::from_ne_bytes([byte])));
    if says == plain || says == signed {
        return Ok(());
    }
    Err("its header's checksum is wrong, so it is no tar header".into())
}

/// Bytes up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn unsigned(field: &[u8], what: &str) -> Result<u64, String> {
    let value = number(field, what)?;
    u64::try_from(value).map_err(|_| format!("its {what} is negative"))
}

/// A number: octal digits, or GNU's two's complement with the first bit set.
fn number(field: &[u8], what: &str) -> Result<i64, String> {
    let wrong = || format!("its {what} is not a number");
    if field[0] & 0x80 != 0 {
        let negative = field[0] & 0x40 != 0;
        let mut value: i128 = if negative { -1 } else { 0 };
        for (at, byte) in field.iter().enumerate() {
            let byte = if at == 0 && !negative { byte & 0x7f } else { *byte };
            value = value << 8 | i128::from(byte);
        }
        return i64::try_from(value).map_err(|_| format!("its {what} is too large"));
    }
    let digits = text(field).trim_ascii();
    digits.iter().try_fold(0i64, |value, digit| match digit {
        b'0'..=b'7' => Ok(value << 3 | i64::from(digit - b'0')),
        _ => Err(wrong()),
    })
}
