//! Platforms: reading `--platform`, and which entry of an index fits best (containerd's `platforms` package).

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::image::ImageConfig;

/// `linux/arm64`, `linux/arm/v7`; normalised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`.
    pub architecture: String,
    /// `v7`; mostly empty.
    pub variant: String,
}

/// A text that names no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParsePlatformError(String);

impl Platform {
    /// The platform of this machine.
    #[must_use]
    pub fn host() -> Self {
        Self { os: "linux".into(), architecture: std::env::consts::ARCH.into(), variant: String::new() }.normal()
    }

    /// What an image's configuration says.
    #[must_use]
    pub fn of(config: &ImageConfig) -> Self {
        Self {
            os: config.os.clone(),
            architecture: config.architecture.clone(),
            variant: config.variant.clone().unwrap_or_default(),
        }
    }

    pub(crate) fn normal(self) -> Self {
        let (architecture, variant) = (self.architecture.to_ascii_lowercase(), self.variant.to_ascii_lowercase());
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("x86_64" | "x86-64" | "amd64", "v1" | "") => ("amd64", ""),
            ("x86_64" | "x86-64", other) => ("amd64", other),
            ("i386" | "386", _) => ("386", ""),
            ("aarch64" | "arm64", "8" | "v8" | "") => ("arm64", ""),
            ("aarch64", other) => ("arm64", other),
            ("armhf", _) => ("arm", "v7"),
            ("armel", _) => ("arm", "v6"),
            ("arm", "" | "7") => ("arm", "v7"),
            ("arm", "5" | "v5") => ("arm", "v5"),
            ("arm", "6" | "v6") => ("arm", "v6"),
            ("arm", "8" | "v8") => ("arm", "v8"),
            (architecture, variant) => (architecture, variant),
        };
        let (architecture, variant) = (architecture.to_owned(), variant.to_owned());
        Self { os: self.os.to_ascii_lowercase(), architecture, variant }
    }

    /// Whether `other` is the same platform, however it is written.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.clone().normal() == other.clone().normal()
    }

    /// Whether something made for `other` runs here.
    #[must_use]
    pub fn runs(&self, other: &Self) -> bool {
        self.rank(other).is_some()
    }

    /// How well something made for `other` runs here: 0 is best, nothing is not at all.
    pub(crate) fn rank(&self, other: &Self) -> Option<usize> {
        let other = other.clone().normal();
        if self.os != other.os {
            return None;
        }
        let versions = |architecture: &str, names: &[&str]| -> Vec<(String, String)> {
            names.iter().map(|name| (architecture.to_owned(), (*name).to_owned())).collect()
        };
        let below = |names: &[&'static str]| -> Vec<&'static str> {
            let from = names.iter().position(|name| *name == self.variant).unwrap_or(0);
            names[from..].to_vec()
        };
        let good = match self.architecture.as_str() {
            "amd64" => [versions("amd64", &below(&["v4", "v3", "v2", ""])), versions("386", &[""])].concat(),
            "arm" => versions("arm", &below(&["v8", "v7", "v6", "v5"])),
            "arm64" => [versions("arm64", &[&self.variant, ""]), versions("arm", &["v8", "v7", "v6", "v5"])].concat(),
            other => versions(other, &[&self.variant]),
        };
        good.iter().position(|(architecture, variant)| *architecture == other.architecture && *variant == other.variant)
    }

    /// As far as this processor goes, where no platform was asked for.
    pub(crate) fn best_of_host() -> Self {
        let host = Self::host();
        Self { variant: level().to_owned(), ..host }
    }
}

/// The x86-64 level of this processor, as psABI defines it.
fn level() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        let second = is_x86_feature_detected!("sse4.2") && is_x86_feature_detected!("popcnt");
        let third = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("movbe");
        match (second, third) {
            (true, true) => "v3",
            (true, false) => "v2",
            _ => "",
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    ""
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

impl FromStr for Platform {
    type Err = ParsePlatformError;

    fn from_str(text: &str) -> Result<Self, ParsePlatformError> {
        let error = |why: &str| ParsePlatformError(format!("{text:?}: {why}: invalid argument"));
        let parts: Vec<&str> = text.split('/').collect();
        let plain = |part: &&str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        };
        if let Some(bad) = parts.iter().find(|part| !plain(part)) {
            return Err(error(&format!(
                "{bad:?} is an invalid component of {text:?}: platform specifier component must match \"^[A-Za-z0-9_.-]+$\""
            )));
        }
        let host = Self::host();
        let known = |name: &str| matches!(name, "linux" | "windows" | "darwin" | "freebsd" | "wasi");
        let own = |s: &str| s.to_owned();
        let platform = match parts.as_slice() {
            [os] if known(os) => Self { os: own(os), ..host },
            [architecture] => {
                let found = Self { architecture: own(architecture), variant: String::new(), ..host }.normal();
                let known =
                    ["386", "amd64", "arm", "arm64", "loong64", "mips64le", "ppc64le", "riscv64", "s390x", "wasm"];
                if !known.contains(&found.architecture.as_str()) {
                    return Err(error("unknown operating system or architecture"));
                }
                found
            }
            [os, architecture] => Self { os: own(os), architecture: own(architecture), variant: String::new() },
            [os, architecture, variant] => Self { os: own(os), architecture: own(architecture), variant: own(variant) },
            _ => return Err(error("cannot parse platform specifier")),
        };
        Ok(platform.normal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn platforms_are_read_and_written_as_containerd_does() {
        for (given, shown) in [
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/x86_64", "linux/amd64"),
            ("linux/arm", "linux/arm/v7"),
            ("aarch64", "linux/arm64"),
            ("linux/armhf", "linux/arm/v7"),
            ("windows/amd64", "windows/amd64"),
        ] {
            assert_eq!(of(given).to_string(), shown);
        }
        for text in ["", "linux/", "a/b/c/d", "linux/am d", "nothing"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_platform_is_the_best() {
        let host = of("linux/arm64");
        assert!(host.rank(&of("linux/arm64")) < host.rank(&of("linux/arm/v7")));
        assert!(host.rank(&of("linux/arm64")).is_some() && host.rank(&of("linux/amd64")).is_none());
        assert_eq!(of("linux/arm/v6").rank(&of("linux/arm/v7")), None);
        assert!(of("linux/amd64/v3").rank(&of("linux/amd64/v2")) < of("linux/amd64/v3").rank(&of("linux/amd64")));
        assert_eq!(of("linux/amd64").rank(&of("linux/amd64/v3")), None);
        assert_eq!(of("linux/amd64").rank(&of("windows/amd64")), None);
    }
}
