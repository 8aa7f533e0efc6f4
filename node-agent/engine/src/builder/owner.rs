//! `--chown`: numbers, or names looked up in the image's own `/etc/passwd` and `/etc/group`, with Docker's sentences.

use std::path::Path;

use crate::error::{Error, Result};
use crate::rootfs;

/// A user and a group.
pub(crate) type Owner = (u32, u32);

/// Reads `user[:group]` against the root of the image; without a group, the group of the same name or number.
///
/// # Errors
/// For names that are not there.
pub(crate) fn parse(text: &str, root: &Path) -> Result<Owner> {
    lookup(text, |file| rootfs::read(root, file))
        .map_err(|e| e.context("unable to convert uid/gid chown string to host mapping"))
}

fn lookup(text: &str, read: impl Fn(&str) -> std::io::Result<Option<String>>) -> Result<Owner> {
    let parts: Vec<&str> = text.split(':').collect();
    let (user, group) = match parts.as_slice() {
        [user] => (*user, *user),
        [user, group] => (*user, *group),
        _ => return Err(Error::bad(format!("invalid chown string format: {text}"))),
    };
    let uid =
        find(user, "/etc/passwd", "user", &read).map_err(|e| e.context(&format!("can't find uid for user {user}")))?;
    let gid = find(group, "/etc/group", "group", &read)
        .map_err(|e| e.context(&format!("can't find gid for group {group}")))?;
    Ok((uid, gid))
}

fn find(name: &str, file: &str, what: &str, read: &impl Fn(&str) -> std::io::Result<Option<String>>) -> Result<u32> {
    if let Ok(id) = name.parse::<i64>() {
        let limit = i64::from(i32::MAX);
        let fits = u32::try_from(id).ok().filter(|_| id <= limit);
        return fits.ok_or_else(|| Error::bad("uids and gids must be in range 0-2147483647"));
    }
    let Some(text) = read(file)? else {
        return Err(Error::bad(format!("open {file}: no such file or directory")));
    };
    text.lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields[0] == name && !name.is_empty())
        .and_then(|fields| fields.get(2)?.trim().parse().ok())
        .ok_or_else(|| Error::bad(format!("no such {what}: {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(file: &str) -> std::io::Result<Option<String>> {
        Ok(Some(match file {
            "/etc/passwd" => "root:x:0:0::/:/bin/sh\napp:x:1000:1001::/:/bin/sh\n".into(),
            _ => "root:x:0:\napp:x:1001:\nwheel:x:10:app\n".into(),
        }))
    }

    #[test]
    fn names_and_numbers_are_found() {
        let owner = |text: &str| lookup(text, files).unwrap();
        assert_eq!(owner("11:22"), (11, 22));
        assert_eq!(owner("7"), (7, 7));
        assert_eq!(owner("app"), (1000, 1001));
        assert_eq!(owner("app:wheel"), (1000, 10));
        assert_eq!(owner("5:wheel"), (5, 10));
    }

    #[test]
    fn unknown_names_have_dockers_sentences() {
        let error = |text: &str| lookup(text, files).unwrap_err().message;
        assert_eq!(error("eve"), "can't find uid for user eve: no such user: eve");
        assert_eq!(error("app:eves"), "can't find gid for group eves: no such group: eves");
        assert_eq!(error("a:b:c"), "invalid chown string format: a:b:c");
        assert_eq!(error("-1"), "can't find uid for user -1: uids and gids must be in range 0-2147483647");
        let none = lookup("app", |_| Ok(None)).unwrap_err().message;
        assert_eq!(none, "can't find uid for user app: open /etc/passwd: no such file or directory");
    }
}
