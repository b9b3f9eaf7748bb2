//! Pictures of a screen: read, written, compared.

use std::{fs, io::Cursor, path::Path};

use crate::Error;

/// A picture of red, green and blue, 8 bits each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

/// The largest side of a picture, in pixels.
const LARGEST: u32 = 16_384;

/// How far a colour may be off in each of red, green and blue before a pixel counts as another: a reference may have been saved
/// with other colour depths.
const OFF: u8 = 8;

impl Picture {
    /// Reads PNG or PPM from a file.
    ///
    /// # Errors
    /// When it cannot be read, or is neither.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let bytes = fs::read(path).map_err(Error::file("reading", path))?;
        let read =
            if bytes.starts_with(b"\x89PNG") { Self::from_png(&bytes) } else { Self::from_ppm(&bytes) };
        read.map_err(|error| Error::Impossible {
            what: format!("{} is no picture that is read: {error}", path.display()),
            help: "give a PNG, or a PPM with 8 bits for each colour".into(),
        })
    }

    /// Its size, for people.
    pub fn size(&self) -> String {
        format!("{}x{}", self.width, self.height)
    }

    /// How many of a thousand pixels are others, rounded up; `None` when the sizes differ.
    pub fn difference(&self, other: &Self) -> Option<u32> {
        if (self.width, self.height) != (other.width, other.height) {
            return None;
        }
        let pixels = self.rgb.chunks_exact(3).zip(other.rgb.chunks_exact(3));
        let off = |(a, b): &(&[u8], &[u8])| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > OFF);
        let differ = pixels.filter(off).count() as u64;
        let all = u64::from(self.width) * u64::from(self.height);
        u32::try_from((differ * 1000).div_ceil(all.max(1))).ok()
    }

    /// Reads a binary PPM (Netpbm, `ppm(5)`) with 8 bits for each colour.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_ppm(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = || Error::Failed("it is no PPM".into());
        let mut rest = bytes.strip_prefix(b"P6").ok_or_else(wrong)?;
        let mut numbers = [0; 3];
        for number in &mut numbers {
            rest = skip(rest);
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let text = std::str::from_utf8(&rest[..digits]).map_err(|_| wrong())?;
            *number = text.parse::<u32>().map_err(|_| wrong())?;
            rest = &rest[digits..];
        }
        let [width, height, most] = numbers;
        let rgb = rest.get(1..).ok_or_else(wrong)?;
        Self::new(width, height, rgb).filter(|_| most == 255).ok_or_else(wrong)
    }

    fn new(width: u32, height: u32, rgb: &[u8]) -> Option<Self> {
        let sides = 1..=LARGEST;
        if !sides.contains(&width) || !sides.contains(&height) {
            return None;
        }
        let len = usize::try_from(u64::from(width) * u64::from(height) * 3).ok()?;
        Some(Self { width, height, rgb: rgb.get(..len)?.to_vec() })
    }

    fn from_png(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = |error: png::DecodingError| Error::Failed(error.to_string());
        let mut decoder = png::Decoder::new(Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().map_err(wrong)?;
        let (width, height) = reader.info().size();
        if width > LARGEST || height > LARGEST {
            return Err(Error::Failed(format!("it is larger than {LARGEST} pixels")));
        }
        let len = reader.output_buffer_size().ok_or_else(|| Error::Failed("it is too large".into()))?;
        let mut buf = vec![0; len];
        let info = reader.next_frame(&mut buf).map_err(wrong)?;
        let samples = info.color_type.samples();
        let pixels = buf[..info.buffer_size()].chunks_exact(samples);
        let rgb: Vec<u8> = pixels
            .flat_map(|pixel| match samples {
                1 | 2 => [pixel[0]; 3],
                _ => [pixel[0], pixel[1], pixel[2]],
            })
            .collect();
        Self::new(width, height, &rgb).ok_or_else(|| Error::Failed("it is empty".into()))
    }

    /// Writes it as PNG.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&self.rgb));
        written.map_err(|error| Error::Failed(format!("writing {}: {error}", path.display())))?;
        fs::write(path, out).map_err(Error::file("writing", path))
    }
}

/// Passes over white space and comments.
fn skip(mut bytes: &[u8]) -> &[u8] {
    loop {
        match bytes.first() {
            Some(b'#') => {
                let line = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
                bytes = &bytes[line..];
            }
            Some(byte) if byte.is_ascii_whitespace() => bytes = &bytes[1..],
            _ => return bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture::new(4, 2, &(0..24).map(|byte| byte * 10).collect::<Vec<u8>>()).expect("a picture")
    }

    #[test]
    fn pictures_are_the_same_as_ppm_and_png() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("a.png");
        picture().save(&file).expect("saved");
        assert_eq!(Picture::open(&file).expect("a PNG"), picture());
        let mut ppm = b"P6 # made by hand\n4 2\n255\n".to_vec();
        ppm.extend(&picture().rgb);
        assert_eq!(Picture::from_ppm(&ppm).expect("a PPM"), picture());
        fs::write(&file, &ppm[..20]).expect("written");
        assert!(Picture::open(&file).is_err());
        assert!(Picture::from_ppm(b"P6 99999999 99999999 255\n").is_err());
    }

    #[test]
    fn differences_are_counted_in_pixels() {
        let mut other = picture();
        other.rgb[0] += OFF;
        assert_eq!(picture().difference(&other), Some(0));
        other.rgb[0] += 1;
        assert_eq!(picture().difference(&other), Some(125));
        let flat = Picture::new(8, 1, &other.rgb).expect("a picture");
        assert_eq!(picture().difference(&flat), None);
    }
}
