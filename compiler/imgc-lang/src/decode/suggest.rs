//! "Did you mean": the nearest of the names that are known.

/// A help that names the nearest known name, or lists them all when there are few and none is near.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    let near = |other: &str| {
        let distance = distance(&name.to_lowercase(), &other.to_lowercase());
        let letters = name.chars().count().max(other.chars().count());
        (distance <= (letters / 3).max(1) && distance < letters).then_some(distance)
    };
    let best = known.iter().filter_map(|other| Some((near(other)?, *other))).min();
    match best {
        Some((_, best)) => Some(format!("did you mean `{best}`?")),
        None if known.is_empty() => None,
        None => Some(format!("there {} {}", if known.len() == 1 { "is" } else { "are" }, list(&known))),
    }
}

/// Names in a row: "`a`, `b` and `c`".
pub fn list<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Names to choose from: "`a`, `b` or `c`".
pub fn either<S: AsRef<str>>(names: &[S]) -> String {
    let list = list(names);
    match list.rfind(" and `") {
        Some(at) => format!("{} or {}", &list[..at], &list[at + 5..]),
        None => list,
    }
}

/// How many letters must be changed, added, dropped or swapped with their neighbour to make one of the other
/// (optimal string alignment). Long words are cut: nobody means them.
fn distance(a: &str, b: &str) -> usize {
    const MOST: usize = 40;
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(MOST).collect(), b.chars().take(MOST).collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered_and_far_ones_listed() {
        assert_eq!(did_you_mean("lable", ["label", "size"]).as_deref(), Some("did you mean `label`?"));
        assert_eq!(did_you_mean("Label", ["label"]).as_deref(), Some("did you mean `label`?"));
        assert_eq!(did_you_mean("x", ["label", "size"]).as_deref(), Some("there are `label` and `size`"));
        assert_eq!(did_you_mean("x", []), None);
        assert_eq!(did_you_mean("x", ["y"]).as_deref(), Some("there is `y`"));
        assert_eq!(either(&["a", "b", "c"]), "`a`, `b` or `c`");
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
