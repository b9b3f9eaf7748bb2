//! Entries that are counted, submenus, graphics: the text, and GRUB's own parser as the judge.

use super::*;

fn linux(name: &str, tries: Option<u32>) -> MenuEntry {
    let action = BootAction::Linux { path: format!("/{name}"), args: "quiet".into() };
    MenuEntry { name: name.into(), title: name.into(), tries, actions: vec![action], ..MenuEntry::default() }
}

fn menu(entries: Vec<MenuEntry>) -> Menu {
    Menu { timeout: Some(0), default: None, consoles: vec![Console::Screen], entries }
}

fn made(pairs: &[(&str, Data)], menu: &Menu) -> (Fixture, Tree, String) {
    let debian = Fixture::debian();
    let tree = debian.files(&options(pairs), menu).expect("made");
    let text = debian.text(&tree, "boot/grub/grub.cfg");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("grub.cfg");
    std::fs::write(&file, &text).expect("written");
    run("grub-script-check", "grub-common", &[file.to_str().expect("text")]);
    (debian, tree, text)
}

const COUNTED: &str = r#"load_env
if [ "$tries_new" != 0 ]; then
	set default=0
	set fallback='1'
else
	set default=1
fi
set timeout=0

menuentry 'new (2.0)' --id 'new' {
	if [ "$tries_new" = 2 ]; then set tries_new=1; save_env tries_new
	elif [ "$tries_new" = 1 ]; then set tries_new=0; save_env tries_new
	fi
	insmod gzio
	insmod linux
	linux '/new' 'quiet'
}
"#;

#[test]
fn counted_entries_have_a_block_and_the_commands_that_count() {
    let mut new = linux("new", Some(2));
    new.version = Some("2.0".into());
    let (debian, tree, text) = made(&[], &menu(vec![new, linux("old", None)]));
    assert!(text.contains(COUNTED), "{text}");
    let block = debian.text(&tree, "boot/grub/grubenv");
    assert!(block.len() == 1024 && block.contains("\ntries_new=2\n#"), "{block}");
    let Node::File { dense, .. } = tree.get(b"boot/grub/grubenv").expect("there").node else {
        panic!("no file")
    };
    assert!(dense, "GRUB writes into its blocks");
    assert!(tree.get(b"boot/grub/i386-pc/loadenv.mod").is_some());
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("grubenv");
    std::fs::write(&file, &block).expect("written");
    let output =
        Command::new("grub-editenv").arg(&file).arg("list").output().expect("grub-editenv runs: grub-common");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "tries_new=2\n");
}

#[test]
fn what_cannot_be_counted_is_refused_at_its_entry() {
    let check = |menu: &Menu, home: &LoaderHome| -> Vec<(usize, String)> {
        let found = Grub.check_menu(&Record::new(), menu, home);
        found.into_iter().map(|(at, problem)| (at, problem.message)).collect()
    };
    let counted = menu(vec![linux("old", None), linux("new", Some(2))]);
    for filesystem in ["ext2", "ext3", "ext4", "vfat", "exfat"] {
        assert_eq!(check(&counted, &home("mbr", 1, filesystem)), []);
    }
    for filesystem in ["squashfs", "iso9660", "btrfs", "erofs"] {
        let found = check(&counted, &home("mbr", 1, filesystem));
        assert!(found.len() == 1 && found[0].0 == 1 && found[0].1.contains(filesystem), "{found:?}");
    }
    assert!(check(&counted, &LoaderHome::Network)[0].1.contains("over a network"));
    let twins = menu(vec![linux("a-b", Some(1)), linux("a_b", Some(1))]);
    assert!(check(&twins, &home("mbr", 1, "ext2"))[0].1.contains("`tries_a_b`"));
    let inner = MenuEntry {
        name: "more".into(),
        title: "More".into(),
        entries: vec![linux("x", Some(1))],
        ..MenuEntry::default()
    };
    assert!(check(&menu(vec![inner]), &home("mbr", 1, "ext2"))[0].1.contains("submenu"));
    let many = menu((0..99).map(|at| linux(&format!("entry-{at}"), Some(9))).collect());
    assert!(check(&many, &home("mbr", 1, "ext2"))[0].1.contains("1024 bytes"));
}

#[test]
fn submenus_are_within_one_another() {
    let inner = |name: &str, entries| MenuEntry {
        name: name.into(),
        title: name.to_uppercase(),
        entries,
        ..MenuEntry::default()
    };
    let outer = inner("outer", vec![linux("a", None), inner("deep", vec![linux("b", None)])]);
    let (_, _, text) = made(&[], &menu(vec![outer]));
    let expected = "\nsubmenu 'OUTER' --id 'outer' {\n\tmenuentry 'a' --id 'a' {\n\t\tinsmod gzio\n\t\tinsmod linux\n\
                    \t\tlinux '/a' 'quiet'\n\t}\n\tsubmenu 'DEEP' --id 'deep' {\n\t\tmenuentry 'b' --id 'b' {\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn graphics_have_their_modules() {
    let pairs = [("font", "/boot/f.pf2".into()), ("theme", "/boot/t/theme.txt".into())];
    let (_, tree, text) = made(&pairs, &menu(vec![linux("a", None)]));
    assert!(text.contains("if loadfont '/boot/f.pf2'; then\n"), "{text}");
    assert!(text.contains("\tset theme=($root)'/boot/t/theme.txt'\n"), "{text}");
    for module in ["gfxterm", "gfxmenu", "vbe", "png", "bitmap", "font", "all_video"] {
        assert!(tree.get(format!("boot/grub/i386-pc/{module}.mod").as_bytes()).is_some(), "{module}");
    }
}
