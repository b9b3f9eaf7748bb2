//! Scripts as text, and what cannot be in one.

use imgc_image::{Content, Entry, MemoryStore, Meta, Node, Reader, Store, TreeBuilder};
use imgc_plan::{
    menu::{BootAction, MenuEntry},
    step::PartHome,
    tree::BytePath,
};

use super::*;

fn linux(path: &str, args: &str) -> BootAction {
    BootAction::Linux { path: path.into(), args: args.into() }
}

fn initrd(paths: &[&str]) -> BootAction {
    BootAction::Initrd { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
}

fn entry(name: &str, actions: Vec<BootAction>) -> MenuEntry {
    MenuEntry { name: name.into(), title: format!("Start {name}"), actions, ..MenuEntry::default() }
}

fn menu(timeout: Option<u64>, entries: Vec<MenuEntry>) -> Menu {
    Menu { timeout, default: None, consoles: vec![], entries }
}

#[test]
fn every_entry_has_its_words() {
    let multiboot = BootAction::Multiboot { path: "/boot/gnumach".into(), args: "root=x".into() };
    let module = BootAction::Module { path: "/boot/server".into(), args: "a b".into() };
    let chain = BootAction::Chainload { path: "/linux.efi".into(), args: "quiet".into() };
    let more = vec![
        entry("mach", vec![multiboot, module]),
        entry("uki", vec![chain]),
        entry("again", vec![BootAction::Reboot]),
        entry("off", vec![BootAction::PowerOff]),
        entry("disk", vec![BootAction::Exit]),
    ];
    let more = MenuEntry { entries: more, ..entry("more", vec![]) };
    let plain = entry("linux", vec![linux("/boot/vmlinuz", "quiet"), initrd(&["/boot/a.img", "/boot/b"])]);
    let menu = Menu { default: Some("linux".into()), ..menu(Some(2500), vec![more, plain]) };
    let expected = "#!ipxe
# Made by imgc from the manifest's menu.

:menu
menu Boot || goto entry.linux
item entry.more Start more
item entry.linux Start linux
choose --default entry.linux --timeout 2500 target && goto ${target} || goto menu

:entry.more
menu Start more || goto entry.more.mach
item entry.more.mach Start mach
item entry.more.uki Start uki
item entry.more.again Start again
item entry.more.off Start off
item entry.more.disk Start disk
item menu Back
choose --default entry.more.mach target && goto ${target} || goto menu

:entry.more.mach
kernel ../../boot/gnumach root=x || goto failed
module ../../boot/server a b || goto failed
boot || goto failed

:entry.more.uki
chain ../../linux.efi quiet || goto failed

:entry.more.again
reboot || goto failed

:entry.more.off
poweroff || goto failed

:entry.more.disk
exit

:entry.linux
kernel ../../boot/vmlinuz initrd=a.img initrd=b quiet || goto failed
initrd ../../boot/a.img || goto failed
initrd ../../boot/b || goto failed
boot || goto failed

:failed
imgfree
prompt --timeout 10000 That did not start. ||
goto menu
";
    assert!(script::check(&menu).is_empty());
    assert_eq!(script::render(&menu, "../../").expect("fine"), expected);
}

#[test]
fn a_menu_without_time_is_not_shown_until_something_fails() {
    let text = script::render(&menu(Some(0), vec![entry("a", vec![linux("/k", "")])]), "").expect("fine");
    assert!(text.contains("menu.\ngoto entry.a\n\n:menu"), "{text}");
    assert!(text.contains("--timeout 10000 target"), "{text}");
    assert!(text.contains(":entry.a\nkernel k || goto failed\nboot"), "{text}");
    let text = script::render(&menu(None, vec![entry("a", vec![linux("/k", "")])]), "").expect("fine");
    assert!(text.contains("choose --default entry.a target"), "{text}");
}

#[test]
fn what_it_cannot_say_is_named() {
    let tree = BootAction::DeviceTree { path: "/d".into() };
    let multiboot2 = BootAction::Multiboot2 { path: "/k".into(), args: String::new() };
    for (actions, part) in [
        (vec![], "starts nothing"),
        (vec![linux("/k", "a ${net0/mac}")], "no way to write"),
        (vec![linux("/k", "a && reboot")], "no way to write"),
        (vec![linux("/k", "a ; reboot")], "no way to write"),
        (vec![linux("/k", "a #b")], "no way to write"),
        (vec![linux("/k", "a\\")], "no way to write"),
        (vec![linux("/k", "a\nreboot")], "no way to write"),
        (vec![linux("/a b", "")], "as it is"),
        (vec![linux("/a?b", "")], "as it is"),
        (vec![linux("/${x}", "")], "as it is"),
        (vec![linux("/k", ""), initrd(&["/a/i", "/b/i"])], "two are `i`"),
        (vec![linux("/k", ""), tree], "device tree"),
        (vec![multiboot2], "Multiboot2"),
        (vec![BootAction::FirmwareSetup], "settings"),
    ] {
        let menu = menu(None, vec![entry("fine", vec![BootAction::Exit]), entry("b", actions)]);
        let problems = Ipxe.check_menu(&Record::new(), &menu, &LoaderHome::Network);
        assert!(
            problems.iter().any(|(at, problem)| *at == 1 && problem.message.contains(part)),
            "{part}: {problems:?}"
        );
        assert!(problems.iter().all(|(_, problem)| problem.help.is_some()));
        assert!(script::render(&menu, "").is_err());
    }
    for title in ["", "a ${b}", "# a", "a || b", "a\\"] {
        let entry = MenuEntry { title: title.into(), ..entry("a", vec![BootAction::Exit]) };
        assert_eq!(script::check(&menu(None, vec![entry])).len(), 1, "{title}");
    }
    let counted = MenuEntry { tries: Some(2), ..entry("a", vec![BootAction::Exit]) };
    assert_eq!(script::check(&menu(None, vec![counted])).len(), 1);
}

#[test]
fn only_a_network_is_its_place_and_names_are_plain() {
    let own = PartHome {
        name: "p".into(),
        number: 1,
        type_code: "83".into(),
        filesystem: "vfat".into(),
        options: Record::new(),
    };
    let disk = LoaderHome::Disk { table: "mbr".into(), own, esp: None };
    assert!(Ipxe.check_home(&Record::new(), &disk)[0].message.contains("not from a disk"));
    assert!(Ipxe.check_home(&Record::new(), &LoaderHome::Network).is_empty());
    assert!(Ipxe.products(&Record::new(), &LoaderHome::Network).files);
    for (name, value, count) in [
        ("directory", "/tftp/ipxe", 0),
        ("directory", "tftp", 1),
        ("directory", "/a b", 1),
        ("script", "autoexec.ipxe", 0),
        ("script", "../x", 1),
        ("script", ".x", 1),
        ("script", "", 1),
    ] {
        let options = Record::from([(name.to_owned(), Data::from(value))]);
        let found = Ipxe.check(&options);
        assert_eq!(found.len(), count, "{name}={value}: {found:?}");
    }
}

fn source(store: &MemoryStore, names: &[&str]) -> Tree {
    let mut builder = TreeBuilder::new();
    for name in names {
        let id = store.put(name.as_bytes()).expect("stored");
        builder.push(Entry {
            path: BytePath(name.as_bytes().to_vec()),
            meta: Meta::new(0o644, 0),
            xattrs: Box::default(),
            link: None,
            node: Node::File { content: Content::Blob { id, len: name.len() as u64 }, dense: false },
        });
    }
    builder.finish(0).expect("a tree")
}

#[test]
fn programs_lie_beside_the_script() {
    let store = MemoryStore::default();
    let menu = menu(Some(0), vec![entry("a", vec![linux("/boot/k", "")])]);
    let options = Record::from([("directory".to_owned(), Data::from("/net"))]);
    let files = |source: Option<&Tree>| {
        let home = &LoaderHome::Network;
        Ipxe.files(&LoaderJob { options: &options, source, menu: Some(&menu), home, store: &store })
    };
    let paths = |tree: &Tree| -> Vec<String> {
        tree.entries().iter().filter(|entry| !entry.is_dir()).map(|entry| entry.path.to_string()).collect()
    };
    let tree = files(None).expect("made");
    assert_eq!(paths(&tree), ["/net/boot.ipxe"]);
    let Some(Node::File { content, .. }) = tree.get(b"net/boot.ipxe").map(|entry| &entry.node) else {
        panic!("a file")
    };
    let text = Reader::new(&content.to_bytes(), &store).read_all(1 << 20).expect("readable");
    assert!(String::from_utf8(text).expect("text").contains("kernel ../boot/k ||"));
    let debian = source(&store, &["boot/ipxe.efi", "usr/lib/ipxe/undionly.kpxe", "usr/lib/ipxe/ipxe.iso"]);
    assert_eq!(
        paths(&files(Some(&debian)).expect("made")),
        ["/net/boot.ipxe", "/net/ipxe.efi", "/net/undionly.kpxe"]
    );
    let Err(Failure::Problems(problems)) = files(Some(&source(&store, &["x"]))) else { panic!("refused") };
    assert_eq!(problems[0].code, "loader-file-missing");
}
