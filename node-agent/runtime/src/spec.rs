//! Reads and checks a bundle's `config.json`.

use std::fs;
use std::path::{Path, PathBuf};

use oci_spec::runtime::{Linux, Process, Spec};

use crate::error::{Context, Error, Result};

/// The version of the runtime specification that this runtime follows.
pub(crate) const VERSION: &str = "1.2.0";

/// Reads `BUNDLE/config.json`; gives the raw bytes too, which the container's record keeps.
pub(crate) fn load(bundle: &Path) -> Result<(Vec<u8>, Spec)> {
    let file = bundle.join("config.json");
    let raw = fs::read(&file).context(|| format!("read {} (is {} a bundle?)", file.display(), bundle.display()))?;
    let spec = parse(&raw, &file)?;
    Ok((raw, spec))
}

/// Parses a `config.json`; `file` is for the error's text.
pub(crate) fn parse(raw: &[u8], file: &Path) -> Result<Spec> {
    serde_json::from_slice(raw)
        .map_err(|e| Error::Spec(format!("{} is not a valid runtime configuration: {e}", file.display())))
}

/// Checks what the rest of the runtime relies on.
pub(crate) fn validate(spec: &Spec) -> Result<()> {
    let bad = |text: String| Err(Error::Spec(text));
    if !spec.version().starts_with("1.") {
        return bad(format!("ociVersion is {:?}: this runtime knows version 1", spec.version()));
    }
    if spec.root().is_none() {
        return bad("config.json has no root: name the root file system in root.path".into());
    }
    let Some(linux) = spec.linux() else {
        return bad("config.json has no linux section: this runtime makes Linux containers only".into());
    };
    if let Some(process) = spec.process() {
        validate_process(process)?;
    }
    let namespaces = crate::namespaces::Plan::new(linux.namespaces().as_deref().unwrap_or_default())?;
    use oci_spec::runtime::LinuxNamespaceType as Type;
    if !namespaces.has(Type::Mount) {
        return bad("linux.namespaces has no mount namespace: add {\"type\": \"mount\"}".into());
    }
    if namespaces.creates(Type::User) && (uid_mappings(linux).is_empty() || gid_mappings(linux).is_empty()) {
        return bad("a new user namespace needs linux.uidMappings and linux.gidMappings".into());
    }
    if spec.hostname().as_ref().is_some_and(|h| !h.is_empty()) && !namespaces.has(Type::Uts) {
        return bad("hostname is set without a uts namespace: add {\"type\": \"uts\"}".into());
    }
    Ok(())
}

/// Checks one process: the container's, or one to execute in it.
pub(crate) fn validate_process(process: &Process) -> Result<()> {
    if process.args().as_ref().is_none_or(Vec::is_empty) {
        return Err(Error::Spec("process.args is empty: name the program to run".into()));
    }
    if !process.cwd().is_absolute() {
        return Err(Error::Spec(format!("process.cwd {:?} is not an absolute path", process.cwd().display())));
    }
    Ok(())
}

/// The root file system's absolute path.
pub(crate) fn rootfs(spec: &Spec, bundle: &Path) -> PathBuf {
    bundle.join(spec.root().as_ref().map_or(Path::new("rootfs"), |root| root.path().as_path()))
}

/// `linux.uidMappings`, empty when absent.
pub(crate) fn uid_mappings(linux: &Linux) -> &[oci_spec::runtime::LinuxIdMapping] {
    linux.uid_mappings().as_deref().unwrap_or_default()
}

/// `linux.gidMappings`, empty when absent.
pub(crate) fn gid_mappings(linux: &Linux) -> &[oci_spec::runtime::LinuxIdMapping] {
    linux.gid_mappings().as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<()> {
        validate(&parse(json.as_bytes(), Path::new("config.json"))?)
    }

    #[test]
    fn broken_configurations_are_named() {
        let error = |json: &str| check(json).unwrap_err().to_string();
        assert!(error("{").contains("config.json is not a valid runtime configuration"));
        assert!(error(r#"{"ociVersion":"2.0"}"#).contains("ociVersion"));
        assert!(error(r#"{"ociVersion":"1.0.2"}"#).contains("root"));
        assert!(error(r#"{"ociVersion":"1.0.2","root":{"path":"rootfs"}}"#).contains("linux section"));
        assert!(
            error(r#"{"ociVersion":"1.0.2","root":{"path":"r"},"linux":{"namespaces":[]}}"#)
                .contains("mount namespace")
        );
        assert!(error(r#"{"ociVersion":"1.0.2","root":{"path":"r"},"linux":{"namespaces":[{"type":"mount"},{"type":"user"}]}}"#).contains("uidMappings"));
        let process = r#"{"ociVersion":"1.0.2","root":{"path":"r"},"process":{"user":{"uid":0,"gid":0},"args":[],"cwd":"/"},"linux":{"namespaces":[{"type":"mount"}]}}"#;
        assert!(error(process).contains("process.args is empty"));
    }

    #[test]
    fn an_ordinary_configuration_passes() {
        check(r#"{"ociVersion":"1.0.2","root":{"path":"r"},"process":{"user":{"uid":0,"gid":0},"args":["sh"],"cwd":"/"},"linux":{"namespaces":[{"type":"mount"}]}}"#).unwrap();
    }
}
