//! `ADD` of a git repository: what its branch or tag stands for is asked first, since the step is known by the commit; the files
//! are fetched only when the cache does not have it. Follows `source/git` of BuildKit.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::git::git;
use super::git_url::GitUrl;
use super::source::Source;
use crate::error::{Error, Result, blocking};
use crate::rootfs::Inside;

/// A repository at one commit.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    url: GitUrl,
    /// `refs/heads/main`, or the commit where nothing else was named.
    name: String,
    /// What `name` stands for: a commit, or a tag with words of its own.
    object: String,
    /// The commit.
    commit: String,
    /// `.git` is wanted, too.
    keep: bool,
    /// A directory of this build's for it.
    place: PathBuf,
}

/// `ls-remote`'s answer, line by line.
struct Advertised(Vec<(String, String)>);

impl Advertised {
    fn read(said: &str) -> Self {
        let lines = said.lines().filter_map(|line| line.split_once('\t'));
        Self(lines.map(|(object, name)| (name.to_owned(), object.to_owned())).collect())
    }

    fn object(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, object)| object.clone())
    }

    /// The branch that `HEAD` is.
    fn head(&self) -> Option<String> {
        self.0
            .iter()
            .find_map(|(name, object)| Some(object.strip_prefix("ref: ").filter(|_| name == "HEAD")?.to_owned()))
    }

    /// The whole name of a branch or tag, what it stands for, and the commit behind a tag that has words of its own. Of a branch and a
    /// tag of one name the branch is meant.
    fn find(&self, reference: &str) -> Option<(String, String, Option<String>)> {
        let whole = |prefix: &str| format!("{prefix}{}", reference.strip_prefix(prefix).unwrap_or(reference));
        let tag = whole("refs/tags/");
        for name in [whole("refs/"), whole("refs/heads/")] {
            if let Some(object) = self.object(&name) {
                let behind = self.object(&format!("{name}^{{}}")).filter(|_| name == tag);
                return Some((name, object, behind));
            }
        }
        let behind = self.object(&format!("{tag}^{{}}"));
        self.object(&tag).map(|object| (tag, object, behind))
    }
}

/// Whether a word is the whole name of a commit.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

