//! The examples' plans as text.

use imgc_lang::Settings;

use crate::{blessing, compile, examples, folder, pinned};

fn plan(text: &str, settings: Settings) -> String {
    let settings = pinned(text, settings);
    let compilation = compile(text, &settings);
    assert!(compilation.diagnostics.is_empty(), "{:#?}", compilation.diagnostics);
    let plan = compilation.plan.expect("a plan");
    assert_eq!(compilation.origins.len(), plan.steps.len(), "each step has an origin");
    for (step, origin) in plan.steps.iter().zip(&compilation.origins) {
        if let imgc_plan::Op::Compose(compose) = &step.op {
            assert_eq!(compose.ops.len(), origin.ops.len(), "each operation of `{}` has a place", step.label);
        }
    }
    plan.print()
}

fn compare(name: &str, plan: &str) {
    let path = folder("golden").join(format!("{name}.txt"));
    if blessing() {
        std::fs::write(&path, plan).expect("a golden is written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == plan, "the plan of {name} is not its golden; it is\n{plan}");
}

#[test]
fn the_examples_have_their_plans() {
    for (name, text) in examples() {
        compare(name, &plan(&text, Settings::default()));
    }
}

#[test]
fn params_change_the_plan() {
    let examples = examples();
    let (_, lites) = examples.iter().find(|(name, _)| *name == "lites").expect("lites");
    let params = vec![
        ("kernel".to_owned(), "/opt/odd[name]*/mach.gz".to_owned()),
        ("size".to_owned(), "64MiB".to_owned()),
        ("kernel-args".to_owned(), String::new()),
    ];
    let text = plan(lites, Settings { params, ..Settings::default() });
    compare("lites-params", &text);
    assert!(!text.contains("gnumach-image"), "a package that nothing needs is not fetched");
}
