//! `ARG` and `--build-arg`: which variables a stage may use and with what value, by the classic builder's rules.

use std::collections::{BTreeMap, BTreeSet};

/// Variables that need no `ARG` and are no part of the cache's key.
const PREDEFINED: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// The build arguments as one stage sees them.
#[derive(Debug, Clone, Default)]
pub(crate) struct BuildArgs {
    /// `--build-arg`.
    given: BTreeMap<String, Option<String>>,
    /// Before the first `FROM`, and those that describe the platform.
    global: BTreeMap<String, Option<String>>,
    /// Named by the stage's own `ARG`s.
    allowed: BTreeMap<String, Option<String>>,
    used: BTreeSet<String>,
}

impl BuildArgs {
    pub(crate) fn new(given: BTreeMap<String, Option<String>>, platform: &[(&str, &str)]) -> Self {
        let global = platform.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect();
        Self { given, global, ..Self::default() }
    }

    /// An `ARG` before the first `FROM`.
    pub(crate) fn add_global(&mut self, name: &str, value: Option<String>) {
        self.used.insert(name.to_owned());
        if value.is_some() || !self.global.contains_key(name) {
            self.global.insert(name.to_owned(), value);
        }
    }

    /// An `ARG` of the stage.
    pub(crate) fn add(&mut self, name: &str, value: Option<String>) {
        self.used.insert(name.to_owned());
        self.allowed.insert(name.to_owned(), value);
    }

    fn value(&self, name: &str, defaults: &BTreeMap<String, Option<String>>) -> Option<String> {
        if let Some(Some(value)) = self.given.get(name) {
            return Some(value.clone());
        }
        let default = defaults.get(name).cloned().flatten();
        default.or_else(|| self.global.get(name).cloned().flatten())
    }

    /// What a `FROM` may use.
    pub(crate) fn globals(&self) -> BTreeMap<String, String> {
        let names = self.global.keys();
        names.filter_map(|name| Some((name.clone(), self.value(name, &self.global)?))).collect()
    }

    /// What an instruction may use beside the image's environment, sorted: `name=value`.
    pub(crate) fn visible(&self, environment: &[String]) -> Vec<String> {
        let set = |name: &str| environment.iter().any(|entry| entry.split('=').next() == Some(name));
        let names: BTreeSet<&str> = self.allowed.keys().map(String::as_str).chain(PREDEFINED).collect();
        let names = names.into_iter().filter(|name| !set(name));
        names.filter_map(|name| Some(format!("{name}={}", self.value(name, &self.allowed)?))).collect()
    }

    /// Those of `visible` that are part of the cache's key: the predefined ones only when an `ARG` names them.
    pub(crate) fn in_key(&self, visible: &[String]) -> Vec<String> {
        let name = |entry: &String| entry.split('=').next().unwrap_or_default().to_owned();
        visible
            .iter()
            .filter(|entry| self.used.contains(&name(entry)) || !PREDEFINED.contains(&name(entry).as_str()))
            .cloned()
            .collect()
    }

    /// Names that some `ARG` has used.
    pub(crate) fn used(&self) -> &BTreeSet<String> {
        &self.used
    }
}

/// Docker's warning about `--build-arg`s that no `ARG` of the stages run has used.
pub(crate) fn unused(given: &BTreeMap<String, Option<String>>, used: &BTreeSet<String>) -> Option<String> {
    let left: Vec<&str> = given
        .keys()
        .map(String::as_str)
        .filter(|name| {
            !used.contains(*name)
                && !PREDEFINED.contains(name)
                && ![super::epoch::NAME, super::checks::NAME].contains(name)
        })
        .collect();
    if left.is_empty() {
        return None;
    }
    Some(format!("[Warning] One or more build-args [{}] were not consumed\n", left.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> BuildArgs {
        let given = [("who", Some("you")), ("http_proxy", Some("p")), ("none", None)];
        let given = given.map(|(n, v)| (n.to_owned(), v.map(str::to_owned))).into();
        BuildArgs::new(given, &[("TARGETARCH", "amd64")])
    }

    #[test]
    fn a_given_value_goes_before_a_default_and_the_environment_before_both() {
        let mut args = args();
        args.add("who", Some("me".into()));
        args.add("other", Some("o".into()));
        args.add("none", None);
        assert_eq!(args.visible(&[]), ["http_proxy=p", "other=o", "who=you"]);
        assert_eq!(args.visible(&["who=env".into()]), ["http_proxy=p", "other=o"]);
    }

    #[test]
    fn predefined_ones_are_in_the_key_only_when_named() {
        let mut args = args();
        assert!(args.in_key(&args.visible(&[])).is_empty());
        args.add("http_proxy", None);
        assert_eq!(args.in_key(&args.visible(&[])), ["http_proxy=p"]);
    }

    #[test]
    fn globals_reach_a_stage_only_by_an_arg_of_its_own() {
        let mut args = args();
        args.add_global("version", Some("3".into()));
        assert_eq!(args.globals()["version"], "3");
        assert_eq!(args.globals()["TARGETARCH"], "amd64");
        assert!(args.visible(&[]).iter().all(|entry| !entry.starts_with("version")));
        args.add("version", None);
        assert!(args.visible(&[]).contains(&"version=3".to_owned()));
    }

    #[test]
    fn what_nobody_used_is_named() {
        let mut args = args();
        assert_eq!(
            unused(&args.given, args.used()).unwrap(),
            "[Warning] One or more build-args [none who] were not consumed\n"
        );
        args.add("who", None);
        args.add("none", None);
        assert_eq!(unused(&args.given, args.used()), None);
    }
}