impl Repository {
    /// Asks what the reference stands for. `place` is an empty directory that lives as long as the build.
    ///
    /// # Errors
    /// BuildKit's sentences, for a repository that is not there, has no such branch or tag, or another commit than `checksum` begins.
    pub(crate) async fn resolve(
        url: GitUrl,
        keep: Option<bool>,
        checksum: Option<&str>,
        place: PathBuf,
    ) -> Result<Self> {
        let keep = match (keep, url.keep_git_dir) {
            (Some(flag), Some(query)) if flag != query => {
                return Err(Error::bad("inconsistent keep-git-dir configuration"));
            }
            (flag, query) => query.or(flag).unwrap_or(false),
        };
        let checksum = match (checksum.unwrap_or_default(), url.checksum.as_str()) {
            (flag, query) if !flag.is_empty() && !query.is_empty() && flag != query => {
                return Err(Error::bad(format!("checksum mismatch {flag:?} != {query:?}")));
            }
            (flag, "") => flag,
            (_, query) => query,
        };
        if !checksum.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Error::bad(format!("invalid checksum {checksum} for Git URL, expected hex commit hash")));
        }
        let reference = url.reference.clone();
        let (name, object, behind) =
            if is_commit(&reference) { (reference.clone(), reference, None) } else { ask(&url, &place).await? };
        let mut candidates = std::iter::once(&object).chain(&behind);
        if !candidates.any(|known| known.starts_with(checksum)) {
            let known = behind.map_or(object.clone(), |commit| format!("{object} or {commit}"));
            return Err(Error::bad(format!("expected checksum to match {checksum}, got {known}")));
        }
        let commit = behind.unwrap_or_else(|| object.clone());
        Ok(Self { url, name, object, commit, keep, place })
    }

    /// Where the files are when they have been fetched.
    pub(crate) fn source(&self) -> Source {
        // What of the repository is in the image decides, not where it came from.
        let mut hash = format!("git:{}", if self.keep { &self.object } else { &self.commit });
        if self.keep {
            hash += &format!(".git#{}", self.name);
        }
        if !self.url.dir.is_empty() {
            hash += &format!(":{}", self.url.dir);
        }
        if !self.url.submodules {
            hash += "(skip-submodules)";
        }
        let root = self.place.join(if self.url.dir.is_empty() { "tree" } else { "part" });
        Source { root, path: PathBuf::new(), below: PathBuf::new(), hash, packed: true }
    }

    /// Fetches the commit and puts its files where [`Self::source`] says.
    ///
    /// # Errors
    /// As [`Self::resolve`], and for a directory that is not in there.
    pub(crate) async fn check_out(&self) -> Result<()> {
        let tree = self.place.join("tree");
        std::fs::create_dir(&tree)?;
        // A part of a repository is none.
        let keep = self.keep && self.url.dir.is_empty();
        let git_dir = if keep { tree.join(".git") } else { self.place.join("git") };
        let clone = Clone { repository: self, tree: &tree, git_dir: &git_dir };
        let format = if self.object.len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
        clone.run(&["init", "--quiet", format]).await?;
        clone.run(&["remote", "add", "origin", &self.url.remote]).await?;
        let failed = |e: Error| e.context(&format!("failed to fetch remote {}", self.url.shown()));
        if clone.fetch().await.is_err() {
            // A server that knows no shallow clones, a commit that is no tip, or a branch that has moved since it was asked for.
            clone
                .run(&["fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*"])
                .await
                .map_err(failed)?;
            if clone.run(&["cat-file", "-e", &self.object]).await.is_err() {
                clone.run(&["fetch", "--quiet", "origin", &self.object]).await.map_err(failed)?;
            }
        }
        clone
            .run(&["checkout", "--quiet", "--detach", &self.object])
            .await
            .map_err(|e| e.context(&format!("failed to checkout remote {}", self.url.shown())))?;
        if self.url.submodules {
            let update = ["submodule", "update", "--quiet", "--init", "--recursive"];
            if clone.run(&[&update[..], &["--depth=1"]].concat()).await.is_err() {
                let updated = clone.run(&update).await;
                updated.map_err(|e| e.context(&format!("failed to update submodules for {}", self.url.shown())))?;
            }
        }
        if keep {
            clone.run(&["remote", "set-url", "origin", &self.url.shown()]).await?;
            clone.run(&["reflog", "expire", "--all", "--expire=now"]).await?;
            let _ = std::fs::remove_file(git_dir.join("FETCH_HEAD"));
        }
        let (sub, part) = (self.url.dir.clone(), self.place.join("part"));
        blocking(move || {
            level(&tree, keep)?;
            match Inside::open(&tree, Path::new(&sub)).and_then(|found| Ok((found.metadata()?, found))) {
                Ok(_) if sub.is_empty() => Ok(()),
                Ok((meta, found)) if meta.is_dir() => Ok(std::fs::rename(std::fs::canonicalize(found.path())?, part)?),
                Ok(_) => Err(Error::bad(format!("invalid subdir {sub}: not a directory"))),
                Err(_) => Err(Error::bad(format!("invalid subdir {sub}: no such file or directory"))),
            }
        })
        .await
    }

    /// Git's words without what is secret in the address, and without this machine's directories.
    fn hide(&self, error: Error) -> Error {
        let message = error.message.replace(&self.url.remote, &self.url.shown());
        Error { message: message.replace(&*self.place.to_string_lossy(), ""), ..error }
    }
}

/// A clone that is being made.
struct Clone<'a> {
    repository: &'a Repository,
    tree: &'a Path,
    git_dir: &'a Path,
}

impl Clone<'_> {
    async fn run(&self, args: &[&str]) -> Result<String> {
        let (work, dir) = (self.tree.to_string_lossy(), self.git_dir.to_string_lossy());
        let around = ["-c", "init.defaultBranch=master", "--git-dir", &dir, "--work-tree", &work];
        git(self.tree, &[&around, args].concat()).await.map_err(|e| self.repository.hide(e))
    }

    /// Fetches nothing but the commit, under the name that it has there.
    async fn fetch(&self) -> Result<()> {
        let named = if is_commit(&self.repository.name) {
            self.repository.name.clone()
        } else {
            format!("+{0}:{0}", self.repository.name)
        };
        self.run(&["fetch", "--quiet", "--depth=1", "--no-tags", "--update-head-ok", "origin", "--", &named]).await?;
        self.run(&["cat-file", "-e", &self.repository.object]).await.map(drop)
    }
}

