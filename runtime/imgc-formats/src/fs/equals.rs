//! Equal contents, found by their names in sorted lists of numbers: a map of a million names takes more memory than all that is
//! said of the files.

use std::collections::BTreeMap;

use imgc_image::Content;
use imgc_plan::BlobId;

/// For each of `count` contents the first that has the same name; `None` when all names differ. Where `content` gives none, that one
/// equals no other.
pub fn firsts<'t>(count: usize, content: impl Fn(u32) -> Option<&'t Content>) -> Option<Vec<u32>> {
    let count = u32::try_from(count).expect("because a tree has fewer than 2^32 entries");
    let id = |at: &u32| -> Option<(&'t BlobId, u64)> {
        match content(*at) {
            Some(Content::Blob { id, len }) => Some((id, *len)),
            _ => None,
        }
    };
    let mut order: Vec<u32> = (0..count).filter(|at| id(at).is_some()).collect();
    order.sort_unstable_by(|a, b| (id(a), a).cmp(&(id(b), b)));
    let mut firsts: Option<Vec<u32>> = None;
    let mut note = |at: u32, first: u32| {
        firsts.get_or_insert_with(|| (0..count).collect())[at as usize] = first;
    };
    for equal in order.chunk_by(|a, b| id(a) == id(b)) {
        equal[1..].iter().for_each(|at| note(*at, equal[0]));
    }
    // What is made of pieces is rare.
    let mut pieced = BTreeMap::new();
    for at in 0..count {
        if let Some(Content::Bytes(bytes)) = content(at) {
            let first = *pieced.entry(bytes.value_id()).or_insert(at);
            if first != at {
                note(at, first);
            }
        }
    }
    firsts
}

/// The number of each once only the first of equals are kept; takes the others out of the list.
pub fn keep_firsts<T>(list: &mut Vec<T>, firsts: &[u32]) -> Vec<u32> {
    let mut numbers = Vec::with_capacity(firsts.len());
    let mut kept = 0;
    for (at, first) in (0..).zip(firsts) {
        if at == *first {
            numbers.push(kept);
            kept += 1;
        } else {
            numbers.push(numbers[*first as usize]);
        }
    }
    let mut keep = (0..).zip(firsts).map(|(at, first): (u32, _)| at == *first);
    list.retain(|_| keep.next().unwrap_or(false));
    numbers
}

#[cfg(test)]
mod tests {
    use imgc_image::Bytes;

    use super::*;

    #[test]
    fn the_first_of_equals_is_found_and_kept() {
        let blob = |n: u8, len| Content::Blob { id: BlobId([n; 32]), len };
        let zeros = |len| Content::from(Bytes::zeros(len));
        let list = [blob(2, 5), zeros(9), blob(1, 5), blob(2, 5), blob(2, 4), zeros(9), zeros(8), blob(2, 5)];
        let found = firsts(list.len(), |at| Some(&list[at as usize])).expect("some are equal");
        assert_eq!(found, [0, 1, 2, 0, 4, 1, 6, 0]);
        let mut kept: Vec<&Content> = list.iter().collect();
        assert_eq!(keep_firsts(&mut kept, &found), [0, 1, 2, 0, 3, 1, 4, 0]);
        assert_eq!(kept, [&list[0], &list[1], &list[2], &list[4], &list[6]]);
        assert_eq!(firsts(3, |at| Some(&list[at as usize])), None);
        assert_eq!(firsts(list.len(), |at| Some(&list[at as usize]).filter(|_| at < 3)), None);
    }
}
