//! What single words tell: names of secrets, modes, addresses of repositories, digests, signals (`dockerfile2llb/validations.go`, `convert_copy.go`).

/// Whether a variable's name suggests a secret.
pub(super) fn is_secret(name: &str) -> bool {
    const SECRET: [&str; 10] =
        ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];
    const HARMLESS: [&str; 3] = ["public", "file", "version"];
    // BuildKit matches without regard to case, so that the Kelvin sign and the long s count as letters.
    let name: String = name
        .chars()
        .map(|c| match c {
            '\u{212a}' => 'k',
            '\u{17f}' => 's',
            c => c.to_ascii_lowercase(),
        })
        .collect();
    let has = |words: &[&str]| name.split('_').any(|part| words.contains(&part));
    has(&SECRET) && !has(&HARMLESS)
}

/// What is wrong with a `--chmod`.
pub(super) fn mode_fault(mode: &str) -> Option<String> {
    if mode.is_empty() {
        return None;
    }
    let octal = !mode.is_empty() && mode.bytes().all(|b| (b'0'..=b'7').contains(&b));
    if octal && u32::from_str_radix(mode, 8).is_ok_and(|value| value <= 0o7777) {
        return None;
    }
    if mode.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(format!("invalid chmod parameter: '{mode}'. it should be octal string and between 0 and 07777"));
    }
    (!is_symbolic_mode(mode)).then(|| "invalid syntax".to_owned())
}

/// `u+rwx,go-w`
fn is_symbolic_mode(mode: &str) -> bool {
    mode.split(',').all(|clause| {
        let mut rest = clause.trim_start_matches(['a', 'u', 'g', 'o']);
        // One or more of: an operator, and permissions.
        if rest.is_empty() {
            return false;
        }
        while let Some(after) = rest.strip_prefix(['+', '-', '=']) {
            rest = after.trim_start_matches(['r', 's', 't', 'w', 'X', 'x', 'u', 'g', 'o']);
        }
        rest.is_empty()
    })
}

/// Where a source of `COPY` or `ADD` comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A path of the context or of a stage.
    Path,
    /// A repository.
    Git,
    /// A web page.
    Http,
}

/// Tells where a source comes from.
pub(super) fn origin(source: &str) -> Origin {
    if source.starts_with("./") || source.starts_with("../") {
        return Origin::Path;
    }
    let Some((scheme, rest)) = source.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
        return if is_scp(source) { Origin::Git } else { Origin::Path };
    };
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let path = path.find('/').map_or("", |at| &path[at..]);
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" if path.ends_with(".git") => Origin::Git,
        "http" | "https" if scheme == "http" || scheme == "https" => Origin::Http,
        "ssh" | "git" => Origin::Git,
        _ => Origin::Path,
    }
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// `user@host:path`
fn is_scp(text: &str) -> bool {
    let Some((user, rest)) = text.split_once('@') else { return false };
    let Some((host, path)) = rest.split_once(':') else { return false };
    let user_ok = user.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let host_ok = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    !user.is_empty() && !host.is_empty() && user_ok && host_ok && !path.contains('\n')
}

/// What is wrong with a digest, in the words of `opencontainers/go-digest`.
pub(super) fn digest_fault(digest: &str) -> Option<&'static str> {
    let malformed = Some("invalid checksum digest format");
    let Some((algorithm, hex)) = digest.split_once(':') else { return malformed };
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if algorithm.is_empty() || !algorithm.split(['+', '.', '-', '_']).all(is_part) || hex.is_empty() {
        return malformed;
    }
    if !hex.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'=' | b'_' | b'-')) {
        return malformed;
    }
    let size = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return Some("unsupported digest algorithm"),
    };
    if hex.len() != size {
        return Some("invalid checksum digest length");
    }
    if hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) { None } else { malformed }
}

/// Whether there is such a signal, by `moby/sys/signal` on Linux.
pub(super) fn is_signal(text: &str) -> bool {
    const NAMES: [&str; 36] = [
        "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
        "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
        "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
    ];
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse::<i64>().is_ok_and(|number| number != 0);
    }
    let upper = super::super::instructions::upper(text);
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if NAMES.contains(&name) {
        return true;
    }
    let offset = |prefix: &str, most: u32| {
        let Some(number) = name.strip_prefix(prefix) else { return false };
        !number.starts_with('0')
            && number.bytes().all(|b| b.is_ascii_digit())
            && number.parse::<u32>().is_ok_and(|n| n <= most)
    };
    offset("RTMIN+", 15) || offset("RTMAX-", 14)
}
