//! Tests of a manifest, lowered: which cases there are and what is expected of them.

use imgc_lang::{Compilation, Settings};
use imgc_plan::test::{Act, Bus, Chipset, Firmware, Medium, Port};

fn compile(text: &str, settings: &Settings) -> Compilation {
    let compilation = crate::compile(text, settings);
    assert!(compilation.diagnostics.is_empty(), "{:#?}", compilation.diagnostics);
    compilation
}

const MANIFEST: &str = r##"
image t
param slow type=bool default=#false
tree t { file "/a" }
disk d sector-size=4096 {
    gpt
    partition p size=fit { ext4 tree=t }
}
output "d.img" disk=d
output "t.ext4" tree=t { ext4 }
output "slow.img" disk=d if=slow
test boots timeout="90s" {
    output "d.img" "t.ext4"
    qemu firmware=bios memory="64MiB" cpus=2 { medium disk usb; bus virtio ide }
    qemu firmware=uefi bus=ide
    qemu firmware=bios bus=ide memory="64MiB" cpus=2
    reject "panic" "oops"
    expect #"^login: $"# within="5s"
    press "down" "enter"
    expect "menu" unless=slow
    end code=33
}
test again output="t.ext4" {
    qemu firmware=uefi-secure medium=network bootfile="a/b.efi" { args "-name" "x" }
    reject "never"
    boot { type "x\n"; screenshot "a.png" tolerance="2%"; power-off within="1min" }
    boot { reject "second"; expect "x" }
}
test slow output="slow.img" if=slow { qemu firmware=bios; expect "x" }
"##;

#[test]
fn each_combination_is_a_case_once() {
    let plan = compile(MANIFEST, &Settings::default()).plan.expect("a plan");
    assert_eq!(plan.tests.len(), 2, "a test whose condition does not hold is not there");
    let titles: Vec<String> = plan.tests[0].cases.iter().map(imgc_plan::test::Case::title).collect();
    let of_one = ["bios virtio", "bios ide", "bios usb", "uefi ide"];
    let expected: Vec<String> = ["d.img", "t.ext4"]
        .iter()
        .flat_map(|file| of_one.map(|machine| format!("{file} {machine}")))
        .collect();
    assert_eq!(titles, expected);
    let [disk, file] = [&plan.tests[0].cases[0], &plan.tests[0].cases[4]];
    assert_eq!((disk.machine.sector_size, file.machine.sector_size), (4096, 512));
    assert_eq!((disk.machine.memory, disk.machine.cpus), (64 << 20, 2));
    assert!(plan.exports().any(|step| step == disk.export) && disk.export != file.export);
    assert_eq!(plan.tests[0].cases[3].machine.chipset, Chipset::Pc);
}

#[test]
fn acts_stand_in_their_order_with_their_times_and_places() {
    let compilation = compile(MANIFEST, &Settings::default());
    let plan = compilation.plan.expect("a plan");
    let boot = &plan.tests[0].boots[0];
    assert_eq!(boot.rejects.len(), 2);
    assert_eq!(
        boot.acts,
        [
            Act::Expect { pattern: "^login: $".into(), on: Port::Serial, within: 5000 },
            Act::Press { keys: vec!["down".into(), "enter".into()], on: Port::Screen },
            Act::Expect { pattern: "menu".into(), on: Port::Serial, within: 90_000 },
            Act::End { within: 90_000, code: 33 },
        ]
    );
    let places = &compilation.tests[0].acts[0];
    let words: Vec<&str> = places.iter().map(|span| &MANIFEST[span.start..span.start + span.len]).collect();
    assert_eq!(words, ["expect", "press", "expect", "end"]);
    let again = &plan.tests[1];
    assert_eq!(again.boots.iter().map(|boot| boot.rejects.len()).collect::<Vec<_>>(), [1, 2]);
    assert!(matches!(&again.boots[0].acts[1], Act::Screenshot { tolerance: 20, within: 120_000, .. }));
    let machine = &again.cases[0].machine;
    assert_eq!(
        (machine.firmware, machine.medium, machine.bus),
        (Firmware::UefiSecure, Medium::Network, Bus::Virtio)
    );
    assert_eq!((machine.bootfile.as_deref(), machine.extra.len()), (Some("a/b.efi"), 2));
}

#[test]
fn tests_are_of_the_outputs_that_are_wanted_and_change_no_digest() {
    let only = Settings { only: vec!["d.img".into()], ..Settings::default() };
    let plan = compile(MANIFEST, &only).plan.expect("a plan");
    assert_eq!((plan.tests.len(), plan.tests[0].cases.len()), (1, 4));
    let without = MANIFEST.split("test boots").next().expect("a part");
    let without = without
        .replace("param slow type=bool default=#false", "")
        .replace("output \"slow.img\" disk=d if=slow", "");
    let all = compile(MANIFEST, &Settings::default()).plan.expect("a plan");
    assert_eq!(compile(&without, &Settings::default()).plan.expect("a plan").digest(), all.digest());
    let tested = MANIFEST.replace("\"d.img\" disk=d\n", "\"d.img\" disk=d tested=#true\n");
    let compilation = compile(&tested, &Settings::default());
    let plan = compilation.plan.expect("a plan");
    assert_eq!((compilation.tested.len(), plan.digest()), (1, all.digest()));
}
