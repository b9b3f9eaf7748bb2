//! `grub.cfg` as text, and GRUB's own parser as the judge of quoting.

use imgc_plan::Record;

use super::*;

const LITES: &str = r"# Made by imgc from the manifest's menu.
insmod serial
serial --unit=0 --speed=115200 --word=8 --parity=no --stop=1
terminal_input console serial
terminal_output console serial
set default='lites'
set timeout=5

menuentry 'Lites on GNU Mach' --id 'lites' {
	insmod gzio
	insmod multiboot
	multiboot '/boot/gnumach' 'root=device:hd0s1' 'console=com0'
	module '/boot/lites_server' 'lites_server' '${boot-args}' '$(task-create)'
}

menuentry 'GNU Mach (no Lites)' --id 'kernel' {
	insmod gzio
	insmod multiboot
	multiboot '/boot/gnumach'
}
";

fn render(menu: &Menu) -> String {
    let debian = Fixture::debian();
    let tree = debian.files(&Record::new(), menu).expect("made");
    debian.text(&tree, "boot/grub/grub.cfg")
}

fn judge(text: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("grub.cfg");
    std::fs::write(&file, text).expect("written");
    run("grub-script-check", "grub-common", &[file.to_str().expect("text")]);
}

#[test]
fn the_menu_of_lites() {
    let text = render(&lites());
    assert_eq!(text, LITES);
    judge(&text);
}

#[test]
fn every_action_has_its_command() {
    let path = |name: &str| format!("/boot/{name}");
    let actions = [
        vec![
            BootAction::Multiboot2 { path: path("kernel"), args: "a=\"b c\"".into() },
            BootAction::Module { path: path("disk"), args: String::new() },
        ],
        vec![
            BootAction::Linux { path: path("vmlinuz"), args: "console=ttyS0 panic=-1".into() },
            BootAction::Initrd { paths: vec![path("a"), path("b c")] },
        ],
        vec![BootAction::Chainload { path: path("sector"), args: String::new() }],
    ];
    let entries = actions.into_iter().enumerate().map(|(index, actions)| MenuEntry {
        name: format!("e{index}"),
        title: format!("Entry {index}"),
        actions,
        ..MenuEntry::default()
    });
    let menu = Menu { timeout: None, default: None, consoles: vec![], entries: entries.collect() };
    let text = render(&menu);
    let expected = r"# Made by imgc from the manifest's menu.
set default=0
set timeout=-1

menuentry 'Entry 0' --id 'e0' {
	insmod gzio
	insmod multiboot2
	multiboot2 '/boot/kernel' 'a=b c'
	module2 '/boot/disk'
}

menuentry 'Entry 1' --id 'e1' {
	insmod gzio
	insmod linux
	linux '/boot/vmlinuz' 'console=ttyS0' 'panic=-1'
	initrd '/boot/a' '/boot/b c'
}

menuentry 'Entry 2' --id 'e2' {
	insmod chain
	chainloader '/boot/sector'
}
";
    assert_eq!(text, expected);
    judge(&text);
}

#[test]
fn hostile_text_stays_within_its_quotes() {
    for hostile in [
        "it's 'quoted' \"twice\"",
        "'; reboot; echo '",
        "$(reboot) ${root} $x `halt`",
        "} menuentry x { reboot",
        "a\\",
        "\\'",
        "'\\''",
        "# no comment",
        "a > b & c | d ; e < f * ? [ ] ~ !",
        "caf\u{e9} \u{1f40d} \u{202e}",
        "'",
        "''''",
    ] {
        let mut menu = lites();
        menu.entries[0].title = hostile.into();
        menu.entries[0].name = hostile.into();
        menu.default = Some(hostile.into());
        let path = format!("/{hostile}");
        menu.entries[0].actions = vec![BootAction::Linux { path, args: String::new() }];
        let text = render(&menu);
        judge(&text);
        assert_eq!(text.matches("\nmenuentry ").count(), 2, "{text}");
        assert!(text.contains("set default=0\n") && !text.contains("\nreboot"), "{text}");
    }
}

#[test]
fn a_menu_that_was_not_checked_is_refused_when_it_is_rendered() {
    let mut menu = lites();
    menu.entries[1].title = "a\nreboot".into();
    menu.default = Some("nobody".into());
    let refused = message(Fixture::debian().files(&Record::new(), &menu).expect_err("refused"));
    assert!(refused.contains("control characters") && refused.contains("nobody"), "{refused}");
}
