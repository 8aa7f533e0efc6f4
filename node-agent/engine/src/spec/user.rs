//! Who a container's process runs as: `user[:group]` looked up in the image's own `/etc/passwd` and `/etc/group`.

use crate::error::{Error, Result};

/// Ids and home of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
    /// Home directory.
    pub home: String,
}

/// Looks up `spec` (empty means root) and `extra` groups in the texts of `/etc/passwd` and `/etc/group`.
///
/// # Errors
/// Docker's sentences for unknown users and groups.
pub fn lookup(spec: &str, extra: &[String], passwd: &str, group: &str) -> Result<User> {
    let (name, group_name) = match spec.split_once(':') {
        Some((n, g)) => (n, Some(g)),
        None => (spec, None),
    };
    let wanted = if name.is_empty() { "0" } else { name };
    let entry = fields(passwd, 7).find(|f| f[0] == wanted).or_else(|| fields(passwd, 7).find(|f| f[2] == wanted));
    let (uid, mut gid, home, login) = match entry {
        Some(f) => {
            let id = |text: &str| text.parse::<u32>().unwrap_or(0);
            (id(f[2]), id(f[3]), f[5].to_owned(), Some(f[0].to_owned()))
        }
        None => match wanted.parse::<i64>() {
            Ok(id) => (checked(id)?, 0, "/".to_owned(), None),
            Err(_) => {
                return Err(Error::bad(format!("unable to find user {name}: no matching entries in passwd file")));
            }
        },
    };
    let mut groups = Vec::new();
    match group_name.filter(|g| !g.is_empty()) {
        Some(g) => gid = find_group(g, group)?,
        // Supplementary groups come from the group file only when no group is named.
        None => {
            if let Some(login) = &login {
                for f in fields(group, 4).filter(|f| f[3].split(',').any(|member| member == login)) {
                    groups.extend(f[2].parse::<u32>().ok());
                }
            }
        }
    }
    for name in extra {
        groups.push(find_group(name, group)?);
    }
    let mut all = vec![gid];
    for g in groups {
        if !all.contains(&g) {
            all.push(g);
        }
    }
    let home = if home.is_empty() { "/".to_owned() } else { home };
    Ok(User { uid, gid, groups: all, home })
}

fn find_group(name: &str, group: &str) -> Result<u32> {
    let found = fields(group, 4).find(|f| f[0] == name).and_then(|f| f[2].parse().ok());
    match (found, name.parse::<i64>()) {
        (Some(gid), _) => Ok(gid),
        (None, Ok(id)) => checked(id),
        (None, Err(_)) => Err(Error::bad(format!("unable to find group {name}: no matching entries in group file"))),
    }
}

fn checked(id: i64) -> Result<u32> {
    let limit = i64::from(i32::MAX);
    u32::try_from(id)
        .ok()
        .filter(|_| id <= limit)
        .ok_or_else(|| Error::bad("uids and gids must be in range 0-2147483647"))
}

fn fields(text: &str, count: usize) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|l| l.trim_end().split(':').collect::<Vec<_>>()).filter(move |f| f.len() >= count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1001::/home/bob:/bin/sh\n1234:x:7:7::/seven:/bin/sh\n";
    const GROUP: &str = "root:x:0:root\nwheel:x:10:root,bob\nbob:x:1001:\naudio:x:29:bob\n";

    fn find(spec: &str) -> User {
        lookup(spec, &[], PASSWD, GROUP).unwrap()
    }

    #[test]
    fn names_numbers_and_groups() {
        assert_eq!(find(""), User { uid: 0, gid: 0, groups: vec![0, 10], home: "/root".into() });
        assert_eq!(find("bob"), User { uid: 1000, gid: 1001, groups: vec![1001, 10, 29], home: "/home/bob".into() });
        assert_eq!(find("1000").home, "/home/bob");
        assert_eq!(find("bob:audio"), User { uid: 1000, gid: 29, groups: vec![29], home: "/home/bob".into() });
        assert_eq!(find("11:22"), User { uid: 11, gid: 22, groups: vec![22], home: "/".into() });
        assert_eq!(find("1234").uid, 7, "a name made of digits wins over the number");
    }

    #[test]
    fn unknown_names_get_dockers_sentences() {
        let error = |spec: &str| lookup(spec, &[], PASSWD, GROUP).unwrap_err().message;
        assert_eq!(error("eve"), "unable to find user eve: no matching entries in passwd file");
        assert_eq!(error("bob:eves"), "unable to find group eves: no matching entries in group file");
        assert_eq!(error("99999999999"), "uids and gids must be in range 0-2147483647");
    }

    #[test]
    fn added_groups_are_looked_up_too() {
        let user = lookup("0", &["audio".into(), "77".into()], PASSWD, GROUP).unwrap();
        assert_eq!(user.groups, [0, 10, 29, 77]);
    }
}
