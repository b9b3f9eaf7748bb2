//! What a compilation tells beside its plan, and what plans hold in particular.

use imgc_lang::Settings;
use imgc_plan::{
    Op, Plan,
    kind::Family,
    layout::{PartSize, Slack},
    step::Keep,
    tree::{FileContent, TreeOp},
};

use crate::{compile, examples, pinned};

fn ops(tree: &str) -> Vec<TreeOp> {
    let text = format!(
        "image t\nparam odd default=\"a*b\"\nparam raw default=\"x\\\\x41\"\ntree t {{\n{tree}\nfile \"/p{{{{odd}}}}{{{{raw}}}}\"\n}}\n\
         archive a tree=t {{ cpio }}\noutput \"t.img\" archive=a\n"
    );
    let compilation = compile(&text, &Settings::default());
    assert_eq!(compilation.diagnostics, [], "{text}");
    let plan = compilation.plan.expect("a plan");
    let compose = plan.steps.iter().find_map(|step| match &step.op {
        Op::Compose(compose) => Some(compose.ops.clone()),
        _ => None,
    });
    compose.expect("a compose step")
}

fn scans(tree: &str) -> Vec<(String, Vec<String>, Vec<String>)> {
    let text = format!(
        "image t\nparam odd type=path default=\"/a[b]/c*d{{e}}\"\ntree t {{\n{tree}\nfile \"/{{{{odd}}}}\"\n}}\n\
         archive a tree=t {{ cpio }}\noutput \"t.img\" archive=a\n"
    );
    let compilation = compile(&text, &Settings::default());
    assert_eq!(compilation.diagnostics, [], "{text}");
    let steps = compilation.plan.expect("a plan").steps;
    let scan = steps.into_iter().filter_map(|step| match step.op {
        Op::Scan(scan) => Some((scan.path, scan.include, scan.exclude)),
        _ => None,
    });
    scan.collect()
}

#[test]
fn only_the_directory_before_a_glob_is_scanned() {
    let scan = |path: &str, include: &[&str], exclude: &[&str]| {
        let owned = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>();
        vec![(path.to_owned(), owned(include), owned(exclude))]
    };
    for (copy, expected) in [
        ("copy \"file\" to=\"/f\"", scan(".", &["file"], &[])),
        ("copy \"./a//b/file\" to=\"/f\"", scan("a/b", &["file"], &[])),
        ("copy \"../a/*/b.*\" to=\"/f/\"", scan("../a", &["*/b.*"], &[])),
        ("copy \"/usr/x\" to=\"/f\"", scan("/usr", &["x"], &[])),
        ("copy \"/x\" to=\"/f\"", scan("/", &["x"], &[])),
        ("copy \".\" to=\"/\"", scan(".", &[], &[])),
        ("copy \"a/..\" to=\"/\"", scan("a/..", &[], &[])),
        ("copy \"{{odd}}\" to=\"/f\"", scan("/a[b]", &["c[*]d[{]e[}]"], &[])),
        ("copy \"{{odd}}/*.o\" to=\"/f/\"", scan("/a[b]/c*d{e}", &["*.o"], &[])),
        ("copy \"a/b/*\" to=\"/f/\" { exclude \"a/b/c\" \"**/*.o\" }", scan("a/b", &["*"], &["c", "**/*.o"])),
    ] {
        assert_eq!(scans(copy), expected, "{copy}");
    }
}

#[test]
fn byte_strings_hold_any_byte_and_params_stand_for_themselves() {
    let ops = ops(
        "symlink (bytes)\"/caf\\\\xe9\" to=(bytes)\"\\\\\\\\{{raw}}\\\\x00x\\\\{{odd}}\" if=odd unless=none\n\
         file \"/f\" { content \"\\\\{{odd}} {{ odd }}\\\\x41\" }"
            .replace("\\\\x00", "\\\\xff")
            .replace(" unless=none", "")
            .as_str(),
    );
    let TreeOp::Symlink { path, target, .. } = &ops[0] else { panic!("{ops:?}") };
    assert_eq!(path.0, b"caf\xe9");
    assert_eq!(target, b"\\x\\x41\xffx{{odd}}");
    let TreeOp::File { content: FileContent::Inline(content), .. } = &ops[1] else { panic!("{ops:?}") };
    assert_eq!(content, b"{{odd}} a*b\\x41");
}

