//! The configuration as text, and what it cannot say.

use super::*;

fn render(record: &Record, home: &LoaderHome, menu: &Menu) -> Result<String, Failure> {
    let store = MemoryStore::default();
    let made = files(&store, record, home, menu)?;
    let path = paths(&made).into_iter().find(|path| path.ends_with("cfg") || path.ends_with("/default"));
    let text = read(&store, &made, path.expect("a configuration").trim_start_matches('/'));
    Ok(String::from_utf8(text).expect("text"))
}

#[test]
fn every_action_has_its_command() {
    let path = |name: &str| format!("/boot/{name}");
    let multiboot = vec![
        BootAction::Multiboot { path: path("kernel"), args: "a=b -s".into() },
        BootAction::Module { path: path("m"), args: "x y".into() },
        BootAction::Module { path: path("n"), args: String::new() },
    ];
    let initrds = BootAction::Initrd { paths: vec![path("i"), path("j")] };
    let chain = BootAction::Chainload { path: path("sector"), args: String::new() };
    let inner = vec![entry("chain", vec![chain]), entry("out", vec![BootAction::Exit])];
    let entries = vec![
        entry("linux", vec![linux("console=ttyS0 \"a b\""), initrds]),
        entry("mb", multiboot),
        MenuEntry { entries: inner, ..entry("more", vec![]) },
        entry("again", vec![BootAction::Reboot]),
        entry("off", vec![BootAction::PowerOff]),
    ];
    let menu = Menu { default: Some("mb".into()), entries, ..one(entry("a", vec![])) };
    let expected = "# Made by imgc from the manifest's menu.
SERIAL 0 115200
UI menu.c32
PROMPT 0
TIMEOUT 15
DEFAULT mb

LABEL linux
\tMENU LABEL Entry linux
\tLINUX /boot/vmlinuz
\tINITRD /boot/i,/boot/j
\tAPPEND console=ttyS0 \"a b\"

LABEL mb
\tMENU LABEL Entry mb
\tCOM32 mboot.c32
\tAPPEND /boot/kernel a=b -s --- /boot/m x y --- /boot/n

MENU BEGIN more
MENU TITLE Entry more

LABEL chain
\tMENU LABEL Entry chain
\tCOM32 chain.c32
\tAPPEND boot nosect file=/boot/sector

LABEL out
\tMENU LABEL Entry out
\tLOCALBOOT -1

MENU END

LABEL again
\tMENU LABEL Entry again
\tCOM32 reboot.c32

LABEL off
\tMENU LABEL Entry off
\tCOM32 poweroff.c32
";
    assert_eq!(render(&Record::new(), &home("mbr", "vfat"), &menu).expect("made"), expected);
}

#[test]
fn a_menu_that_does_not_wait_is_not_shown_and_paths_of_a_network_are_relative() {
    let mut menu = one(entry("a", vec![linux("x")]));
    menu.timeout = Some(0);
    menu.consoles = vec![Console::Serial { speed: 9600 }];
    let expected = "# Made by imgc from the manifest's menu.
SERIAL 0 9600
CONSOLE 0
PROMPT 0
TIMEOUT 0
DEFAULT a

LABEL a
\tMENU LABEL Entry a
\tLINUX boot/vmlinuz
\tAPPEND x
";
    assert_eq!(render(&Record::new(), &LoaderHome::Network, &menu).expect("made"), expected);
    menu.timeout = None;
    let below = options(&[("directory", "/x".into()), ("ui", "none".into())]);
    let text = render(&below, &LoaderHome::Network, &menu).expect("made");
    assert!(text.contains("PROMPT 1\nTIMEOUT 0\n") && text.contains("LINUX /boot/vmlinuz"), "{text}");
}

fn found(record: &Record, filesystem: &str, menu: &Menu) -> Vec<String> {
    let problems = Syslinux.check_menu(record, menu, &home("gpt", filesystem));
    problems.into_iter().map(|(_, problem)| problem.message).collect()
}

#[test]
fn what_it_cannot_do_is_named() {
    let path = |path: &str| BootAction::Linux { path: path.into(), args: String::new() };
    let initrd = |path: &str| BootAction::Initrd { paths: vec![path.into()] };
    let kernel = |args: &str| BootAction::Multiboot { path: "/k".into(), args: args.into() };
    let two = BootAction::Multiboot2 { path: "/k".into(), args: String::new() };
    let tree = BootAction::DeviceTree { path: "/d".into() };
    for (actions, part) in [
        (vec![], "starts nothing"),
        (vec![two], "Multiboot 1 only"),
        (vec![linux(""), tree], "device tree"),
        (vec![BootAction::FirmwareSetup], "settings"),
        (vec![path("/a b")], "blanks"),
        (vec![path("/caf\u{e9}")], "printable ASCII"),
        (vec![linux("initrd=/x")], "`initrd=`"),
        (vec![linux("-")], "dashes"),
        (vec![linux(&"x".repeat(2048))], "at most 2047"),
        (vec![linux(""), initrd("/a,b")], "two files"),
        (vec![kernel("a --- /b")], "dashes"),
        (vec![BootAction::Chainload { path: "/b".into(), args: "x".into() }], "cannot be given"),
    ] {
        let messages = found(&Record::new(), "vfat", &one(entry("a", actions)));
        assert!(messages.iter().any(|message| message.contains(part)), "{part}: {messages:?}");
    }
    assert!(found(&Record::new(), "vfat", &one(entry("a", vec![linux("a-b --x")]))).is_empty());
}

#[test]
fn titles_counters_submenus_and_the_menu_itself_are_judged() {
    let plain = || entry("a", vec![linux("")]);
    let titled = |title: &str| MenuEntry { title: title.into(), ..plain() };
    let submenu = MenuEntry { entries: vec![plain()], ..entry("s", vec![]) };
    let none = options(&[("ui", "none".into())]);
    let efi = options(&[("platform", "efi64".into())]);
    for (record, menu, part) in [
        (&none, one(titled("a^b")), "hot key"),
        (&none, one(titled(" a")), "blanks at the ends"),
        (&none, one(titled("\u{e9}")), "printable ASCII"),
        (&none, one(MenuEntry { tries: Some(3), ..plain() }), "does not count"),
        (&none, one(submenu.clone()), "needs something that shows it"),
        (&none, Menu { default: Some("s".into()), ..one(submenu) }, "cannot start by itself"),
        (&none, Menu { timeout: Some(3_599_601), ..one(plain()) }, "59 minutes"),
        (&none, Menu { consoles: vec![Console::Serial { speed: 12345 }], ..one(plain()) }, "12345"),
        (&efi, one(entry("a", vec![BootAction::PowerOff])), "switch the machine off"),
        (
            &efi,
            one(entry("a", vec![BootAction::Chainload { path: "/x".into(), args: "".into() }])),
            "no other",
        ),
    ] {
        let messages = found(record, "vfat", &menu);
        assert!(messages.iter().any(|message| message.contains(part)), "{part}: {messages:?}");
    }
}

#[test]
fn a_menu_that_was_not_checked_is_refused_when_it_is_rendered() {
    let mut menu = one(MenuEntry { title: "a\nLABEL b".into(), ..entry("a", vec![linux("x\nUI y.c32")]) });
    menu.default = Some("nobody".into());
    let refused = message(render(&Record::new(), &home("mbr", "vfat"), &menu).expect_err("refused"));
    for part in ["printable ASCII", "control characters", "no entry"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
}
