//! What a menu's entry starts, read from its actions in order: the same for every loader.

use imgc_image::{Failure, Problem};
use imgc_plan::{
    kind::OptionProblem,
    menu::{BootAction, Menu, MenuEntry},
};

use super::files::as_problem;

/// What an entry starts, with all that is loaded beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start<'m> {
    /// A Linux kernel.
    Linux {
        /// The kernel.
        path: &'m str,
        /// Its command line.
        args: &'m str,
        /// Initial RAM disks, in order.
        initrds: Vec<&'m str>,
        /// A device tree.
        device_tree: Option<&'m str>,
    },
    /// A multiboot kernel.
    Multiboot {
        /// Which Multiboot specification it is: 1 or 2.
        version: u8,
        /// The kernel.
        path: &'m str,
        /// Its command line.
        args: &'m str,
        /// Modules with their command lines, in order.
        modules: Vec<(&'m str, &'m str)>,
    },
    /// Another loader.
    Chainload {
        /// The file.
        path: &'m str,
        /// Its command line.
        args: &'m str,
    },
    /// Back to the firmware.
    Exit,
    /// The firmware's settings.
    FirmwareSetup,
    /// The machine anew.
    Reboot,
    /// The machine off.
    PowerOff,
}

/// Checks every entry of the outermost menu, and gives what was found with the index of its entry.
pub fn check_each(
    menu: &Menu,
    check: impl Fn(&MenuEntry, &mut Vec<OptionProblem>),
) -> Vec<(usize, OptionProblem)> {
    let mut problems = Vec::new();
    for (index, entry) in menu.entries.iter().enumerate() {
        let mut found = Vec::new();
        check(entry, &mut found);
        problems.extend(found.into_iter().map(|problem| (index, problem)));
    }
    problems
}

/// The index of the entry that starts by itself: the named one, else the first.
pub fn default_index(menu: &Menu) -> Option<usize> {
    match &menu.default {
        None => (!menu.entries.is_empty()).then_some(0),
        Some(name) => menu.entries.iter().position(|entry| entry.name == *name),
    }
}

/// The index of the entry that starts by itself, in a menu in which a check `found` these problems.
///
/// # Errors
/// These problems, and one when there is no such entry.
pub fn sound_default(menu: &Menu, found: Vec<(usize, OptionProblem)>) -> Result<usize, Failure> {
    let mut problems: Vec<Problem> = found.into_iter().map(|(_, problem)| as_problem(problem)).collect();
    let default = default_index(menu);
    if default.is_none() {
        problems.push(Problem::new("menu-default-missing", "the menu's default is none of its entries"));
    }
    default.filter(|_| problems.is_empty()).ok_or_else(|| problems.into())
}

/// What is told of a menu in which nothing is left to start when the tries of the entry that starts by itself are used up. What is
/// left are the entries after it; those before it, too, when the menu `wraps`.
pub fn without_fallback(menu: &Menu, wraps: bool) -> Option<(usize, OptionProblem)> {
    let first = default_index(menu)?;
    let entry = Some(&menu.entries[first]).filter(|entry| entry.tries.is_some())?;
    let left = if wraps { &menu.entries[..] } else { &menu.entries[first + 1..] };
    if left.iter().any(|entry| entry.entries.is_empty() && entry.tries.is_none()) {
        return None;
    }
    let message = format!(
        "no entry without `tries` comes after `{}`, so it is started also when none of its tries is left",
        entry.name
    );
    Some((
        first,
        problem(message, "put an entry without `tries` after it, or make another one the `default`"),
    ))
}

/// Reads an entry that is no submenu.
///
/// # Errors
/// Everything that cannot be, whatever the loader: nothing or two things to start, a module without a kernel.
pub fn start(entry: &MenuEntry) -> Result<Start<'_>, Vec<OptionProblem>> {
    let (mut found, mut problems) = (None, Vec::new());
    for action in &entry.actions {
        match (read(action), &mut found) {
            (Some(start), None) => found = Some(start),
            (Some(_), Some(_)) => problems.push(problem(
                "an entry starts one kernel or loader, and this one starts more".to_owned(),
                "make it two entries",
            )),
            (None, Some(start)) => problems.extend(add(start, action).err()),
            (None, None) => problems.push(beside(action)),
        }
    }
    match found {
        Some(start) if problems.is_empty() => Ok(start),
        None if problems.is_empty() => {
            let message = format!("the entry `{}` starts nothing", entry.name);
            Err(vec![problem(message, "give it `linux`, `multiboot` or `chainload`")])
        }
        _ => Err(problems),
    }
}

