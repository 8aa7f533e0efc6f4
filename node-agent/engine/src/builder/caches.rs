//! The directories of `RUN --mount=type=cache`, which outlive builds: when they were used, which of them `docker builder prune`
//! removes, and how `docker system df` shows them. These are all that the API's build cache is here: the images of steps are images.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::clock;
use crate::containers::names::random_hex;
use crate::engine::{Engine, lock};
use crate::error::{Error, Result};
use crate::filters::Filters;

/// What BuildKit calls such a cache.
const KIND: &str = "exec.cachemount";
/// How the notes' names end.
const NOTES: &str = "json";

/// How often each directory is mounted now.
static USED: Mutex<Option<HashMap<PathBuf, usize>>> = Mutex::new(None);

/// Keeps a cache from being pruned while it lives.
#[derive(Debug)]
pub(super) struct Use(PathBuf);

impl Drop for Use {
    fn drop(&mut self) {
        // Not `lock`: this may run while a thread panics.
        let mut used = USED.lock().unwrap_or_else(PoisonError::into_inner);
        let used = used.get_or_insert_default();
        if let Some(count) = used.get_mut(&self.0) {
            *count -= 1;
            if *count == 0 {
                used.remove(&self.0);
            }
        }
    }
}

/// What is known of a cache beside its files.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Notes {
    description: String,
    created: String,
    used: String,
    uses: u64,
}

/// A cache.
#[derive(Debug, Clone)]
struct Cached {
    id: String,
    path: PathBuf,
    size: u64,
    in_use: bool,
    notes: Notes,
}

/// Where caches are kept.
fn root(engine: &Engine) -> PathBuf {
    engine.config.data_root.join("builder").join("cache")
}

/// The directory of the cache with this `id=`.
pub(super) fn place(engine: &Engine, id: &str) -> PathBuf {
    root(engine).join(hex::encode(Sha256::digest(id)))
}

/// A name beside a cache's for one that is not whole yet.
pub(super) fn unfinished(place: &Path) -> PathBuf {
    place.with_extension(format!("new-{}", random_hex(8)))
}

/// Counts the cache as used until the value returned is dropped.
pub(super) fn begin(place: &Path) -> Use {
    *lock(&USED).get_or_insert_default().entry(place.to_owned()).or_default() += 1;
    Use(place.to_owned())
}

/// Notes that a step mounts the cache at `target`. Blocking.
///
/// # Errors
/// When the disk is full.
pub(super) fn note(place: &Path, target: &str) -> Result<()> {
    let now = clock::now_string();
    let mut notes = read_notes(place);
    if notes.created.is_empty() {
        notes.created.clone_from(&now);
    }
    notes.description = format!("cached mount {target}");
    notes.used = now;
    notes.uses += 1;
    let whole = unfinished(place);
    std::fs::write(&whole, serde_json::to_vec(&notes).map_err(Error::internal)?)?;
    Ok(std::fs::rename(whole, place.with_extension(NOTES))?)
}

