//! Sorting that is compiled once. The standard library's sorts are made anew for every type, five kilobytes each in a browser's download;
//! here a comparison of places is all that differs, and what is sorted are numbers.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Sorts; equal items keep their order.
pub(crate) fn sort_by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let order = permutation(items.len(), &mut |a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        // Places beyond the end are never asked for.
        _ => Ordering::Equal,
    });
    arrange(items, order);
}

/// Sorts by a key; equal items keep their order.
pub(crate) fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(items, |a, b| key(a).cmp(&key(b)));
}

/// Sorts; equal items keep their order.
pub(crate) fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, T::cmp);
}

/// A set of items, put in one by one: collecting would sort them first, by a sort of their own.
pub(crate) fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(items);
    set
}

/// A map of pairs, put in one by one as in [`set`]; of equal keys the last counts.
pub(crate) fn map<K: Ord, V>(pairs: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(pairs);
    map
}

/// Which item comes first, which second: a merge sort from the bottom up.
fn permutation(length: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut from: Vec<usize> = (0..length).collect();
    let mut to = Vec::with_capacity(length);
    let mut width = 1;
    while width < length {
        to.clear();
        for pair in from.chunks(width.saturating_mul(2)) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let (Some((a, rest_left)), Some((b, rest_right))) = (left.split_first(), right.split_first()) {
                if compare(*b, *a) == Ordering::Less {
                    to.push(*b);
                    right = rest_right;
                } else {
                    to.push(*a);
                    left = rest_left;
                }
            }
            to.extend_from_slice(left);
            to.extend_from_slice(right);
        }
        std::mem::swap(&mut from, &mut to);
        width = width.saturating_mul(2);
    }
    from
}

/// Puts the item at `order[n]` in place `n`, for every `n`, one circle of exchanges after the other.
fn arrange<T>(items: &mut [T], mut order: Vec<usize>) {
    for start in 0..order.len() {
        let mut at = start;
        loop {
            let next = std::mem::replace(&mut order[at], at);
            if next == start {
                break;
            }
            items.swap(at, next);
            at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without order, the same each time.
    fn numbers(length: usize, most: u64) -> Vec<(u64, usize)> {
        let mut state = 88_172_645_463_325_252_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % most
        };
        (0..length).map(|at| (next(), at)).collect()
    }

    #[test]
    fn it_sorts_as_the_standard_library_does() {
        for length in (0..70).chain([1000, 4096, 5001]) {
            for most in [1, 3, 1_000_000] {
                let (mut ours, mut theirs) = (numbers(length, most), numbers(length, most));
                sort_by_key(&mut ours, |(number, _)| *number);
                theirs.sort_by_key(|(number, _)| *number);
                assert_eq!(ours, theirs, "{length} items up to {most}");
            }
        }
    }

    #[test]
    fn a_comparison_that_contradicts_itself_ends_all_the_same() {
        let mut items = numbers(300, 10);
        let mut turn = 0;
        sort_by(&mut items, |_, _| {
            turn += 1;
            [Ordering::Less, Ordering::Greater, Ordering::Equal][turn % 3]
        });
        items.sort_by_key(|(_, at)| *at);
        assert_eq!(items, numbers(300, 10));
    }
}
