//! The text screen of a PC: cells of a sign and its colours at a fixed address.

/// Where it is in memory (IBM VGA technical reference: colour text modes).
pub const ADDRESS: u64 = 0xb8000;

const COLUMNS: usize = 80;
const LINES: usize = 25;

/// Its length in bytes: two for each cell.
pub const LEN: usize = COLUMNS * LINES * 2;

/// The upper half of the PC's character set (code page 437 of IBM's registry).
const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The text in these cells: lines without spaces at their ends.
pub fn text(cells: &[u8]) -> String {
    let upper: Vec<char> = UPPER.chars().collect();
    let sign = |cell: &[u8]| match cell[0] {
        byte @ 0x20..=0x7e => char::from(byte),
        byte @ 0x80.. => upper.get(usize::from(byte - 0x80)).copied().unwrap_or(' '),
        _ => ' ',
    };
    cells
        .chunks_exact(COLUMNS * 2)
        .map(|line| line.chunks_exact(2).map(sign).collect::<String>().trim_end().to_owned() + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_lines_of_signs() {
        let mut cells = vec![0; LEN];
        for (at, byte) in b"GRUB \xc9\x81\xff".iter().enumerate() {
            cells[at * 2] = *byte;
            cells[at * 2 + 1] = 7;
        }
        let text = text(&cells);
        assert_eq!(text.lines().count(), LINES);
        assert_eq!(text.lines().next(), Some("GRUB ╔ü"));
        assert_eq!(UPPER.chars().count(), 128);
    }
}
