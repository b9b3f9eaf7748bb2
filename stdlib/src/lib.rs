//! Templates that come with imgc: what many manifests would say alike, in the manifests' own language.
//!
//! Each is a file `AREA/NAME.kdl` beside `src/`, and a line in [`ALL`]. A manifest takes one by `use "AREA/NAME"`.

/// The templates by name, in the order of the reference.
pub static ALL: &[(&str, &str)] = &[("iso/bootable", include_str!("../iso/bootable.kdl"))];

/// The text of a template.
pub fn template(name: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