/// What the reference is called, stands for, and the commit behind it.
async fn ask(url: &GitUrl, place: &Path) -> Result<(String, String, Option<String>)> {
    let shown = url.shown();
    let hide = |e: Error| Error { message: e.message.replace(&url.remote, &shown), ..e };
    let failed = |e: Error| hide(e).context(&format!("failed to fetch remote {shown}"));
    if url.reference.is_empty() {
        let said = git(place, &["ls-remote", "--symref", "--", &url.remote, "HEAD"]).await.map_err(failed)?;
        let said = Advertised::read(&said);
        let object = said.0.iter().find(|(name, object)| name == "HEAD" && is_commit(object));
        return match (said.head(), object) {
            (Some(name), Some((_, object))) => Ok((name, object.clone(), None)),
            _ => Err(Error::bad(format!("could not find default branch for repository: {shown}"))),
        };
    }
    let reference = url.reference.as_str();
    let behind = format!("{reference}^{{}}");
    let said = git(place, &["ls-remote", "--", &url.remote, reference, &behind]).await.map_err(failed)?;
    Advertised::read(&said)
        .find(reference)
        .filter(|(_, object, _)| is_commit(object))
        .ok_or_else(|| Error::bad(format!("repository does not contain ref {reference}, output: {said:?}")))
}

/// Gives files the two modes that git knows, whatever this process's umask, and takes away what submodules have of `.git`.
fn level(dir: &Path, keep: bool) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let (path, meta) = (entry.path(), entry.metadata()?);
        if entry.file_name() == ".git" {
            if !keep && meta.is_file() {
                std::fs::remove_file(path)?;
            }
            continue;
        }
        let mode = meta.permissions().mode();
        if meta.is_dir() {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
            level(&path, keep)?;
        } else if meta.is_file() {
            let mode = if mode & 0o100 == 0 { 0o644 } else { 0o755 };
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_branch_before_it_is_a_tag() {
        let (one, two, three) = ("1".repeat(40), "2".repeat(40), "3".repeat(40));
        let said = format!(
            "{one}\trefs/heads/both\n{two}\trefs/tags/both\n{two}\trefs/tags/noted\n{three}\trefs/tags/noted^{{}}\n{three}\trefs/changes/1/head\n"
        );
        let said = Advertised::read(&said);
        let found = |name: &str| said.find(name);
        let is = |name: &str, object: &str, behind: Option<&str>| {
            Some((name.to_owned(), object.to_owned(), behind.map(str::to_owned)))
        };
        assert_eq!(found("both"), is("refs/heads/both", &one, None));
        assert_eq!(found("refs/tags/both"), is("refs/tags/both", &two, None));
        assert_eq!(found("tags/both"), is("refs/tags/both", &two, None));
        assert_eq!(found("noted"), is("refs/tags/noted", &two, Some(&three)));
        assert_eq!(found("refs/tags/noted"), is("refs/tags/noted", &two, Some(&three)));
        assert_eq!(found("changes/1/head"), is("refs/changes/1/head", &three, None));
        assert_eq!(found("none"), None);
    }

    #[test]
    fn the_step_is_known_by_what_of_the_repository_it_takes() {
        let hash = |text: &str, keep: bool| {
            let url = GitUrl::parse(text).unwrap().unwrap();
            let (name, object, commit) = ("refs/tags/v".to_owned(), "a".repeat(40), "b".repeat(40));
            Repository { url, name, object, commit, keep, place: PathBuf::new() }.source().hash
        };
        assert_eq!(hash("https://h/x.git#v", false), format!("git:{}", "b".repeat(40)));
        assert_eq!(hash("https://h/x.git#v", true), format!("git:{}.git#refs/tags/v", "a".repeat(40)));
        assert_eq!(
            hash("https://h/x.git?submodules=0#v:d", false),
            format!("git:{}:d(skip-submodules)", "b".repeat(40))
        );
    }

    #[test]
    fn commits_are_whole_names() {
        assert!(is_commit(&"0a".repeat(20)) && is_commit(&"f".repeat(64)));
        assert!(!is_commit(&"0A".repeat(20)) && !is_commit("abc") && !is_commit(&"g".repeat(40)));
    }
}
