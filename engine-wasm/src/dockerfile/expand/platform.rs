//! Platforms as `containerd/platforms` reads and writes them: `linux/amd64`, `linux/arm/v7`, `windows(10.0.17763)/amd64`.

use std::fmt;

use crate::golang::quote::quote;

/// An operating system and a processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// `linux`
    pub os: String,
    /// `amd64`
    pub architecture: String,
    /// `v7`; mostly empty.
    pub variant: String,
    /// Of Windows; mostly empty.
    pub os_version: String,
    /// Of Windows; mostly none.
    pub os_features: Vec<String>,
}

impl Default for Platform {
    fn default() -> Self {
        Self::new("linux", "amd64")
    }
}

const SYSTEMS: [&str; 17] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "windows",
    "zos",
];

const PROCESSORS: [&str; 24] = [
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "armbe",
    "arm64",
    "arm64be",
    "ppc64",
    "ppc64le",
    "loong64",
    "mips",
    "mipsle",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "ppc",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
];

const COMPONENT: &str = "^[A-Za-z0-9_.-]+$";
const SYSTEM: &str = r"^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$";

impl Platform {
    /// A platform without a variant.
    pub fn new(os: &str, architecture: &str) -> Self {
        Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: String::new(),
            os_version: String::new(),
            os_features: Vec::new(),
        }
    }

    /// Reads a platform. What is not said is taken from `host`.
    ///
    /// # Errors
    /// The text of `containerd/platforms`.
    pub fn parse(text: &str, host: &Self) -> Result<Self, String> {
        if text.contains('*') {
            return Err(format!("{}: wildcards not yet supported: invalid argument", quote(text)));
        }
        let parts: Vec<&str> = text.splitn(4, '/').collect();
        let component = |part: &&str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        };
        let mut out = system(parts[0], text)?;
        if let Some(part) = parts[1..].iter().find(|part| !component(part)) {
            return Err(format!(
                "{} is an invalid component of {}: platform specifier component must match {}: invalid argument",
                quote(part),
                quote(text),
                quote(COMPONENT)
            ));
        }
        match parts.as_slice() {
            [_] if SYSTEMS.contains(&out.os.as_str()) => {
                out.architecture.clone_from(&host.architecture);
                if host.architecture == "arm" && host.variant != "v7" {
                    out.variant.clone_from(&host.variant);
                }
            }
            [one] => {
                out.set_processor(one, "");
                if !PROCESSORS.contains(&out.architecture.as_str()) {
                    return Err(format!("{}: unknown operating system or architecture: invalid argument", quote(text)));
                }
                out.os.clone_from(&host.os);
            }
            [_, architecture] => out.set_processor(architecture, ""),
            [_, architecture, variant] => {
                (out.architecture, out.variant) = processor(architecture, variant);
                if out.architecture == "arm64" && out.variant.is_empty() {
                    out.variant = "v8".to_owned();
                }
            }
            _ => return Err(format!("{}: cannot parse platform specifier: invalid argument", quote(text))),
        }
        Ok(out)
    }

    fn set_processor(&mut self, architecture: &str, variant: &str) {
        (self.architecture, self.variant) = processor(architecture, variant);
        if self.architecture == "arm" && self.variant == "v7" {
            self.variant.clear();
        }
    }

    /// The same with the usual spellings, as messages show it.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let os = match self.os.to_ascii_lowercase().as_str() {
            "macos" => "darwin".to_owned(),
            os => os.to_owned(),
        };
        let (architecture, variant) = processor(&self.architecture, &self.variant);
        Self { os, architecture, variant, ..self.clone() }
    }

    /// Without the version and features of the system.
    pub fn short(&self) -> String {
        if self.os.is_empty() {
            return "unknown".to_owned();
        }
        let parts = [&self.os, &self.architecture, &self.variant];
        parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("/")
    }
}

/// `os[(version[+feature…])]`
fn system(part: &str, text: &str) -> Result<Platform, String> {
    let invalid = || {
        format!(
            "{} is an invalid OS component of {}: OSAndVersion specifier component must match {}: invalid argument",
            quote(part),
            quote(text),
            quote(SYSTEM)
        )
    };
    let (name, options) = match part.split_once('(') {
        Some((name, options)) => (name, Some(options.strip_suffix(')').ok_or_else(invalid)?)),
        None => (part, None),
    };
    let name_ok = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let option_ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'%' | b'-' | b'+');
    if !name_ok || options.is_some_and(|options| !options.bytes().all(option_ok)) {
        return Err(invalid());
    }
    let mut pieces = options.unwrap_or_default().split('+');
    let version = pieces.next().unwrap_or_default();
    let mut features = Vec::new();
    for piece in pieces {
        if piece.is_empty() {
            return Err(invalid());
        }
        let feature = decode(piece).map_err(|error| {
            format!("{} has invalid OS features: invalid os feature {}: {error}", quote(text), quote(piece))
        })?;
        features.push(feature);
    }
    let version = decode(version)
        .map_err(|error| format!("{} has an invalid OS version {}: {error}", quote(text), quote(version)))?;
    let os = match name.to_ascii_lowercase().as_str() {
        "macos" => "darwin".to_owned(),
        os => os.to_owned(),
    };
    Ok(Platform { os_version: version, os_features: features, ..Platform::new(&os, "") })
}

/// `%2B` and its like.
fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit =
            |at: usize| after.get(at).and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        let (Some(high), Some(low)) = (digit(0), digit(1)) else {
            let shown = String::from_utf8_lossy(&text.as_bytes()[text.len() - after.len() - 1..]);
            let shown: String = shown.chars().take(3).collect();
            return Err(format!("invalid URL escape {}", quote(shown)));
        };
        bytes.push(high * 16 + low);
        rest = &after[2..];
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn processor(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = (architecture.to_ascii_lowercase(), variant.to_ascii_lowercase());
    let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
        ("i386", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64" | "amd64", variant) => ("amd64", variant),
        ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
        ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
        ("aarch64" | "arm64", variant) => ("arm64", variant),
        ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
        ("armel", _) | ("arm", "6") => ("arm", "v6"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "8") => ("arm", "v8"),
        other => other,
    };
    (architecture.to_owned(), variant.to_owned())
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.os_version.is_empty() && self.os_features.is_empty() {
            return f.write_str(&self.short());
        }
        let mut options = self.os_version.replace('%', "%25");
        for feature in &self.os_features {
            options.push('+');
            options.push_str(feature);
        }
        let with_options = Self { os: format!("{}({options})", self.os), ..self.clone() };
        f.write_str(&with_options.short())
    }
}