/// Those of a cache; one that was killed before it had any begins anew.
fn read_notes(place: &Path) -> Notes {
    let text = std::fs::read(place.with_extension(NOTES)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Removes what was not finished when the engine was killed.
pub(super) fn sweep(engine: &Engine) {
    for entry in std::fs::read_dir(root(engine)).into_iter().flatten().flatten() {
        let path = entry.path();
        let extension = path.extension().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
        let without = extension == NOTES && !path.with_extension("").is_dir();
        if extension.starts_with("new-") || without {
            // What stays is tried again at the next start.
            let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        }
    }
}

fn list(engine: &Engine) -> Vec<Cached> {
    let Ok(entries) = std::fs::read_dir(root(engine)) else { return Vec::new() };
    let dirs = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_none());
    let mut all: Vec<Cached> = dirs
        .filter_map(|path| {
            let mut notes = read_notes(&path);
            if notes.created.is_empty() {
                let changed = std::fs::metadata(&path).ok()?.modified().ok()?;
                notes.created = clock::rfc3339_nano(changed.into());
            }
            let id = path.file_name()?.to_string_lossy().into_owned();
            let in_use = lock(&USED).get_or_insert_default().contains_key(&path);
            Some(Cached { id, size: crate::volumes::size_of(&path), in_use, notes, path })
        })
        .collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}

/// All of them, as `/system/df` shows its build cache.
#[must_use]
pub fn usage(engine: &Engine) -> Vec<Value> {
    list(engine).iter().map(Cached::to_json).collect()
}

impl Cached {
    fn to_json(&self) -> Value {
        let used = if self.notes.used.is_empty() { Value::Null } else { json!(self.notes.used) };
        json!({
            "ID": self.id, "Type": KIND, "Description": self.notes.description, "InUse": self.in_use, "Shared": false,
            "Size": self.size, "CreatedAt": self.notes.created, "LastUsedAt": used, "UsageCount": self.notes.uses,
        })
    }

    /// When it was last used, or else made.
    fn last(&self) -> Option<OffsetDateTime> {
        clock::parse(&self.notes.used).or_else(|| clock::parse(&self.notes.created))
    }
}

/// What `POST /build/prune` is asked to remove, and how many bytes it is to leave.
#[derive(Debug, Clone, Default)]
pub struct Prune {
    /// Only what has not been used since.
    until: Option<OffsetDateTime>,
    /// Fields and the values that they must have.
    fields: Vec<(&'static str, String)>,
    /// Bytes that stay in any case.
    pub reserved: u64,
    /// Bytes that all of them may take; 0 for no such limit.
    pub most: u64,
    /// Bytes of the disk that are to be free; 0 for no such limit.
    pub free: u64,
}

impl Prune {
    /// Reads the filters; such as are for other resources mean nothing here, as in moby.
    ///
    /// # Errors
    /// moby's texts for several values of one and for what is no time.
    pub fn new(filters: &Filters) -> Result<Self> {
        let (until, unused) = (filters.get("until"), filters.get("unused-for"));
        if !until.is_empty() && !unused.is_empty() {
            return Err(Error::bad("conflicting filters: \"until\" and \"unused-for\""));
        }
        let (key, values) = if unused.is_empty() { ("until", until) } else { ("unused-for", unused) };
        let mut prune = Self { until: one(values)?.map(|text| time_of(key, text)).transpose()?, ..Self::default() };
        for field in ["id", "parent", "type", "description", "inuse", "shared", "private"] {
            prune.fields.extend(one(filters.get(field))?.map(|value| (field, value.to_owned())));
        }
        Ok(prune)
    }

    fn wants(&self, cache: &Cached) -> bool {
        let young = self.until.is_some_and(|until| cache.last().is_some_and(|last| last > until));
        !young
            && self.fields.iter().all(|(field, value)| match *field {
                "id" => cache.id.contains(value.as_str()),
                "type" => value == KIND,
                "description" => *value == cache.notes.description,
                "inuse" => *value == cache.in_use.to_string(),
                "shared" => value == "false",
                "private" => value == "true",
                // None has a parent.
                _ => value.is_empty(),
            })
    }

    /// How many of `total` bytes are to stay; nothing said, none.
    fn keep(&self, total: u64, free: u64) -> u64 {
        let lacking = self.free.saturating_sub(free);
        let keep = match (self.most, lacking) {
            (most, 0) => most,
            (0, lacking) => total.saturating_sub(lacking),
            (most, lacking) => most.min(total.saturating_sub(lacking)),
        };
        keep.max(self.reserved)
    }
}

fn one(values: &[String]) -> Result<Option<&str>> {
    match values {
        [] => Ok(None),
        [value] => Ok(Some(value)),
        _ => Err(Error::bad("filters expect only one value")),
    }
}

fn time_of(key: &str, text: &str) -> Result<OffsetDateTime> {
    let wrong = |e: &str| Error::bad(format!("\"{key}\" filter expects a duration (e.g., '24h') or a timestamp: {e}"));
    let seconds =
        engine_wasm::cli::when::timestamp(text, clock::now().unix_timestamp_nanos()).map_err(|e| wrong(&e))?;
    clock::parse_api(&seconds).ok_or_else(|| wrong(&seconds))
}

/// `POST /build/prune`: removes caches that no build uses now, the least recently used first, as long as there are more bytes than are
/// to stay. Gives their names and bytes. Blocking.
///
/// # Errors
/// When one cannot be removed.
pub fn prune(engine: &Engine, prune: &Prune) -> Result<(Vec<String>, u64)> {
    let mut all = list(engine);
    let mut total: u64 = all.iter().map(|cache| cache.size).sum();
    let free = rustix::fs::statvfs(&engine.config.data_root).map_or(u64::MAX, |disk| disk.f_bavail * disk.f_frsize);
    let keep = prune.keep(total, free);
    let unlimited = prune.most == 0 && prune.free == 0 && prune.reserved == 0;
    all.sort_by_key(|cache| (cache.last(), cache.notes.uses));
    let (mut names, mut bytes) = (Vec::new(), 0);
    for cache in all.into_iter().filter(|cache| prune.wants(cache)) {
        if !unlimited && total <= keep {
            break;
        }
        // From here on no step begins to use it: it makes one of its own.
        let gone = unfinished(&cache.path);
        {
            let mut used = lock(&USED);
            if used.get_or_insert_default().contains_key(&cache.path) {
                continue;
            }
            std::fs::rename(&cache.path, &gone)?;
        }
        let _ = std::fs::remove_file(cache.path.with_extension(NOTES));
        std::fs::remove_dir_all(gone)?;
        total -= cache.size;
        bytes += cache.size;
        names.push(cache.id);
    }
    Ok((names, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(text: &str) -> Result<Prune> {
        Prune::new(&Filters::parse(text).unwrap())
    }

    fn cached(used: &str) -> Cached {
        let notes = Notes { description: "cached mount /c".into(), used: used.into(), uses: 1, ..Notes::default() };
        Cached { id: "abc".into(), path: PathBuf::new(), size: 5, in_use: false, notes }
    }

    #[test]
    fn filters_choose_and_are_refused_in_mobys_words() {
        let old = cached("2020-01-01T00:00:00Z");
        for (text, wanted) in [
            ("", true),
            (r#"{"until":["24h"]}"#, true),
            (r#"{"unused-for":["2019-01-01"]}"#, false),
            (r#"{"id":["b"]}"#, true),
            (r#"{"type":["regular"]}"#, false),
            (r#"{"type":["exec.cachemount"],"inuse":["false"]}"#, true),
            (r#"{"shared":["true"]}"#, false),
            (r#"{"label":["a"]}"#, true),
        ] {
            assert_eq!(filters(text).unwrap().wants(&old), wanted, "{text}");
        }
        assert!(!filters(r#"{"until":["1h"]}"#).unwrap().wants(&cached(&clock::now_string())));
        let error = |text| filters(text).unwrap_err().message;
        assert_eq!(error(r#"{"until":["1h","2h"]}"#), "filters expect only one value");
        assert_eq!(
            error(r#"{"until":["1h"],"unused-for":["2h"]}"#),
            "conflicting filters: \"until\" and \"unused-for\""
        );
        let text = error(r#"{"until":["soon"]}"#);
        assert!(text.starts_with("\"until\" filter expects a duration (e.g., '24h') or a timestamp: "), "{text}");
    }

    #[test]
    fn what_stays_is_the_least_of_the_limits_and_at_least_what_is_reserved() {
        let keep = |reserved, most, free| Prune { reserved, most, free, ..Prune::default() }.keep(100, 10);
        assert_eq!(
            [keep(0, 0, 0), keep(30, 0, 0), keep(0, 60, 0), keep(0, 0, 5), keep(0, 0, 30), keep(0, 90, 30)],
            [0, 30, 60, 0, 80, 80]
        );
        assert_eq!(keep(85, 90, 30), 85);
    }
}
