//! What a word says of a git repository, as BuildKit reads it (`frontend/dockerfile/dfgitutil`): the address, the branch, tag or commit,
//! the directory, and what a query asks for. Pure: nobody is asked.

use crate::error::{Error, Result};

/// A repository, and what of it is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GitUrl {
    /// The address that git is given.
    pub(crate) remote: String,
    /// A branch, a tag, a commit; empty for the repository's own branch.
    pub(crate) reference: String,
    /// A directory without leading slash; empty for all.
    pub(crate) dir: String,
    /// `checksum=`: how the commit's name begins; empty when not given.
    pub(crate) checksum: String,
    /// `keep-git-dir=`
    pub(crate) keep_git_dir: Option<bool>,
    /// `submodules=`
    pub(crate) submodules: bool,
}

impl GitUrl {
    /// Reads a word; `None` when it is no repository.
    ///
    /// # Errors
    /// BuildKit's sentences for what a query asks.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>> {
        if text.starts_with("./") || text.starts_with("../") {
            return Ok(None);
        }
        let (address, query, fragment) = match text.split_once("://") {
            Some((scheme, rest)) if !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
                let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
                let scheme = scheme.to_ascii_lowercase();
                let path = rest.find('/').map_or("", |at| &rest[at..]);
                // A web page is a repository only by its name.
                let known = match scheme.as_str() {
                    "http" | "https" => path.ends_with(".git"),
                    "ssh" | "git" => true,
                    _ => false,
                };
                let (Some(fragment), true) = (decoded(fragment, false), known) else { return Ok(None) };
                (format!("{scheme}://{rest}"), query, fragment)
            }
            _ => {
                let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
                let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
                if !is_scp(rest) {
                    return Ok(None);
                }
                (rest.to_owned(), query, fragment.to_owned())
            }
        };
        let (reference, dir) = fragment.split_once(':').unwrap_or((&fragment, ""));
        let mut url = Self {
            remote: address,
            reference: reference.to_owned(),
            dir: clean(dir),
            submodules: true,
            ..Self::default()
        };
        url.query(query)?;
        if url.reference.starts_with('-') {
            return Err(Error::bad(format!("invalid git ref {:?}", url.reference)));
        }
        Ok(Some(url))
    }

    fn query(&mut self, query: &str) -> Result<()> {
        let mut asked: Vec<(String, String)> = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (Some(name), Some(value)) = (decoded(name, true), decoded(value, true)) else {
                return Err(Error::bad(format!("invalid URL escape in {part:?}")));
            };
            if asked.iter().any(|(known, _)| *known == name) {
                return Err(Error::bad(format!("query {name:?} has multiple values")));
            }
            asked.push((name, value));
        }
        let mut named = ("", String::new());
        for (name, value) in asked {
            if value.is_empty() && !matches!(name.as_str(), "submodules" | "keep-git-dir" | "fetch-by-commit") {
                return Err(Error::bad(format!("query {name:?} has no value")));
            }
            match name.as_str() {
                "ref" => same(&mut self.reference, value, "ref")?,
                "tag" | "branch" if !named.0.is_empty() => return Err(Error::bad("branch conflicts with tag")),
                "tag" => named = ("refs/tags/", value),
                "branch" => named = ("refs/heads/", value),
                "subdir" => same(&mut self.dir, clean(&value), "subdir")?,
                "checksum" | "commit" => self.checksum = value,
                "keep-git-dir" => self.keep_git_dir = Some(truth(&name, &value)?),
                "submodules" => self.submodules = truth(&name, &value)?,
                // A server that cannot give a commit by its name is asked for all: the result is the same.
                "fetch-by-commit" => drop(truth(&name, &value)?),
                _ => return Err(Error::bad(format!("unexpected query {name:?}"))),
            }
        }
        let (prefix, name) = named;
        if prefix.is_empty() {
            return Ok(());
        }
        let whole = if name.starts_with(prefix) { name } else { format!("{prefix}{name}") };
        same(&mut self.reference, whole, "ref")
    }

    /// The address without what is secret in it.
    pub(crate) fn shown(&self) -> String {
        let Some((scheme, rest)) = self.remote.split_once("://") else { return self.remote.clone() };
        let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        match host.rsplit_once('@') {
            Some((user, host)) if user.contains(':') => format!("{scheme}://xxxxx:xxxxx@{host}{path}"),
            // Alone it may be a token; for SSH it is a name.
            Some((_, host)) if scheme.starts_with("http") => format!("{scheme}://xxxxx@{host}{path}"),
            _ => self.remote.clone(),
        }
    }
}

