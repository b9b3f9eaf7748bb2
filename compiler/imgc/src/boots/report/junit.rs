//! JUnit's XML, as the servers of continuous integration read it.

use imgc_lang::Compilation;

use super::{of, said};
use crate::boots::{End, Verdict};

/// All verdicts as one document: a suite for each test, a case for each machine.
pub fn junit(compilation: &Compilation, verdicts: &[Verdict]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for suite in verdicts.chunk_by(|a, b| a.test == b.test) {
        let name = &of(compilation, &suite[0]).0.name;
        let failed = suite.iter().filter(|verdict| !verdict.is_good()).count();
        let time: u128 = suite.iter().map(millis).sum();
        out.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" time=\"{}\">\n",
            escaped(name),
            suite.len(),
            seconds(time)
        ));
        suite.iter().for_each(|verdict| case(compilation, verdict, &mut out));
        out.push_str("  </testsuite>\n");
    }
    out + "</testsuites>\n"
}

fn case(compilation: &Compilation, verdict: &Verdict, out: &mut String) {
    let (test, case) = of(compilation, verdict);
    out.push_str(&format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
        escaped(&test.name),
        escaped(&case.title()),
        seconds(millis(verdict))
    ));
    let Some(said) = said(verdict) else { return out.push_str("/>\n") };
    out.push_str(&format!(">\n      <failure message=\"{}\"/>\n", escaped(&said.message)));
    if let Some(log) = &said.log {
        out.push_str(&format!("      <system-out>{}</system-out>\n", escaped(log)));
    }
    out.push_str("    </testcase>\n");
}

/// How long this run waited for it: not at all when it is remembered.
fn millis(verdict: &Verdict) -> u128 {
    if matches!(verdict.end, End::Remembered) { 0 } else { verdict.time.as_millis() }
}

fn seconds(millis: u128) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// Text in XML 1.0, section 2.2: characters that it has no form for become question marks.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            sign if sign < ' ' || matches!(sign, '\u{fffe}' | '\u{ffff}') => out.push('?'),
            sign => out.push(sign),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(escaped("a<b>\"&\u{1}\n"), "a&lt;b&gt;&quot;&amp;?&#10;");
        assert_eq!(seconds(61_007), "61.007");
    }
}