/// What an action starts by itself; `None` for those that add to what is started.
fn read(action: &BootAction) -> Option<Start<'_>> {
    Some(match action {
        BootAction::Multiboot { path, args } => {
            Start::Multiboot { version: 1, path, args, modules: Vec::new() }
        }
        BootAction::Multiboot2 { path, args } => {
            Start::Multiboot { version: 2, path, args, modules: Vec::new() }
        }
        BootAction::Linux { path, args } => {
            Start::Linux { path, args, initrds: Vec::new(), device_tree: None }
        }
        BootAction::Chainload { path, args } => Start::Chainload { path, args },
        BootAction::Exit => Start::Exit,
        BootAction::FirmwareSetup => Start::FirmwareSetup,
        BootAction::Reboot => Start::Reboot,
        BootAction::PowerOff => Start::PowerOff,
        BootAction::Module { .. } | BootAction::Initrd { .. } | BootAction::DeviceTree { .. } => return None,
    })
}

/// Adds what is loaded beside it.
fn add<'m>(start: &mut Start<'m>, action: &'m BootAction) -> Result<(), OptionProblem> {
    match (start, action) {
        (Start::Multiboot { modules, .. }, BootAction::Module { path, args }) => modules.push((path, args)),
        (Start::Linux { initrds, .. }, BootAction::Initrd { paths }) => {
            initrds.extend(paths.iter().map(String::as_str));
        }
        (Start::Linux { device_tree: tree @ None, .. }, BootAction::DeviceTree { path }) => {
            *tree = Some(path);
        }
        (Start::Linux { .. }, BootAction::DeviceTree { .. }) => {
            return Err(problem("a kernel takes one device tree".to_owned(), "leave one out"));
        }
        (_, action) => return Err(beside(action)),
    }
    Ok(())
}

/// The complaint about something that has nothing to lie beside.
fn beside(action: &BootAction) -> OptionProblem {
    let (what, kernel, help) = match action {
        BootAction::Module { .. } => ("a module", "a multiboot kernel", "put `multiboot` before it"),
        BootAction::Initrd { .. } => ("an initrd", "a Linux kernel", "put `linux` before it"),
        _ => ("a device tree", "a Linux kernel", "put `linux` before it"),
    };
    problem(format!("{what} is loaded beside {kernel}, and there is none before it"), help)
}

fn problem(message: String, help: &str) -> OptionProblem {
    OptionProblem { option: None, message, help: Some(help.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(actions: Vec<BootAction>) -> MenuEntry {
        MenuEntry { name: "a".into(), title: "A".into(), actions, ..MenuEntry::default() }
    }

    fn linux() -> BootAction {
        BootAction::Linux { path: "/k".into(), args: "x".into() }
    }

    #[test]
    fn what_lies_beside_a_kernel_is_collected() {
        let initrd = |path: &str| BootAction::Initrd { paths: vec![path.into()] };
        let tree = BootAction::DeviceTree { path: "/d".into() };
        let linux = entry(vec![linux(), initrd("/a"), tree, initrd("/b")]);
        let expected =
            Start::Linux { path: "/k", args: "x", initrds: vec!["/a", "/b"], device_tree: Some("/d") };
        assert_eq!(start(&linux), Ok(expected));
        let module = BootAction::Module { path: "/m".into(), args: "y".into() };
        let kernel = BootAction::Multiboot2 { path: "/k".into(), args: String::new() };
        let multiboot = entry(vec![kernel, module]);
        let expected = Start::Multiboot { version: 2, path: "/k", args: "", modules: vec![("/m", "y")] };
        assert_eq!(start(&multiboot), Ok(expected));
    }

    #[test]
    fn what_makes_no_sense_is_named_all_at_once() {
        let module = BootAction::Module { path: "/m".into(), args: String::new() };
        let tree = || BootAction::DeviceTree { path: "/d".into() };
        for (actions, count, part) in [
            (vec![], 1, "starts nothing"),
            (vec![module.clone()], 1, "none before it"),
            (vec![linux(), module, BootAction::Exit], 2, "starts more"),
            (vec![linux(), tree(), tree()], 1, "one device tree"),
        ] {
            let entry = entry(actions);
            let problems = start(&entry).expect_err("refused");
            assert_eq!(problems.len(), count, "{problems:?}");
            assert!(problems.iter().any(|problem| problem.message.contains(part)), "{problems:?}");
        }
    }
}
