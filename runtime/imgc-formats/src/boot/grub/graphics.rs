//! Graphics: a font by which GRUB shows text on a screen of pixels, and a theme for the menu.

use std::fmt::Write;

use super::options::Options;

/// Pictures that a theme may have.
const PICTURES: [&str; 3] = ["jpeg", "png", "tga"];

/// The modules of what the options ask for.
pub fn modules(options: &Options) -> Vec<&'static str> {
    let mut modules = Vec::new();
    if options.font.is_some() {
        modules.extend(["all_video", "font", "gfxterm"]);
    }
    if options.theme.is_some() {
        modules.push("gfxmenu");
        modules.extend(PICTURES);
    }
    modules
}

/// The commands. Where the font cannot be read, text stays text. `others` are the outputs beside the screen.
pub fn render(options: &Options, others: &str, text: &mut String) {
    const INFALLIBLE: &str = "because writing into a string does not fail";
    let Some(font) = &options.font else { return };
    writeln!(text, "insmod font\nif loadfont '{font}'; then").expect(INFALLIBLE);
    text.push_str("\tset gfxmode=auto\n\tinsmod all_video\n\tinsmod gfxterm\n");
    let outputs = format!("\tterminal_output gfxterm {others}");
    writeln!(text, "{}", outputs.trim_end()).expect(INFALLIBLE);
    if let Some(theme) = &options.theme {
        text.push_str("\tinsmod gfxmenu\n");
        PICTURES.iter().for_each(|module| writeln!(text, "\tinsmod {module}").expect(INFALLIBLE));
        writeln!(text, "\tset theme=($root)'{theme}'").expect(INFALLIBLE);
    }
    text.push_str("fi\n");
}