#[test]
fn attributes_of_entries_are_decoded() {
    let ops = ops(
        "dir \"/d\" \"/e\" mode=\"1777\" owner=\"3:4\" mtime=\"1980-01-01\" { xattr \"user.b\" \"2\"; xattr \"user.a\" (bytes)\"\\\\x00\" }\n\
         file \"/z\" size=\"1MiB\" dense=#true replace=#true\n\
         device \"/n\" kind=block major=8 minor=1\nfifo \"/q\"\nsocket \"/s\"\nset \"/d*\" mode=\"0700\"\nremove \"/e\"",
    );
    let TreeOp::Dir { attributes, .. } = &ops[1] else { panic!("{ops:?}") };
    assert_eq!((attributes.mode, attributes.uid, attributes.gid), (Some(0o1777), Some(3), Some(4)));
    assert_eq!(attributes.mtime, Some((315_532_800, 0)));
    assert_eq!(attributes.xattrs, [("user.a".into(), vec![0]), ("user.b".into(), b"2".to_vec())]);
    let TreeOp::File { content: FileContent::Zeros(len), attributes, replace, .. } = &ops[2] else {
        panic!("{ops:?}")
    };
    assert_eq!((*len, attributes.dense, *replace), (1 << 20, true, true));
    assert!(matches!(&ops[6], TreeOp::Set { paths, .. } if paths == "d*"));
    assert!(matches!(&ops[7], TreeOp::Remove { paths } if paths == "e"));
}

#[test]
fn a_disk_on_fat_is_stamped_with_its_start_and_waits_for_its_tree() {
    let (_, text) = &examples()[0];
    let compilation = compile(text, &Settings::default());
    let plan = compilation.plan.expect("a plan");
    let stamp = plan.steps.iter().find_map(|step| match &step.op {
        Op::Stamp(stamp) => Some((stamp.family, &step.inputs[1])),
        _ => None,
    });
    let (family, input) = stamp.expect("a stamp");
    assert_eq!(family, Family::Filesystem);
    assert_eq!(input.pick.as_deref(), Some("parts.exchange.start_sector"));
    let disk = &compilation.disks[0];
    assert!(matches!(plan.steps[disk.place].op, Op::Place(_)));
    assert_eq!(disk.parts[0].waits_for, None);
    assert_eq!(disk.parts[1].content, "ext4, tree data");
    assert_eq!(disk.parts[1].waits_for.as_deref(), Some("tree data"));
    assert_eq!(compilation.host_dependent[0].keeps, ["owner", "mode", "mtime", "xattrs", "links"]);
    assert_eq!(compilation.outputs.len(), 2);
    assert_eq!(compilation.origins[disk.place].parts.len(), 2);
}

#[test]
fn packages_keep_what_they_say_but_their_times() {
    let (_, text) = &examples()[1];
    let plan = compile(text, &pinned(text, Settings::default())).plan.expect("a plan");
    let unpack = plan.steps.iter().find_map(|step| match &step.op {
        Op::Unpack(unpack) => Some(unpack.keep),
        _ => None,
    });
    assert_eq!(unpack, Some(Keep { mtime: false, ..Keep::ALL }));
}

#[test]
fn the_epoch_is_the_manifests_then_the_environments_then_1980() {
    let epoch = |image: &str, params: &[(&str, &str)], environment: Option<i64>| {
        let text = format!(
            "param e type=int default=7\n{image}\ntree t {{ file \"/{{{{e}}}}\" }}\narchive a tree=t {{ cpio }}\noutput \"a.img\" archive=a\n"
        );
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let compilation = compile(&text, &Settings { params, epoch: environment, ..Settings::default() });
        assert_eq!(compilation.diagnostics, []);
        compilation.plan.expect("a plan").epoch
    };
    assert_eq!(epoch("image t", &[], None), 315_532_800);
    assert_eq!(epoch("image t", &[], Some(5)), 5);
    assert_eq!(epoch("image t epoch=\"1970-01-02\"", &[], Some(5)), 86_400);
    assert_eq!(epoch("image t epoch=\"{{e}}\"", &[], Some(5)), 7);
    assert_eq!(epoch("image t epoch=\"{{e}}\"", &[("e", "9")], Some(5)), 9);
}

