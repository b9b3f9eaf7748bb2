//! Texts with marks in them, where facts stand that are known only later: the root hash of a filesystem in a kernel's arguments.
//!
//! A mark is a name between two characters of a private plane of Unicode, which no manifest can hold. In a manifest's model the
//! name is the fact's, as `main.root.uuid`; in a step it is the index of the input that is the fact.

use crate::data::Data;

/// What begins a mark.
pub const OPEN: char = '\u{f0000}';

/// What ends it.
pub const CLOSE: char = '\u{f0001}';

/// A mark with this name.
pub fn mark(name: &str) -> String {
    format!("{OPEN}{name}{CLOSE}")
}

/// Whether a text holds one of the two characters.
pub fn is_marked(text: &str) -> bool {
    text.contains([OPEN, CLOSE])
}

/// The names in a text, in order.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(OPEN).skip(1).filter_map(|part| part.split_once(CLOSE).map(|(name, _)| name))
}

/// Puts something in the place of each mark.
///
/// # Errors
/// The first that `fill` gives.
pub fn fill<E>(text: &str, mut fill: impl FnMut(&str) -> Result<String, E>) -> Result<String, E> {
    let mut parts = text.split(OPEN);
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(CLOSE).unwrap_or((part, ""));
        filled.push_str(&fill(name)?);
        filled.push_str(rest);
    }
    Ok(filled)
}

/// Puts something in the place of each mark of every text in a value.
///
/// # Errors
/// The first that `with` gives.
pub fn fill_data<E>(data: &Data, with: &mut impl FnMut(&str) -> Result<String, E>) -> Result<Data, E> {
    Ok(match data {
        Data::Text(text) => Data::Text(fill(text, &mut *with)?),
        Data::List(list) => {
            Data::List(list.iter().map(|item| fill_data(item, with)).collect::<Result<_, E>>()?)
        }
        Data::Map(map) => {
            let filled = map.iter().map(|(name, item)| Ok((name.clone(), fill_data(item, with)?)));
            Data::Map(filled.collect::<Result<_, E>>()?)
        }
        other => other.clone(),
    })
}

/// A fact as it stands in a text; `None` for lists and records.
pub fn text_of(fact: &Data) -> Option<String> {
    match fact {
        Data::Text(text) => Some(text.clone()),
        Data::Int(number) => Some(number.to_string()),
        Data::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_and_filled() {
        let text = format!("root={} x{}", mark("a.b"), mark("7"));
        assert_eq!(names(&text).collect::<Vec<_>>(), ["a.b", "7"]);
        let filled = fill(&text, |name| Ok::<_, ()>(format!("<{name}>")));
        assert_eq!(filled.as_deref(), Ok("root=<a.b> x<7>"));
        assert_eq!(fill("plain", |_| Err(())).as_deref(), Ok("plain"));
        assert_eq!(fill(&text, |name| Err::<String, _>(name.to_owned())), Err("a.b".to_owned()));
        assert!(is_marked(&text) && !is_marked("root={{a}}"));
    }

    #[test]
    fn every_text_of_a_value_is_filled() {
        let data = Data::List(vec![Data::Text(mark("0")), Data::Int(3)]);
        let filled = fill_data(&data, &mut |name| Ok::<_, ()>(name.repeat(2))).expect("filled");
        assert_eq!(filled, Data::List(vec!["00".into(), Data::Int(3)]));
        assert_eq!(text_of(&Data::Int(-1)).as_deref(), Some("-1"));
        assert_eq!(text_of(&data), None);
    }
}
