//! Placeholders in run blocks: `CONTAINER_ID` and `IMAGE_ID` (or `<image ID>`) stand for the newest container and image of the node.
//! Here they are found and filled; who asks the node's engine is the page's business.

use std::collections::BTreeMap;

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The newest container, running or not.
    Container,
    /// The newest image.
    Image,
}

impl Kind {
    /// What to tell a reader who has none yet.
    #[must_use]
    pub fn none_yet(self) -> &'static str {
        match self {
            Kind::Container => {
                "There is no container on this node yet. Run the steps above first, then this block can fill in its ID."
            }
            Kind::Image => {
                "There is no image on this node yet. Run the steps above first, then this block can fill in its ID."
            }
        }
    }

    /// Path and query below the node's `docker/` that list what this stands for, newest first or not.
    #[must_use]
    pub fn query(self) -> &'static str {
        match self {
            Kind::Container => "containers/json?all=1&limit=1",
            Kind::Image => "images/json",
        }
    }
}

/// Spellings found in tutorials. None is part of another.
const SPELLINGS: [(&str, Kind); 8] = [
    ("<CONTAINER_ID>", Kind::Container),
    ("<container ID>", Kind::Container),
    ("<container id>", Kind::Container),
    ("CONTAINER_ID", Kind::Container),
    ("<IMAGE_ID>", Kind::Image),
    ("<image ID>", Kind::Image),
    ("<image id>", Kind::Image),
    ("IMAGE_ID", Kind::Image),
];

/// The placeholders in a text, each kind once.
#[must_use]
pub fn kinds(text: &str) -> Vec<Kind> {
    let mut found: Vec<Kind> = pieces(text).filter_map(|(_, kind)| kind).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The text with every placeholder whose kind has a value replaced by it.
#[must_use]
pub fn fill(text: &str, values: &BTreeMap<Kind, String>) -> String {
    pieces(text)
        .map(|(piece, kind)| match kind.and_then(|kind| values.get(&kind)) {
            Some(value) => value.as_str(),
            None => piece,
        })
        .collect()
}

/// The short id of the newest entry in an answer of the engine's `containers/json` or `images/json`, if there is any.
#[must_use]
pub fn newest(answer: &serde_json::Value) -> Option<String> {
    let newest = answer
        .as_array()?
        .iter()
        // `max_by_key` takes the last of equals; the engine lists the newest first.
        .rev()
        .max_by_key(|entry| entry["Created"].as_i64())?;
    let id = newest["Id"].as_str()?;
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    Some(hex.chars().take(12).collect())
}

/// Cuts a text into pieces that are a placeholder or are free of them.
fn pieces(text: &str) -> impl Iterator<Item = (&str, Option<Kind>)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let next = SPELLINGS
            .iter()
            .filter_map(|(name, kind)| whole(rest, name).map(|at| (at, *name, *kind)))
            .min_by_key(|(at, name, _)| (*at, usize::MAX - name.len()));
        let (length, kind) = match next {
            None => (rest.len(), None),
            Some((0, name, kind)) => (name.len(), Some(kind)),
            Some((at, ..)) => (at, None),
        };
        if length == 0 {
            return None;
        }
        let (piece, left) = rest.split_at(length);
        rest = left;
        Some((piece, kind))
    })
}

/// Where `name` stands in `text` as a word of its own: `MY_IMAGE_ID` and `$IMAGE_ID` are somebody's variables.
fn whole(text: &str, name: &str) -> Option<usize> {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || c == '{';
    text.match_indices(name).find_map(|(at, _)| {
        let before = text[..at].chars().next_back().is_some_and(word);
        let after = text[at + name.len()..].chars().next().is_some_and(word);
        (!before && !after || name.starts_with('<')).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values() -> BTreeMap<Kind, String> {
        BTreeMap::from([(Kind::Container, "4f1c2b3a4d5e".to_owned()), (Kind::Image, "9a8b7c6d5e4f".to_owned())])
    }

    #[test]
    fn every_spelling_is_filled() {
        for (text, wanted) in [
            ("docker container diff CONTAINER_ID", "docker container diff 4f1c2b3a4d5e"),
            ("docker image tag <IMAGE_ID> ourfiglet", "docker image tag 9a8b7c6d5e4f ourfiglet"),
            ("docker image history <image ID>", "docker image history 9a8b7c6d5e4f"),
            ("docker rm CONTAINER_ID; docker rmi IMAGE_ID", "docker rm 4f1c2b3a4d5e; docker rmi 9a8b7c6d5e4f"),
        ] {
            assert_eq!(fill(text, &values()), wanted);
        }
    }

    #[test]
    fn shell_variables_are_left_alone() {
        for text in ["echo $IMAGE_ID", "echo ${CONTAINER_ID}", "MY_IMAGE_ID=3", "IMAGE_IDS"] {
            assert_eq!(kinds(text), []);
            assert_eq!(fill(text, &values()), text);
        }
    }

    #[test]
    fn each_kind_is_asked_for_once() {
        assert_eq!(kinds("IMAGE_ID CONTAINER_ID IMAGE_ID"), [Kind::Container, Kind::Image]);
    }

    #[test]
    fn the_newest_entry_gives_its_short_id() {
        let images = json!([
            {"Id": "sha256:1111111111111111", "Created": 100},
            {"Id": "sha256:2222222222222222", "Created": 300},
            {"Id": "sha256:3333333333333333", "Created": 200},
        ]);
        assert_eq!(newest(&images).as_deref(), Some("222222222222"));
        let same = json!([{"Id": "aaaaaaaaaaaaaaaa", "Created": 5}, {"Id": "b", "Created": 5}]);
        assert_eq!(newest(&same).as_deref(), Some("aaaaaaaaaaaa"));
        assert_eq!(newest(&json!([])), None);
        assert_eq!(newest(&json!({"message": "no"})), None);
    }
}
