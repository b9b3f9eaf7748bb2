//! Numbers of partitions: those that were asked for, and the next free ones in order.

use std::collections::BTreeMap;

use imgc_plan::{kind::TableTraits, layout::PartRole};

use crate::{
    decode::Cx,
    diagnostic::{Diagnostic, Span},
    model::disk::Disk,
};

/// The number of each partition; `None` when one is wrong, which is reported. Logical ones follow the slots of the table in their order, as their chain counts them.
pub fn numbers(cx: &Cx<'_>, disk: &Disk, rules: &TableTraits) -> Option<Vec<u32>> {
    let mut taken: BTreeMap<u32, Span> = BTreeMap::new();
    let mut wrong = false;
    for part in disk.partitions.iter().filter(|part| part.listed && part.role == PartRole::Primary) {
        let Some(number) = part.number else { continue };
        if number.value > rules.slots {
            wrong = true;
            let message = format!("the table has {} entries", rules.slots);
            cx.report(Diagnostic::error("bad-number", number.span, message));
        } else if let Some(first) = taken.insert(number.value, number.span) {
            wrong = true;
            let message = format!("two partitions ask for number {}", number.value);
            let found = Diagnostic::error("duplicate-number", number.span, message);
            cx.report(found.also(first, "first here"));
        }
    }
    let mut free = (1..=rules.slots).filter(|number| !taken.contains_key(number));
    let mut logical = rules.slots;
    let mut numbers = Vec::with_capacity(disk.partitions.len());
    for part in &disk.partitions {
        let number = match (part.role, part.number) {
            _ if !part.listed => Some(0),
            (PartRole::Primary, Some(number)) => Some(number.value),
            (PartRole::Primary, None) => free.next(),
            (PartRole::Logical, asked) => {
                logical += 1;
                if let Some(asked) = asked.filter(|asked| asked.value != logical) {
                    wrong = true;
                    let message = format!("this logical partition can only have number {logical}");
                    let found = Diagnostic::error("bad-number", asked.span, message);
                    cx.report(found.help("logical partitions are numbered in their order"));
                }
                Some(logical)
            }
        };
        if number.is_none() {
            let message = format!("the table has {} entries, and all are taken", rules.slots);
            cx.report(Diagnostic::error("too-many-partitions", part.name.span, message));
        }
        numbers.push(number);
    }
    numbers.into_iter().collect::<Option<_>>().filter(|_| !wrong)
}
