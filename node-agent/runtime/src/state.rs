//! A container's record under the runtime's root directory: `ROOT/ID/{state.json,config.json,exec.fifo}`, and what it says about the container now.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::cgroups::Cgroup;
use crate::error::{Context, Error, Result};

/// A container's runtime status (runtime-spec, "State").
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being made; not yet to be started.
    Creating,
    /// Waiting for `start`.
    Created,
    /// Its program runs.
    Running,
    /// Its program has ended.
    Stopped,
    /// Its cgroup is frozen.
    Paused,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Status::Creating => "creating",
            Status::Created => "created",
            Status::Running => "running",
            Status::Stopped => "stopped",
            Status::Paused => "paused",
        })
    }
}

/// What `state ID` prints (runtime-spec, "State", with runc's additions).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Version of the runtime specification.
    pub oci_version: String,
    /// The container's id.
    pub id: String,
    /// Host process id of the container's init; 0 when stopped.
    #[serde(default)]
    pub pid: u32,
    /// Where it is in its life.
    pub status: Status,
    /// Absolute path of the bundle.
    pub bundle: PathBuf,
    /// Absolute path of the root file system.
    #[serde(default)]
    pub rootfs: PathBuf,
    /// When it was created, RFC 3339.
    #[serde(default)]
    pub created: String,
    /// `annotations` of the bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<HashMap<String, String>>,
    /// Name of the creating user, as runc has it.
    #[serde(default)]
    pub owner: String,
}

/// The record on disk.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) pid: i32,
    /// Field 22 of /proc/PID/stat: tells the process from a later one of the same number.
    pub(crate) start_time: u64,
    pub(crate) bundle: PathBuf,
    pub(crate) rootfs: PathBuf,
    pub(crate) created: String,
    pub(crate) annotations: Option<HashMap<String, String>>,
    pub(crate) cgroup: Cgroup,
    /// False until `create` has finished.
    pub(crate) ready: bool,
    /// Process id and start time of the `create` that makes it: when that is gone before `ready`, what is there is a leftover.
    #[serde(default)]
    pub(crate) creator: (i32, u64),
}

/// One container's directory.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) id: String,
    pub(crate) path: PathBuf,
}

/// Refuses ids that could leave the root directory or that runc refuses.
pub(crate) fn check_id(id: &str) -> Result<()> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"_+-.".contains(&b);
    if id.is_empty() || id == "." || id == ".." || id.len() > 1024 || !id.bytes().all(good) {
        return Err(Error::Spec(format!("invalid container id {id:?}: use letters, digits and _ + - . only")));
    }
    Ok(())
}

impl Directory {
    /// The directory of `id`, whether it exists or not.
    pub(crate) fn new(root: &Path, id: &str) -> Result<Directory> {
        check_id(id)?;
        Ok(Directory { id: id.to_owned(), path: root.join(id) })
    }

