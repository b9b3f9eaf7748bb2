//! What a server gives out: loaders in trees, and trees as directories.

use imgc_lang::Settings;
use imgc_plan::{
    Op, Plan,
    step::{LoaderHome, Product, Step},
    tree::TreeOp,
};

use crate::compile;

const TEXT: &str = r#"
image t
source files { dir "files" }
menu boot { entry a { linux "/boot/k" "x"; initrd "/boot/i" "/boot/k" }; entry b { linux "/boot/j" } }
tree net {
    loader { ipxe source=files menu=boot }
    copy source=files to="/boot/"
    loader { ipxe menu=boot }
}
output "net" tree=net { dir }
output "net.cpio" tree=net { cpio }
"#;

fn plan() -> Plan {
    let compilation = compile(TEXT, &Settings::default());
    assert_eq!(compilation.diagnostics, []);
    let names: Vec<&str> = compilation.outputs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["net", "net.cpio"]);
    compilation.plan.expect("a plan")
}

#[test]
fn loaders_are_laid_over_a_tree_where_they_stand_and_their_files_are_asked_for_at_the_end() {
    let plan = plan();
    let of = |wanted: fn(&Op) -> bool| plan.steps.iter().filter(move |step| wanted(&step.op));
    let loaders: Vec<&Step> = of(|op| matches!(op, Op::Loader(_))).collect();
    assert_eq!(loaders.len(), 2);
    for step in loaders {
        let Op::Loader(loader) = &step.op else { panic!("a loader") };
        assert_eq!((&loader.home, loader.product), (&LoaderHome::Network, Product::Files));
    }
    let step = of(|op| matches!(op, Op::Compose(_))).next().expect("a compose step");
    let Op::Compose(compose) = &step.op else { panic!("a compose step") };
    let paths = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
    let [TreeOp::Overlay { input: 0 }, TreeOp::Copy { .. }, TreeOp::Overlay { input: 2 }, first, second] =
        compose.ops.as_slice()
    else {
        panic!("{:?}", compose.ops)
    };
    for (op, expected) in [(first, &["/boot/i", "/boot/k"][..]), (second, &["/boot/j"])] {
        assert_eq!(*op, TreeOp::Require { paths: paths(expected), folds_case: false });
    }
}

#[test]
fn a_directory_is_an_export_of_its_tree() {
    let plan = plan();
    let exports: Vec<&Step> = plan.exports().map(|at| &plan.steps[at]).collect();
    let names: Vec<Option<&str>> = exports.iter().map(|step| step.op.artifact()).collect();
    assert_eq!(names, [Some("net"), Some("net.cpio")]);
    let Op::ExportTree(_) = &exports[0].op else { panic!("{:?}", exports[0].op) };
    assert!(matches!(plan.steps[exports[0].inputs[0].step].op, Op::Compose(_)));
    assert!(exports[0].op.is_local() && exports[0].op.kind().is_none());
}
