//! Images that others signed: what they cannot be given, and where they are put.

use super::*;
use crate::pe::tests as images;

const ESP: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

fn secure(more: &[(&str, Data)]) -> Record {
    let own = [("platform", Data::from("x86_64-efi")), ("secure-boot", Data::Bool(true))];
    options(&[&own[..], more].concat())
}

fn single() -> LoaderHome {
    LoaderHome::Disk { table: "gpt".into(), own: part("esp", 1, "vfat", ESP), esp: None }
}

/// A signed image whose section `mods` holds an area of these modules, which looks for its menu there.
fn grub(modules: &[&str], prefix: &str) -> Vec<u8> {
    let mut objects = Vec::new();
    let mut object = |kind: u32, data: &[u8]| {
        objects.extend(kind.to_le_bytes());
        objects.extend((u32::try_from(data.len()).expect("short") + 8).to_le_bytes());
        objects.extend(data);
    };
    modules.iter().for_each(|name| object(0, format!("\0{name}\0").as_bytes()));
    object(3, format!("{prefix}\0").as_bytes());
    let mut area = b"mimg\0\0\0\0".to_vec();
    area.extend(24_u64.to_le_bytes());
    area.extend((objects.len() as u64 + 24).to_le_bytes());
    area.extend(objects);
    let mut image = images::signed();
    let pe = crate::pe::Pe::read(&image[..]).expect("an image");
    let mut section = pe.sections[0];
    section.name = *b"mods\0\0\0\0";
    section.pointer_to_raw_data = u32::try_from(image.len()).expect("short");
    section.size_of_raw_data = u32::try_from(area.len()).expect("short");
    let table = pe.table_end() - crate::pe::SECTION * pe.sections.len();
    image[table..table + 8].copy_from_slice(&section.name);
    images::put32(&mut image, table + 16, section.size_of_raw_data);
    images::put32(&mut image, table + 20, section.pointer_to_raw_data);
    image.extend(area);
    image
}

const ALL: &[&str] =
    &["normal", "configfile", "all_video", "search_fs_file", "part_gpt", "fat", "linux", "gzio", "terminal"];

fn made(files: &[(&str, Vec<u8>)], options: &Record, home: &LoaderHome) -> Result<(Fixture, Tree), String> {
    let fixture =
        Fixture::of(files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect());
    match fixture.esp_files(options, home) {
        Ok(tree) => Ok((fixture, tree)),
        Err(failure) => Err(message(failure)),
    }
}

#[test]
fn signed_images_lie_where_firmware_and_shim_look_and_find_the_menu() {
    let files = [
        ("a/shimx64.efi.signed", images::signed()),
        ("a/shimx64.efi", images::image()),
        ("b/grubx64.efi.signed", grub(ALL, "/EFI/debian")),
        ("c/mmx64.efi.signed", images::signed()),
    ];
    let (fixture, tree) = made(&files, &secure(&[("id", "X".into())]), &single()).expect("made");
    assert_eq!(fixture.bytes(&tree, "EFI/BOOT/BOOTX64.EFI"), images::signed());
    assert_eq!(fixture.bytes(&tree, "EFI/BOOT/grubx64.efi"), grub(ALL, "/EFI/debian"));
    assert!(tree.get(b"EFI/BOOT/mmx64.efi").is_some());
    let text = "search.file /boot/grub/X.id root $root\nset prefix=($root)/boot/grub\ninsmod all_video\nconfigfile $prefix/grub.cfg\n";
    assert_eq!(fixture.text(&tree, "EFI/debian/grub.cfg"), text);
    // Elsewhere, without the manager of keys.
    let moved = secure(&[("efi-path", "/EFI/imgc/shimx64.efi".into())]);
    let (_, tree) = made(&files[..3], &moved, &single()).expect("made");
    assert!(tree.get(b"EFI/imgc/shimx64.efi").is_some() && tree.get(b"EFI/imgc/grubx64.efi").is_some());
    assert!(tree.get(b"EFI/BOOT").is_none() && tree.get(b"EFI/imgc/mmx64.efi").is_none());
    // The menu itself lies where the image looks.
    let (_, tree) = made(&files, &secure(&[("directory", "/EFI/debian".into())]), &single()).expect("made");
    assert!(tree.get(b"EFI/debian").is_none());
}

