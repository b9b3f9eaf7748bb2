//! Draws a map of a disk: partitions and gaps to scale, but none too narrow for its label.

use imgc_plan::units::approximate_size;

use super::probe::Disk;

/// Width of the map, room around it, height of a box, and the least width of a partition and of a gap, in pixels.
const WIDTH: u64 = 1200;
const MARGIN: u64 = 16;
const HEIGHT: u64 = 84;
const LEAST_PART: u64 = 110;
const LEAST_GAP: u64 = 6;
/// Characters that fit into a pixel's 1/`GLYPH` of the 12-pixel font.
const GLYPH: u64 = 7;

/// A stretch of the disk.
struct Stretch {
    len: u64,
    least: u64,
    lines: Vec<String>,
    /// Bytes in use; none for a gap.
    used: Option<u64>,
    gap: bool,
}

/// Draws it.
pub fn draw(disk: &Disk, name: &str) -> String {
    let stretches = stretches(disk);
    let widths = widths(&stretches);
    let width = widths.iter().sum::<u64>() + 2 * MARGIN;
    let height = HEIGHT + 2 * MARGIN + 22;
    let title =
        format!("{name}: {}, {}", approximate_size(disk.len), disk.table.as_deref().unwrap_or("no table"));
    let title = escape(&title);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>{title}</title>\n\
         <text x=\"{MARGIN}\" y=\"{}\" font-size=\"14\">{title}</text>\n",
        MARGIN + 10
    );
    let mut x = MARGIN;
    for (stretch, width) in stretches.iter().zip(widths) {
        out.push_str(&picture(stretch, x, width));
        x += width;
    }
    out + "</svg>\n"
}

/// Partitions with the gaps between them. The whole image is drawn only when there is no table; what overlaps is drawn in a row.
fn stretches(disk: &Disk) -> Vec<Stretch> {
    let mut all = Vec::new();
    let mut at = 0;
    for part in disk.parts.iter().filter(|part| part.number.is_some() || disk.table.is_none()) {
        if part.start > at {
            all.push(gap(part.start - at));
        }
        let what = part.filesystem.as_deref().unwrap_or(&part.ty);
        let name = match (part.number, part.name.as_str()) {
            (Some(number), name) => format!("{number} {name}"),
            (None, _) => "whole image".into(),
        };
        let label = part.label.as_ref().map(|label| format!(" \u{201c}{label}\u{201d}")).unwrap_or_default();
        let used = part.used.map(|used| format!(", {} used", approximate_size(used))).unwrap_or_default();
        let lines = vec![name, format!("{what}{label}"), format!("{}{used}", approximate_size(part.len))];
        all.push(Stretch { len: part.len, least: LEAST_PART, lines, used: part.used, gap: false });
        at = at.max(part.start + part.len);
    }
    if disk.len > at {
        all.push(gap(disk.len - at));
    }
    all
}

fn gap(len: u64) -> Stretch {
    Stretch { len, least: LEAST_GAP, lines: vec![approximate_size(len)], used: None, gap: true }
}

/// To scale, in what the least widths leave.
fn widths(stretches: &[Stretch]) -> Vec<u64> {
    let least: u64 = stretches.iter().map(|stretch| stretch.least).sum();
    let spare = u128::from(WIDTH.saturating_sub(least));
    let total = stretches.iter().map(|stretch| u128::from(stretch.len)).sum::<u128>().max(1);
    let share = |len: u64| u64::try_from(u128::from(len) * spare / total).unwrap_or(0);
    stretches.iter().map(|stretch| stretch.least + share(stretch.len)).collect()
}

fn picture(stretch: &Stretch, x: u64, width: u64) -> String {
    let y = MARGIN + 22;
    let (fill, dash) = if stretch.gap { ("#f4f4f4", " stroke-dasharray=\"3 3\"") } else { ("#eef4ff", "") };
    let mut out = String::from("<g>\n");
    let title = escape(&stretch.lines.join(", "));
    out.push_str(&format!(
        "<title>{}{title}</title>\n<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HEIGHT}\" fill=\"{fill}\" stroke=\"#555\"{dash}/>\n",
        if stretch.gap { "free: " } else { "" }
    ));
    if let Some(used) = stretch.used {
        let part = u128::from(used.min(stretch.len)) * u128::from(width) / u128::from(stretch.len.max(1));
        out.push_str(&format!(
            "<rect x=\"{x}\" y=\"{}\" width=\"{part}\" height=\"8\" fill=\"#5b8def\"/>\n",
            y + HEIGHT - 8
        ));
    }
    let room = usize::try_from(width.saturating_sub(8) / GLYPH).unwrap_or(0);
    let fits = |line: &&String| !stretch.gap || line.chars().count() <= room;
    for (index, line) in (0..).zip(stretch.lines.iter().filter(fits)) {
        let text: String = match line.chars().count() > room {
            true => line.chars().take(room.saturating_sub(1)).chain(['\u{2026}']).collect(),
            false => line.clone(),
        };
        let y = y + 20 + index * 20;
        out.push_str(&format!("<text x=\"{}\" y=\"{y}\">{}</text>\n", x + 5, escape(&text)));
    }
    out + "</g>\n"
}

/// Text for XML; characters that XML cannot hold become U+FFFD.
fn escape(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c })
        .collect();
    clean.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
