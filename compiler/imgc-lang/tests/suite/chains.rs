//! Manifests of thousands of nodes that need one another.

use imgc_lang::Settings;

use crate::compile;

#[test]
fn long_chains_do_not_overflow() {
    let mut text = String::from("image chain\n");
    for at in 0..5000 {
        text.push_str(&format!("tree t{at} {{ copy tree=t{} to=\"/\" }}\n", at + 1));
    }
    text.push_str(
        "tree t5000\ndisk d { gpt; partition p size=fit { ext4 tree=t0 } }\noutput \"d.img\" disk=d\n",
    );
    let compilation = compile(&text, &Settings::default());
    assert_eq!(compilation.diagnostics, []);
    // The trees, and measure, place, write, assemble and export.
    assert_eq!(compilation.plan.expect("a plan").steps.len(), 5001 + 5);
}
