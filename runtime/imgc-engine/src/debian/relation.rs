//! Relations between packages: `Depends: a (>= 1), b | c:any` (Debian Policy 7.1).

use std::cmp::Ordering;

use super::version;

/// One alternative of a dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relation {
    /// The package's name.
    pub name: String,
    /// The versions that will do; `None`: any.
    pub versions: Option<(Operator, String)>,
}

/// How a version must stand to the one that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

impl Relation {
    /// Whether a version of the package satisfies it.
    pub(crate) fn accepts(&self, candidate: &str) -> bool {
        let Some((operator, wanted)) = &self.versions else { return true };
        let order = version::compare(candidate, wanted);
        match operator {
            Operator::Earlier => order == Ordering::Less,
            Operator::EarlierOrEqual => order != Ordering::Greater,
            Operator::Equal => order == Ordering::Equal,
            Operator::LaterOrEqual => order != Ordering::Less,
            Operator::Later => order == Ordering::Greater,
        }
    }
}

/// Every alternative of every dependency of a field, in order. What cannot be understood is left out.
pub(crate) fn parse(field: &str) -> Vec<Relation> {
    field.split([',', '|']).filter_map(one).collect()
}

fn one(text: &str) -> Option<Relation> {
    let text = text.split('[').next()?.trim();
    let (name, rest) = text.split_once('(').unwrap_or((text, ""));
    let name = name.trim().split(':').next()?.to_owned();
    if name.is_empty() {
        return None;
    }
    let Some(versions) = rest.trim().strip_suffix(')') else {
        return rest.is_empty().then_some(Relation { name, versions: None });
    };
    // `<` and `>` alone are an old way to write `<=` and `>=`.
    let operators = [
        ("<<", Operator::Earlier),
        ("<=", Operator::EarlierOrEqual),
        (">=", Operator::LaterOrEqual),
        (">>", Operator::Later),
        ("=", Operator::Equal),
        ("<", Operator::EarlierOrEqual),
        (">", Operator::LaterOrEqual),
    ];
    let (operator, wanted) = operators
        .iter()
        .find_map(|(sign, operator)| Some((*operator, versions.trim().strip_prefix(sign)?)))?;
    Some(Relation { name, versions: Some((operator, wanted.trim().to_owned())) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_are_read() {
        let found = parse(
            "linux-image-6.1.0-56 (= 6.1.140-1), a:any (>= 1:2) | b [amd64],\n c (<<2~), broken (2), d",
        );
        let names: Vec<_> = found.iter().map(|relation| relation.name.as_str()).collect();
        assert_eq!(names, ["linux-image-6.1.0-56", "a", "b", "c", "d"]);
        assert_eq!(found[0].versions, Some((Operator::Equal, "6.1.140-1".into())));
        assert!(found[1].accepts("1:2") && found[1].accepts("2:0") && !found[1].accepts("3"));
        assert!(found[3].accepts("2~~") && !found[3].accepts("2~"));
        assert!(found[2].accepts("anything"));
        assert!(parse("").is_empty());
    }
}
