//! How long a partition is, or a filesystem in a file of its own: `size`, `min`, `max`, `slack` and `weight`.

use imgc_plan::{
    Kind,
    kind::Traits,
    layout::{PartSize, Slack},
};

use crate::{
    decode::{Cursor, Cx, Spanned, did_you_mean},
    diagnostic::Diagnostic,
    syntax::Value,
};

/// The largest share of what is left that a partition can ask for.
const MAX_WEIGHT: i64 = 1_000_000;

/// A size that is a multiple of the sector's.
pub fn multiple(cx: &Cx<'_>, value: &Value, sector: u64, what: &str) -> Option<Spanned<u64>> {
    let size = cx.size(value)?;
    if size.value % sector != 0 {
        let message = format!("{what} is a multiple of the sector's {sector} bytes");
        let mut found = Diagnostic::error("unaligned-size", value.span, message);
        if size.value > sector {
            let down = imgc_plan::units::format_size(size.value - size.value % sector);
            found = found.help(format!("the multiple below is \"{down}\""));
        }
        cx.report(found);
        return None;
    }
    Some(size)
}

/// `size` of a partition, with what bounds it.
pub fn size(cursor: &mut Cursor<'_>, sector: u64) -> Option<Spanned<PartSize>> {
    let cx = cursor.cx;
    let value = cursor.required("size", "write a size such as `size=\"64MiB\"`, `size=fit` or `size=fill`");
    let limits = Limits::decode(cursor);
    let value = value?;
    let text = cx.text(value, "a size in quotes such as \"64MiB\", fit or fill")?.text.as_str();
    limits.check(cx, text);
    let (min, max) = limits.range(cx)?;
    let size = match text {
        "fit" => PartSize::Fit {
            slack: limits.slack.map_or(Some(Slack::default()), |(_, slack)| slack)?,
            min,
            max,
        },
        "fill" => PartSize::Fill { weight: limits.weight.map_or(Some(1), |(_, weight)| weight)?, min, max },
        _ => exact(cx, value, text, &["fit", "fill"], sector)?,
    };
    Some(Spanned { value: size, span: value.span })
}

/// Bytes that the length of a file of its own is a multiple of.
const FILE_SECTOR: u64 = 512;

/// `size` and `slack` of a filesystem in a file of its own: as long as its content needs unless it says otherwise. `None` when
/// they are wrong, which is reported.
pub fn file_size(cursor: &mut Cursor<'_>, kind: &'static Kind) -> Option<PartSize> {
    let cx = cursor.cx;
    let (size, slack_value) = (cursor.prop("size"), cursor.prop("slack"));
    if matches!(&kind.traits, Traits::Filesystem(traits) if traits.own_length) {
        for given in [size, slack_value].into_iter().flatten() {
            let message = format!("the length of `{}` follows from its content", kind.name);
            cx.report(Diagnostic::error("unsupported-property", given.span, message));
        }
    }
    let slack = slack_value.map_or(Some(Slack::default()), |value| slack(cx, value));
    let text = match size {
        None => "fit",
        Some(value) => cx.text(value, "a size in quotes such as \"64MiB\", or fit")?.text.as_str(),
    };
    let Some(value) = size.filter(|_| text != "fit") else {
        return Some(PartSize::Fit { slack: slack?, min: 0, max: None });
    };
    if let Some(slack) = slack_value {
        let message = "`slack` means nothing without `size=fit`";
        cx.report(Diagnostic::error("pointless-property", slack.span, message));
    }
    exact(cx, value, text, &["fit"], FILE_SECTOR)
}

/// A property's value as it stands, and what it says unless it is wrong.
type Given<'a, T> = Option<(&'a Value, Option<T>)>;

/// What bounds a partition's size.
struct Limits<'a> {
    min: Given<'a, u64>,
    max: Given<'a, u64>,
    slack: Given<'a, Slack>,
    weight: Given<'a, u32>,
}

impl<'a> Limits<'a> {
    fn decode(cursor: &mut Cursor<'a>) -> Self {
        let cx = cursor.cx;
        let mut limit = |name: &'static str| {
            cursor.prop(name).map(|value| (value, cx.size(value).map(|size| size.value)))
        };
        let (min, max) = (limit("min"), limit("max"));
        let slack = cursor.prop("slack").map(|value| (value, slack(cx, value)));
        let weight = cursor.prop("weight").map(|value| {
            let weight = cx.int(value, 1, MAX_WEIGHT);
            (value, weight.and_then(|weight| u32::try_from(weight.value).ok()))
        });
        Self { min, max, slack, weight }
    }

    /// Complains about limits that mean nothing to a size like this.
    fn check(&self, cx: &Cx<'_>, size: &str) {
        let pointless = |given: Option<&Value>, name: &str, needs: &str| {
            if let Some(given) = given {
                let message = format!("`{name}` means nothing without {needs}");
                cx.report(Diagnostic::error("pointless-property", given.span, message));
            }
        };
        if size != "fit" {
            pointless(self.slack.map(|(value, _)| value), "slack", "`size=fit`");
        }
        if size != "fill" {
            pointless(self.weight.map(|(value, _)| value), "weight", "`size=fill`");
        }
        if !matches!(size, "fit" | "fill") {
            pointless(self.min.map(|(value, _)| value), "min", "`size=fit` or `size=fill`");
            pointless(self.max.map(|(value, _)| value), "max", "`size=fit` or `size=fill`");
        }
    }

    /// The least and the most; `None` when they are wrong, which is reported.
    fn range(&self, cx: &Cx<'_>) -> Option<(u64, Option<u64>)> {
        let min = self.min.map_or(Some(0), |(_, min)| min)?;
        let Some((at, max)) = self.max else { return Some((min, None)) };
        let max = max?;
        if min > max {
            let found = Diagnostic::error("conflicting-properties", at.span, "`max` is less than `min`");
            cx.report(match self.min {
                Some((value, _)) => found.also(value.span, "the least"),
                None => found,
            });
            return None;
        }
        Some((min, Some(max)))
    }
}

fn exact(cx: &Cx<'_>, value: &Value, text: &str, words: &[&'static str], sector: u64) -> Option<PartSize> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        let message = format!("`{text}` is not a size that can stand here");
        let mut found = Diagnostic::error("bad-size", value.span, message);
        let near = did_you_mean(text, words.iter().copied()).filter(|help| help.starts_with("did"));
        let all = || format!("write a size such as \"64MiB\", or {}", words.join(" or "));
        found.help.push(near.unwrap_or_else(all));
        cx.report(found);
        return None;
    }
    let size = multiple(cx, value, sector, "a size")?.value;
    if size == 0 {
        return cx.bad("bad-size", value, "a size is one sector at least".into());
    }
    Some(PartSize::Exact(size))
}

/// `"10%"` of the content, or a size.
fn slack(cx: &Cx<'_>, value: &Value) -> Option<Slack> {
    let text = cx.text(value, "a share or a size in quotes, such as \"10%\" or \"16MiB\"")?;
    let Some(percent) = text.text.strip_suffix('%') else {
        return cx.size(value).map(|size| Slack { bytes: size.value, percent: 0 });
    };
    let digits = !percent.is_empty() && percent.bytes().all(|byte| byte.is_ascii_digit());
    match percent.parse().ok().filter(|percent| digits && *percent <= 10_000) {
        Some(percent) => Some(Slack { bytes: 0, percent }),
        None => cx.bad("bad-size", value, "a share is a whole number of percent, such as \"10%\"".into()),
    }
}