#[test]
fn nothing_but_the_menu_lies_in_its_directory() {
    let fixture = Fixture::of(Vec::new());
    let linux = BootAction::Linux { path: "/k".into(), args: String::new() };
    let menu = Menu {
        timeout: None,
        default: None,
        consoles: vec![],
        entries: vec![MenuEntry {
            name: "a".into(),
            title: "A".into(),
            actions: vec![linux],
            ..MenuEntry::default()
        }],
    };
    let tree = fixture.files_at(&secure(&[("id", "X".into())]), &menu, &single()).expect("made");
    let paths: Vec<String> = tree.entries().iter().map(|entry| entry.path.to_string()).collect();
    assert_eq!(paths.iter().filter(|path| path.contains('.')).count(), 2, "{paths:?}");
    assert!(tree.get(b"boot/grub/X.id").is_some() && tree.get(b"boot/grub/grub.cfg").is_some());
}

#[test]
fn images_that_would_not_start_are_refused() {
    let (shim, good) = (("shimx64.efi", images::signed()), ("grubx64.efi", grub(ALL, "/EFI/debian")));
    let refused = |files: &[(&str, Vec<u8>)]| made(files, &secure(&[]), &single()).err().expect("refused");
    assert!(refused(std::slice::from_ref(&good)).contains("needs a signed `shimx64.efi`"));
    assert!(refused(std::slice::from_ref(&shim)).contains("needs a signed `grubx64.efi`"));
    let unsigned = refused(&[("shimx64.efi", images::image()), good.clone()]);
    assert!(
        unsigned.contains("unsigned-image") && unsigned.contains("`shimx64.efi` has no signature"),
        "{unsigned}"
    );
    assert!(refused(&[shim.clone(), ("grubx64.efi", images::signed())]).contains("has no modules"));
    let other = refused(&[shim.clone(), ("grubx64.efi", grub(ALL, "(memdisk)/boot"))]);
    assert!(other.contains("looks for its menu in `(memdisk)/boot`"), "{other}");
    let few = refused(&[shim.clone(), ("grubx64.efi", grub(&ALL[..4], "/EFI/debian"))]);
    assert!(few.contains("no module `fat`") && few.contains("no module `part_gpt`"), "{few}");
    let more = secure(&[("modules", texts(&["zfs"]))]);
    let more = made(&[shim, good], &more, &single()).err().expect("refused");
    assert!(more.contains("no module `zfs`") && !more.contains("`fat`"), "{more}");
}

#[test]
fn what_only_an_image_of_our_own_can_have_is_refused_beforehand() {
    for (option, value) in
        [("memdisk", texts(&["a"])), ("font", "/f.pf2".into()), ("install-modules", "all".into())]
    {
        let found = Grub.check(&secure(&[(option, value)]));
        assert!(found.len() == 1 && found[0].option == Some(option), "{found:?}");
    }
    let bios = options(&[("secure-boot", Data::Bool(true))]);
    assert_eq!(Grub.check(&bios)[0].option, Some("secure-boot"));
    let found = Grub.check_home(&secure(&[]), &LoaderHome::Network);
    assert_eq!(found[0].option, Some("secure-boot"));
    assert!(Grub.check_home(&secure(&[]), &single()).is_empty());
}

#[test]
fn entries_that_lockdown_refuses_are_named() {
    let refused = |home: &LoaderHome, options: &Record| Grub.check_menu(options, &lites(), home).len();
    assert_eq!(refused(&single(), &secure(&[])), 2);
    assert_eq!(refused(&single(), &options(&[("platform", "x86_64-efi".into())])), 0);
}