#[test]
fn ids_come_from_the_seed_and_the_place() {
    let text = |image: &str| {
        format!("{image}\ndisk d {{ gpt; partition p size=\"1MiB\" {{ ext4 }} }}\noutput \"d.img\" disk=d\n")
    };
    let print = |image: &str| compile(&text(image), &Settings::default()).plan.expect("a plan").print();
    let is_uuid = |text: &str| imgc_plan::ids::uuid_bytes(text).is_some();
    let uuids = |print: &str| -> Vec<String> {
        let lines = print.lines().filter(|line| !line.contains("type_code"));
        let texts = lines.filter_map(|line| line.split('"').nth(1)).filter(|text| is_uuid(text));
        texts.map(str::to_owned).collect()
    };
    let (a, b) = (uuids(&print("image a")), uuids(&print("image b")));
    assert!(a.iter().zip(&b).all(|(a, b)| a != b));
    assert_eq!(a, uuids(&print("image b seed=\"a\"")));
    let mut once = a.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), 3, "partition, filesystem and disk: {a:?}");
}

#[test]
fn only_what_the_wanted_outputs_need_is_planned() {
    let (_, text) = &examples()[0];
    let only = vec!["data.img".to_owned()];
    let compilation = compile(text, &Settings { only, ..Settings::default() });
    assert_eq!(compilation.outputs.len(), 1);
    assert_eq!(compilation.plan.expect("a plan").exports().count(), 1);
}

#[test]
fn params_are_told_of() {
    let (_, text) = &examples()[2];
    let params = vec![("size".to_owned(), "1024MiB".to_owned())];
    let compilation = compile(text, &pinned(text, Settings { params, ..Settings::default() }));
    let size = &compilation.params[0];
    assert_eq!((size.name.as_str(), size.ty), ("size", "size"));
    assert_eq!((size.default.as_deref(), size.value.as_deref()), (Some("512MiB"), Some("1GiB")));
    assert_eq!(compilation.requests.len(), 2);
}

#[test]
fn partitions_are_numbered_in_order_around_those_that_ask() {
    let text = r#"
        image t
        disk d size="64MiB" {
            mbr
            partition a number=2 size="1MiB" type=linux
            partition b role=logical size="1MiB" type=linux
            partition c role=logical size="1MiB" type=swap
            partition d start="32MiB" align="4MiB" size="1MiB" type="A5"
        }
        output "d.img" disk=d
    "#;
    let compilation = compile(text, &Settings::default());
    assert_eq!(compilation.diagnostics, []);
    let spec = &compilation.disks[0].spec;
    let numbers: Vec<u32> = spec.parts.iter().map(|part| part.number).collect();
    assert_eq!(numbers, [2, 5, 6, 1]);
    assert_eq!((spec.parts[3].start, spec.parts[3].align), (Some(32 << 20), 4 << 20));
    assert_eq!(spec.parts[3].type_code, "a5");
    assert_eq!(spec.parts[3].uuid, None);
}

#[test]
fn conditions_choose_nodes_everywhere_they_can_stand() {
    let text = "image t\nparam q type=bool default=#false\nparam label default=\"\"\ntree t { file \"/a\" if=q; file \"/b\" unless=q }\n\
                menu m { entry x if=q { linux \"/x\" }; entry y { linux \"/y\" if=q; linux \"/z\" unless=q } }\n\
                source g { dir \"g\" }\ndisk d size=\"64MiB\" {\n gpt\n partition p size=fit { ext4 tree=t if=q; ext2 tree=t unless=q }\n\
                partition l size=\"1MiB\" if=label type=linux name=\"{{label}}\"\n\
                loader { grub platform=i386-pc source=g partition=p menu=m } }\n\
                output \"d.img\" disk=d { raw if=q; qcow2 unless=q }\noutput \"e.img\" disk=d if=q\n";
    let names = |params: &[(&str, &str)]| {
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let compilation = compile(text, &Settings { params, ..Settings::default() });
        assert_eq!(compilation.diagnostics, []);
        let print = compilation.plan.expect("a plan").print();
        let outputs: Vec<String> = compilation.outputs.into_iter().map(|(file, _)| file).collect();
        (print, outputs, compilation.disks[0].parts.len())
    };
    let (print, outputs, parts) = names(&[]);
    assert!(print.contains("write p (ext2)") && print.contains("\"/b\"") && !print.contains("\"/a\""));
    assert!(print.contains("\"/z\"") && !print.contains("\"/y\"") && print.contains("kind = \"qcow2\""));
    assert_eq!((outputs.len(), parts), (1, 1));
    let (print, outputs, parts) = names(&[("q", "true"), ("label", "x")]);
    assert!(print.contains("write p (ext4)") && print.contains("\"/a\"") && !print.contains("\"/b\""));
    assert!(print.contains("name = \"x\"") && print.contains("kind = \"raw\""));
    assert_eq!((outputs, parts), (vec!["d.img".to_owned(), "e.img".to_owned()], 2));
}

