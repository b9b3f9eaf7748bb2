//! The kind `el-torito`: what cannot be, before anything runs.

use imgc_plan::Record;

use super::*;
use crate::boot::Loader;

fn record(pairs: &[(&str, Data)]) -> Record {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn home(filesystem: &str, esp: bool) -> LoaderHome {
    let part = |name: &str, filesystem: &str, options| PartHome {
        name: name.into(),
        number: 0,
        type_code: String::new(),
        filesystem: filesystem.into(),
        options,
    };
    let options = match filesystem {
        "iso9660" => record(&[("boot-catalog", "/boot/boot.cat".into())]),
        _ => Record::new(),
    };
    let own = part("own", filesystem, options);
    LoaderHome::Disk { table: "gpt".into(), own, esp: esp.then(|| part("esp", "vfat", Record::new())) }
}

#[test]
fn options_that_make_no_sense_together_are_refused() {
    let blamed = |pairs: &[(&str, Data)]| {
        ElTorito.check(&record(pairs)).iter().map(|problem| problem.option.unwrap_or("")).collect::<Vec<_>>()
    };
    let (efi, table) = (("platform", "efi".into()), ("boot-info-table", Data::Bool(true)));
    let image = ("image", Data::from("/boot/image"));
    assert_eq!(blamed(&[image.clone(), table.clone(), ("load-segment", Data::Int(0x1000))]), [""; 0]);
    assert_eq!(blamed(&[("image", "boot".into())]), ["image"]);
    assert_eq!(blamed(&[("image", "/".into())]), ["image"]);
    assert_eq!(blamed(&[("image", "/a/../b".into())]), ["image"]);
    assert_eq!(blamed(std::slice::from_ref(&table)), ["boot-info-table"]);
    let both = [efi, image, table, ("load-segment", Data::Int(1))];
    assert_eq!(blamed(&both), ["boot-info-table", "load-segment"]);
}

#[test]
fn homes_that_are_no_cd_and_entries_of_nothing_or_two_things_are_refused() {
    let told = |pairs: &[(&str, Data)], home: &LoaderHome| {
        let found = ElTorito.check_home(&record(pairs), home);
        found.iter().map(|problem| problem.option.unwrap_or("node")).collect::<Vec<_>>()
    };
    let image = ("image", Data::from("/boot/image"));
    let efi = ("platform", Data::from("efi"));
    assert_eq!(told(std::slice::from_ref(&image), &home("iso9660", false)), [""; 0]);
    assert_eq!(told(std::slice::from_ref(&efi), &home("iso9660", true)), [""; 0]);
    assert_eq!(told(std::slice::from_ref(&image), &home("ext4", false)), ["partition"]);
    assert_eq!(told(&[], &home("iso9660", false)), ["node"]);
    assert_eq!(told(&[], &home("iso9660", true)), ["esp"]);
    assert_eq!(told(&[efi, image], &home("iso9660", true)), ["esp"]);
    assert_eq!(told(&[], &LoaderHome::Network), ["node"]);
}
