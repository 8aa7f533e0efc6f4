//! Volumes of the local driver: directories under the data root, kept when containers go.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock;
use crate::containers::names::{self, random_hex};
use crate::containers::{directory, write_json};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::filters::Filters;

/// A volume.
#[derive(Debug, Clone)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Its data.
    pub mountpoint: PathBuf,
    /// What was said about it.
    pub about: About,
}

/// What lies beside a volume's data.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// RFC 3339.
    pub created: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Driver options.
    pub options: BTreeMap<String, String>,
    /// Made without a name.
    pub anonymous: bool,
}

/// All volumes; the disk is the only record.
#[derive(Debug)]
pub struct Volumes {
    dir: PathBuf,
}

/// Checks a volume's name.
///
/// # Errors
/// Docker's sentence for an invalid one.
pub fn check_name(name: &str) -> Result<()> {
    if names::is_valid(name) {
        return Ok(());
    }
    let long = if name.len() == 1 {
        "volume name is too short, names should be at least two alphanumeric characters"
    } else {
        ""
    };
    if !long.is_empty() {
        return Err(Error::bad(long));
    }
    Err(Error::bad(format!(
        "create {name}: \"{name}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are \
         allowed. If you intended to pass a host directory, use absolute path"
    )))
}

impl Volumes {
    /// The volumes under `dir`.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(dir: PathBuf) -> Result<Self> {
        directory(&dir, 0o701)?;
        Ok(Self { dir })
    }

    /// The volume of this name, if there is one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Volume> {
        if !names::is_valid(name) {
            return None;
        }
        let dir = self.dir.join(name);
        let mountpoint = dir.join("_data");
        if !mountpoint.is_dir() {
            return None;
        }
        let about = std::fs::read(dir.join("about.json")).ok().and_then(|t| serde_json::from_slice(&t).ok());
        Some(Volume { name: name.into(), mountpoint, about: about.unwrap_or_default() })
    }

    /// The volume of this name, made if it is not there.
    ///
    /// # Errors
    /// For bad names and a full disk.
    pub fn ensure(&self, engine: &Engine, name: &str, anonymous: bool) -> Result<Volume> {
        match self.get(name) {
            Some(volume) => Ok(volume),
            None => self.create(engine, name, About { anonymous, ..About::default() }),
        }
    }

    /// Makes a volume; an existing one of this name is returned as it is. An empty name asks for a random one.
    ///
    /// # Errors
    /// For bad names and a full disk.
    pub fn create(&self, engine: &Engine, name: &str, mut about: About) -> Result<Volume> {
        let random;
        let name = if name.is_empty() {
            random = random_hex(32);
            about.anonymous = true;
            random.as_str()
        } else {
            name
        };
        check_name(name)?;
        if let Some(found) = self.get(name) {
            return Ok(found);
        }
        if !about.options.is_empty() {
            return Err(Error::bad("the local driver takes no options here: a volume is a plain directory"));
        }
        if about.anonymous {
            about.labels.insert("com.docker.volume.anonymous".into(), String::new());
        }
        about.created = clock::rfc3339_nano(clock::now().replace_nanosecond(0).unwrap_or_else(|_| clock::now()));
        let dir = self.dir.join(name);
        directory(&dir, 0o701)?;
        directory(&dir.join("_data"), 0o755)?;
        write_json(&dir.join("about.json"), &about)?;
        engine.events.log("volume", "create", name, [("driver".to_owned(), "local".to_owned())].into());
        Ok(Volume { name: name.into(), mountpoint: dir.join("_data"), about })
    }

    /// Removes a volume that no container uses.
    ///
    /// # Errors
    /// Docker's sentences for none and for one in use.
    pub fn remove(&self, engine: &Engine, name: &str, force: bool) -> Result<()> {
        let Some(volume) = self.get(name) else {
            return if force { Ok(()) } else { Err(Error::not_found(format!("get {name}: no such volume"))) };
        };
        let users = users(engine, name);
        if !users.is_empty() {
            return Err(Error::conflict(format!("remove {name}: volume is in use - [{}]", users.join(", "))));
        }
        std::fs::remove_dir_all(self.dir.join(&volume.name))
            .map_err(|e| Error::internal(format!("remove {name}: {e}")))?;
        engine.events.log("volume", "destroy", name, [("driver".to_owned(), "local".to_owned())].into());
        Ok(())
    }

    /// All volumes by name.
    #[must_use]
    pub fn list(&self) -> Vec<Volume> {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut list: Vec<Volume> = entries.filter_map(|e| self.get(&e.file_name().to_string_lossy())).collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }

    /// `POST /volumes/prune`: anonymous volumes, or all with the filter `all`.
    ///
    /// # Errors
    /// For unknown filters.
    pub fn prune(&self, engine: &Engine, filters: &Filters) -> Result<Value> {
        filters.check(&["all", "label", "label!"])?;
        let all = filters.flag("all").unwrap_or(false);
        let (mut deleted, mut space) = (Vec::new(), 0);
        for volume in self.list() {
            let chosen = (all || volume.about.anonymous) && filters.labels_fit(&volume.about.labels);
            let size = if chosen { size_of(&volume.mountpoint) } else { 0 };
            if chosen && users(engine, &volume.name).is_empty() && self.remove(engine, &volume.name, false).is_ok() {
                deleted.push(volume.name);
                space += size;
            }
        }
        let deleted = if deleted.is_empty() { Value::Null } else { json!(deleted) };
        Ok(json!({ "VolumesDeleted": deleted, "SpaceReclaimed": space }))
    }
}

/// Ids of the containers that use a volume.
#[must_use]
pub fn users(engine: &Engine, name: &str) -> Vec<String> {
    let all = engine.all_containers();
    let uses = |c: &crate::containers::Container| c.data().record.mount_points.values().any(|m| m.name == name);
    all.iter().filter(|c| uses(c)).map(|c| c.id.clone()).collect()
}

/// Bytes in a directory's files.
#[must_use]
pub fn size_of(dir: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let sizes = entries.flatten().map(|e| match e.metadata() {
        Ok(m) if m.is_dir() => size_of(&e.path()),
        Ok(m) if m.is_file() => m.len(),
        _ => 0,
    });
    sizes.sum()
}

impl Volume {
    /// As the API shows it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let optional = |m: &BTreeMap<String, String>| if m.is_empty() { Value::Null } else { json!(m) };
        json!({
            "CreatedAt": self.about.created, "Driver": "local", "Labels": optional(&self.about.labels),
            "Mountpoint": self.mountpoint, "Name": self.name, "Options": optional(&self.about.options), "Scope": "local",
        })
    }
}
