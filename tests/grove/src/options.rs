//! Options of a kind: all with their defaults, and those that a text says.

use imgc_plan::{
    Data, Kind, Record, ids,
    kind::{Default, OptType},
    units::parse_size,
};

use crate::{forest::EPOCH, random::Random};

/// All options with their defaults, then those in `text`, as `name=value` with spaces between; `features=a,b` is a list.
///
/// # Panics
/// When the kind has no such option.
pub fn options(kind: &Kind, text: &str) -> Record {
    let mut record = Record::new();
    for option in kind.options {
        let data = match (option.default, option.ty) {
            (Default::Absent | Default::Required, _) => continue,
            (Default::SectorSize, _) => Data::Int(512),
            (Default::Bool(value), _) => Data::Bool(value),
            (Default::Int(value), _) => Data::Int(value),
            (Default::Text(value), _) => Data::from(value),
            (Default::Derived, OptType::Serial) => Data::Int(0x1234_abcd),
            (Default::Derived, _) => Data::Text(ids::uuid_text(ids::derive("test", "", "node", option.name))),
            (Default::Epoch, _) => Data::Int(EPOCH),
        };
        record.insert(option.name.into(), data);
    }
    for word in text.split_whitespace() {
        let (name, value) = word.split_once('=').expect("name=value");
        let option = kind.option(name).unwrap_or_else(|| panic!("{} has no {name}", kind.name));
        let data = match option.ty {
            OptType::Bool => Data::Bool(value == "true"),
            OptType::Int { .. } => Data::Int(value.parse().expect("a number")),
            OptType::Size { .. } => Data::from(parse_size(value).expect("a size")),
            OptType::Words(_) | OptType::Texts => Data::List(value.split(',').map(Data::from).collect()),
            _ => Data::from(value),
        };
        record.insert(name.into(), data);
    }
    record
}

/// A text of options by chance: of each list one, which may be empty.
pub fn chance(random: &mut Random, choices: &[&[&str]]) -> String {
    choices.iter().map(|list| random.one_of(list)).collect::<Vec<_>>().join(" ")
}