fn plan(text: &str) -> Plan {
    let compilation = compile(text, &pinned(text, Settings::default()));
    assert_eq!(compilation.diagnostics, [], "{text}");
    compilation.plan.expect("a plan")
}

/// The steps as `name kind <- inputs`, an input as the name of its step with the fact that is picked.
fn shape(plan: &Plan) -> Vec<String> {
    let line = |step: &imgc_plan::Step| {
        let inputs = step.inputs.iter().map(|input| {
            let pick = input.pick.as_ref().map_or(String::new(), |pick| format!(".{pick}"));
            format!(" {}{pick}", plan.steps[input.step].op.name())
        });
        let kind = step.op.kind().map_or(String::new(), |(_, kind)| format!(" {kind}"));
        format!("{}{kind} <-{}", step.op.name(), inputs.collect::<String>())
    };
    plan.steps.iter().map(line).collect()
}

#[test]
fn a_filesystem_that_decides_its_length_is_written_before_it_is_placed() {
    let text = "image t\ntree t { file \"/a\" }\ndisk d size=\"64MiB\" {\n    gpt\n    \
                partition a size=fit slack=\"1MiB\" { packed tree=t }\n    partition b size=\"1MiB\" { hybrid tree=t }\n    \
                partition c size=fill { packed tree=t compress=zstd }\n}\noutput \"t.img\" disk=d\n";
    assert_eq!(
        shape(&plan(text)),
        [
            "compose <-",
            "write packed <- compose",
            "place <- write.len",
            "write hybrid <- compose",
            "stamp hybrid <- write place.parts.b.start_sector",
            "write packed <- compose",
            "assemble gpt <- place write stamp write",
            "export raw <- assemble",
        ]
    );
}

#[test]
fn a_tree_becomes_a_file_of_any_kind_that_holds_one() {
    let text = "image t\ntree t { file \"/a\" }\noutput \"fit.vfat\" tree=t { vfat }\n\
                output \"exact.ext4\" tree=t { ext4 size=\"64MiB\" }\noutput \"own\" tree=t { hybrid }\n\
                output \"t.cpio\" tree=t { cpio compress=zstd }\n";
    let plan = plan(text);
    assert_eq!(
        shape(&plan),
        [
            "compose <-",
            "measure vfat <- compose",
            "place <- measure.len",
            "write vfat <- place.parts.whole.len compose",
            "export raw <- write",
            "place <-",
            "write ext4 <- place.parts.whole.len compose",
            "export raw <- write",
            "write hybrid <- compose",
            "export raw <- write",
            "archive cpio <- compose",
            "export raw <- archive",
        ]
    );
    let Op::Write(write) = &plan.steps[3].op else { panic!("{:?}", plan.steps[3]) };
    assert_eq!(write.options.get("sector-size"), Some(&imgc_plan::Data::Int(512)));
}

#[test]
fn the_size_of_a_file_is_what_was_said() {
    let sizes = |said: &str| {
        let plan =
            plan(&format!("image t\ntree t {{ file \"/a\" }}\noutput \"t.ext4\" tree=t {{ ext4 {said} }}\n"));
        let spec = plan.steps.into_iter().find_map(|step| match step.op {
            Op::Place(place) => Some(place.disk),
            _ => None,
        });
        spec.expect("a place step").parts.remove(0).size
    };
    let fit = |bytes, percent| PartSize::Fit { slack: Slack { bytes, percent }, min: 0, max: None };
    assert_eq!(sizes(""), fit(0, 0));
    assert_eq!(sizes("size=fit slack=\"16MiB\""), fit(16 << 20, 0));
    assert_eq!(sizes("slack=\"25%\""), fit(0, 25));
    assert_eq!(sizes("size=\"3MiB\""), PartSize::Exact(3 << 20));
}

#[test]
fn a_filesystem_in_a_file_of_its_own_has_ids_of_its_own() {
    let uuid = |file: &str| {
        let plan = plan(&format!("image t\ntree t {{ file \"/a\" }}\noutput \"{file}\" tree=t {{ ext4 }}\n"));
        let options = plan.steps.into_iter().find_map(|step| match step.op {
            Op::Write(write) => Some(write.options),
            _ => None,
        });
        options.expect("a write step").remove("uuid")
    };
    assert_ne!(uuid("a.ext4"), uuid("b.ext4"));
    let derived =
        imgc_plan::ids::uuid_text(imgc_plan::ids::derive("t", "", "output/a.ext4/filesystem", "uuid"));
    assert_eq!(uuid("a.ext4"), Some(imgc_plan::Data::Text(derived)));
}