fn same(known: &mut String, value: String, what: &str) -> Result<()> {
    if !known.is_empty() && *known != value {
        return Err(Error::bad(format!("{what} conflicts: {known:?} vs {value:?}")));
    }
    *known = value;
    Ok(())
}

fn truth(name: &str, value: &str) -> Result<bool> {
    match value {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(Error::bad(format!("invalid {name} value: {value:?}"))),
    }
}

/// `user@host:path`
fn is_scp(text: &str) -> bool {
    let Some((user, rest)) = text.split_once('@') else { return false };
    let Some((host, path)) = rest.split_once(':') else { return false };
    let only = |text: &str, more: &[u8]| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || more.contains(&b))
    };
    only(user, b"_") && only(host, b".") && !path.contains('\n') && !text.starts_with('-')
}

/// A path as seen from the repository's root, without leading slash.
fn clean(dir: &str) -> String {
    engine_wasm::ignore::path::clean(&format!("/{dir}")).trim_start_matches('/').to_owned()
}

/// Text with `%41` as `A`, and in a query `+` as a space.
fn decoded(text: &str, query: bool) -> Option<String> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'+' if query => b' ',
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, String, String)> {
        GitUrl::parse(text).unwrap().map(|url| (url.remote, url.reference, url.dir))
    }

    fn three(remote: &str, reference: &str, dir: &str) -> Option<(String, String, String)> {
        Some((remote.into(), reference.into(), dir.into()))
    }

    #[test]
    fn repositories_are_told_from_files_and_pages() {
        assert_eq!(read("https://h/x.git"), three("https://h/x.git", "", ""));
        assert_eq!(read("HTTPS://h/x.git#main"), three("https://h/x.git", "main", ""));
        assert_eq!(read("http://u:p@h:8/a/x.git#a/b:c/../d/"), three("http://u:p@h:8/a/x.git", "a/b", "d"));
        assert_eq!(read("git://h/x#:/sub"), three("git://h/x", "", "sub"));
        assert_eq!(read("ssh://git@h:22/x#v1%2e0"), three("ssh://git@h:22/x", "v1.0", ""));
        assert_eq!(read("git@h.org:a/b.git#main:../../up"), three("git@h.org:a/b.git", "main", "up"));
        assert_eq!(read("my_user-1@h:x?ref=v1"), three("my_user-1@h:x", "v1", ""));
        for other in [
            "https://h/x",
            "https://h/x.git/y",
            "https://h.git",
            "https://h/x?y=.git",
            "file:///x.git",
            "ftp://h/x.git",
            "./git@h:x",
            "../x.git",
            "a.git",
            "github.com/a/b",
            "a b@h:x",
            "a@h",
            "a@:x",
            "@h:x",
            "https://h/x.git#%zz",
            "",
            "-a@h:x",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn a_query_says_the_same_in_other_words() {
        let parse = |query: &str| GitUrl::parse(&format!("https://h/x.git{query}"));
        let url = parse("?branch=main&subdir=a&checksum=abc&keep-git-dir&submodules=0").unwrap().unwrap();
        assert_eq!((url.reference.as_str(), url.dir.as_str(), url.checksum.as_str()), ("refs/heads/main", "a", "abc"));
        assert_eq!((url.keep_git_dir, url.submodules), (Some(true), false));
        assert_eq!(parse("?tag=refs/tags/v1").unwrap().unwrap().reference, "refs/tags/v1");
        assert_eq!(parse("?ref=a%20b+c").unwrap().unwrap().reference, "a b c");
        for (query, why) in [
            ("?ref=a#b", "ref conflicts: \"b\" vs \"a\""),
            ("?subdir=a#:b", "subdir conflicts: \"b\" vs \"a\""),
            ("?ref=", "query \"ref\" has no value"),
            ("?ref=a&ref=b", "query \"ref\" has multiple values"),
            ("?tag=a&branch=b", "branch conflicts with tag"),
            ("?submodules=maybe", "invalid submodules value: \"maybe\""),
            ("?what=1", "unexpected query \"what\""),
            ("#--upload-pack=x", "invalid git ref \"--upload-pack=x\""),
        ] {
            assert_eq!(parse(query).unwrap_err().message, why, "{query}");
        }
    }

    #[test]
    fn what_is_secret_is_not_shown() {
        let shown = |text: &str| GitUrl::parse(text).unwrap().unwrap().shown();
        assert_eq!(shown("https://u:p@h/x.git"), "https://xxxxx:xxxxx@h/x.git");
        assert_eq!(shown("https://token@h/x.git"), "https://xxxxx@h/x.git");
        assert_eq!(shown("ssh://git@h/x"), "ssh://git@h/x");
        assert_eq!(shown("git@h:x"), "git@h:x");
    }
}
