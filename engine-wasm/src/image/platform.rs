//! Platforms as people write them and as indexes choose among them (containerd's `platforms` package).

use super::json::Platform;

/// Reads `os`, `arch`, `os/arch` or `os/arch/variant`. The operating system is Linux where none is given.
///
/// # Errors
/// A sentence for what is none.
pub fn parse(text: &str) -> Result<Platform, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let good = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if parts.len() > 3 || !parts.iter().all(|part| good(part)) {
        return Err(format!("{text:?} is no platform: give os/arch or os/arch/variant, such as linux/arm64"));
    }
    let (os, arch, variant) = match parts[..] {
        [os @ ("linux" | "windows" | "darwin" | "freebsd")] => (os, "amd64", None),
        [arch] => ("linux", arch, None),
        [os, arch] => (os, arch, None),
        [os, arch, variant] => (os, arch, Some(variant)),
        _ => return Err(format!("{text:?} is no platform")),
    };
    Ok(normal(&Platform {
        architecture: arch.to_owned(),
        os: os.to_ascii_lowercase(),
        os_version: None,
        variant: variant.map(str::to_owned),
    }))
}

/// `linux/arm/v7`.
pub fn format(platform: &Platform) -> String {
    let Platform { architecture, os, variant, .. } = platform;
    let known = |part: &str| if part.is_empty() { "unknown".to_owned() } else { part.to_owned() };
    let base = format!("{}/{}", known(os), known(architecture));
    match variant.as_deref() {
        None | Some("") => base,
        Some(variant) => format!("{base}/{variant}"),
    }
}

/// One spelling for what has several.
fn normal(platform: &Platform) -> Platform {
    let arch = platform.architecture.to_ascii_lowercase();
    let variant = platform.variant.as_deref().unwrap_or_default().to_ascii_lowercase();
    let (arch, variant) = match (arch.as_str(), variant.as_str()) {
        ("i386" | "386" | "i686", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1" | "") => ("amd64", ""),
        ("x86_64" | "x86-64" | "amd64", other) => ("amd64", other),
        ("aarch64" | "arm64", "8" | "v8" | "") => ("arm64", ""),
        ("aarch64" | "arm64", other) => ("arm64", other),
        ("armhf", _) => ("arm", "v7"),
        ("armel", _) => ("arm", "v6"),
        ("arm", "" | "7") => ("arm", "v7"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "6") => ("arm", "v6"),
        ("arm", "8") => ("arm", "v8"),
        (arch, variant) => (arch, variant),
    };
    Platform {
        architecture: arch.to_owned(),
        os: platform.os.to_ascii_lowercase(),
        os_version: platform.os_version.clone(),
        variant: (!variant.is_empty()).then(|| variant.to_owned()),
    }
}

/// How well an image of platform `offered` serves one who wants `wanted`: 0 is best, `None` not at all.
pub(crate) fn rank(wanted: &Platform, offered: &Platform) -> Option<u32> {
    let (wanted, offered) = (normal(wanted), normal(offered));
    if wanted.os != offered.os || wanted.architecture != offered.architecture {
        return None;
    }
    if wanted.variant == offered.variant {
        return Some(0);
    }
    // A processor runs what is for an older variant of it, best the newest of those; `v8` sorts after `v7`.
    let number = |p: &Platform| p.variant.as_deref().unwrap_or("v0").trim_start_matches('v').parse::<u32>().ok();
    let (wanted, offered) = (number(&wanted)?, number(&offered)?);
    wanted.checked_sub(offered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_platform_are_one() {
        for (text, formatted) in [
            ("linux", "linux/amd64"),
            ("aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("Linux/x86_64", "linux/amd64"),
            ("windows/amd64", "windows/amd64"),
        ] {
            assert_eq!(parse(text).map(|p| format(&p)), Ok(formatted.to_owned()));
        }
        for text in ["", "/", "linux/", "a/b/c/d", "linux/am d64"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_older_variant_serves() {
        let rank = |wanted, offered| super::rank(&parse(wanted).unwrap(), &parse(offered).unwrap());
        assert_eq!(rank("linux/arm/v7", "linux/arm/v7"), Some(0));
        assert_eq!(rank("linux/arm/v7", "linux/arm/v6"), Some(1));
        assert_eq!(rank("linux/arm/v6", "linux/arm/v7"), None);
        assert_eq!(rank("linux/arm64", "linux/arm64/v8"), Some(0));
        assert_eq!(rank("linux/amd64", "linux/arm64"), None);
    }
}