    /// Makes it; an existing one means that the id is taken.
    pub(crate) fn create(&self) -> Result<()> {
        if let Some(root) = self.path.parent() {
            fs::create_dir_all(root).context(|| format!("create the runtime's root directory {}", root.display()))?;
        }
        match fs::create_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Error::Exists(self.id.clone())),
            other => other.context(|| format!("create {}", self.path.display())),
        }
    }

    pub(crate) fn fifo(&self) -> PathBuf {
        self.path.join("exec.fifo")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path.join("config.json")
    }

    /// Writes the record so that a reader sees the old or the new one, never half.
    pub(crate) fn save(&self, record: &Record) -> Result<()> {
        let (file, temporary) = (self.path.join("state.json"), self.path.join("state.json.new"));
        let json = serde_json::to_vec(record).map_err(|e| Error::Spec(format!("encode {}: {e}", file.display())))?;
        fs::write(&temporary, json).context(|| format!("write {}", temporary.display()))?;
        fs::rename(&temporary, &file).context(|| format!("rename {} to {}", temporary.display(), file.display()))
    }

    /// Reads the record.
    pub(crate) fn load(&self) -> Result<Record> {
        let file = self.path.join("state.json");
        let json = match fs::read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NotFound(self.id.clone()));
            }
            other => other.context(|| format!("read {}", file.display()))?,
        };
        serde_json::from_slice(&json)
            .map_err(|e| Error::Spec(format!("{} is damaged ({e}): delete --force the container", file.display())))
    }

    /// A creation that ended before the container was whole, without cleaning up.
    pub(crate) fn abandoned(&self) -> bool {
        self.load().is_ok_and(|record| {
            !record.ready && !alive(record.creator.0, record.creator.1) && !alive(record.pid, record.start_time)
        })
    }

    /// Removes the directory and all in it; not being there is fine.
    pub(crate) fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.context(|| format!("remove {}", self.path.display())),
        }
    }

    /// The status now, from the record, the process table and the freezer.
    pub(crate) fn status(&self, record: &Record) -> Status {
        if !record.ready && alive(record.creator.0, record.creator.1) {
            Status::Creating
        } else if !alive(record.pid, record.start_time) {
            Status::Stopped
        } else if !record.ready {
            Status::Creating
        } else if self.fifo().exists() {
            Status::Created
        } else if record.cgroup.frozen() {
            Status::Paused
        } else {
            Status::Running
        }
    }

    /// The answer to `state`.
    pub(crate) fn state(&self, record: &Record) -> State {
        let status = self.status(record);
        State {
            oci_version: crate::spec::VERSION.to_owned(),
            id: record.id.clone(),
            pid: if status == Status::Stopped { 0 } else { record.pid as u32 },
            status,
            bundle: record.bundle.clone(),
            rootfs: record.rootfs.clone(),
            created: record.created.clone(),
            annotations: record.annotations.clone(),
            owner: if nix::unistd::geteuid().is_root() { "root".into() } else { nix::unistd::geteuid().to_string() },
        }
    }
}

/// Process state letter and start time from /proc/PID/stat.
pub(crate) fn stat(pid: Pid) -> Option<(char, u64)> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_stat(line: &str) -> Option<(char, u64)> {
    // The command's name stands in parentheses and may itself hold spaces and parentheses: go from the last one.
    let mut fields = line[line.rfind(')')? + 1..].split_ascii_whitespace();
    let letter = fields.next()?.chars().next()?;
    Some((letter, fields.nth(18)?.parse().ok()?))
}

pub(crate) fn alive(pid: i32, start_time: u64) -> bool {
    pid > 0
        && stat(Pid::from_raw(pid)).is_some_and(|(letter, start)| start == start_time && !matches!(letter, 'Z' | 'X'))
}

/// The time now as RFC 3339 in UTC with nanoseconds.
pub(crate) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    rfc3339(since.as_secs(), since.subsec_nanos())
}

fn rfc3339(seconds: u64, nanoseconds: u32) -> String {
    // Days to a civil date in the proleptic Gregorian calendar, counting eras of 400 years from 1 March 0000.
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanoseconds:09}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_leave_the_root_directory() {
        for bad in ["", ".", "..", "a/b", "a b", "ä"] {
            assert!(check_id(bad).is_err(), "{bad:?}");
        }
        assert!(check_id("web_1.2+x-y").is_ok());
    }

    #[test]
    fn a_process_name_with_parentheses_does_not_confuse_the_start_time() {
        let line = "42 (a) b) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 777 1 1";
        assert_eq!(parse_stat(line), Some(('S', 777)));
    }

    #[test]
    fn times_are_rfc3339() {
        assert_eq!(rfc3339(0, 0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(951_782_400, 5), "2000-02-29T00:00:00.000000005Z");
        assert_eq!(rfc3339(1_772_323_200, 0), "2026-03-01T00:00:00.000000000Z");
    }
}
