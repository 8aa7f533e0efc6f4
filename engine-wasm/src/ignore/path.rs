//! Paths as Go's `path/filepath` handles them on Linux: text only.

/// The shortest equal path (`filepath.Clean`): no `.`, no doubled `/`, `..` resolved where that can be done; `.` for nothing.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(part),
            },
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// All but the last element, cleaned (`filepath.Dir`).
pub fn dir(path: &str) -> String {
    clean(path.rfind('/').map_or("", |at| path.get(..=at).unwrap_or_default()))
}

/// The last element (`filepath.Base`): without trailing slashes; `.` for nothing, `/` for the root.
pub fn base(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match (path.is_empty(), trimmed.is_empty()) {
        (true, _) => ".",
        (_, true) => "/",
        _ => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}

/// `a/b` joined and cleaned (`filepath.Join`): empty parts are passed over, nothing at all gives the empty path.
pub fn join(a: &str, b: &str) -> String {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => String::new(),
        (true, false) => clean(b),
        (false, true) => clean(a),
        (false, false) => clean(&format!("{a}/{b}")),
    }
}

/// The first `depth` elements of a path, when it has that many.
pub(super) fn prefix(path: &str, depth: usize) -> Option<&str> {
    match path.match_indices('/').nth(depth.checked_sub(1)?) {
        Some((at, _)) => path.get(..at),
        None => (path.split('/').count() == depth).then_some(path),
    }
}
