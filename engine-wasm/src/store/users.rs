//! `--chown` and `USER`: names become numbers by the image's own `/etc/passwd` and `/etc/group`.

use super::Error;
use super::fs::{Body, Fs};

/// The owner and the group that `user[:group]` means in a file system. A user without a group gets the group of its line, or the group of its own number.
///
/// # Errors
/// A name that the files do not have, in docker's words.
pub fn owner(fs: &Fs, spec: &str) -> Result<(u32, u32), Error> {
    let (user, group) = spec.split_once(':').map_or((spec, None), |(user, group)| (user, Some(group)));
    let (uid, mut gid) = match number(user) {
        Some(id) => (id, id),
        None if user.is_empty() => (0, 0),
        None => line(fs, "etc/passwd", user)
            .and_then(|fields| Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)))
            .ok_or_else(|| Error::NoUser(user.to_owned()))?,
    };
    if let Some(group) = group.filter(|group| !group.is_empty()) {
        gid = match number(group) {
            Some(id) => id,
            None => line(fs, "etc/group", group)
                .and_then(|fields| fields.get(2)?.parse().ok())
                .ok_or_else(|| Error::NoGroup(group.to_owned()))?,
        };
    }
    Ok((uid, gid))
}

fn number(text: &str) -> Option<u32> {
    if text == "root" { Some(0) } else { text.parse::<i32>().ok().and_then(|id| u32::try_from(id).ok()) }
}

/// The fields of the first line that begins with a name.
fn line(fs: &Fs, file: &str, name: &str) -> Option<Vec<String>> {
    let Body::File(content) = &fs.get(&fs.resolve(file).ok()?)?.body else { return None };
    let text = String::from_utf8_lossy(content.bytes());
    let fields = |line: &str| line.trim().split(':').map(str::to_owned).collect::<Vec<_>>();
    text.lines().map(fields).find(|fields| fields.first().is_some_and(|first| first == name))
}
