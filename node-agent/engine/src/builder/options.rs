//! What a client asks of a build: the query of `POST /build`.

use std::collections::BTreeMap;

use engine_wasm::dockerfile::expand;
use http::HeaderMap;
use slipway_images::Reference;
use slipway_images::registry::Platform;

use super::architecture;
use super::ignore::Filtered;
use super::logins::Logins;
use super::secrets::Secrets;
use super::ssh::Agents;
use crate::api::Params;
use crate::error::{Error, Result};
use crate::types::{HostConfig, ShmSize, Ulimit};

/// Our own client sends this header with an archive that it was given: to others it looks like a directory's.
const PACKED: &str = "x-slipway-packed";

/// A build's options.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `-f`: the Dockerfile's path in the context.
    pub dockerfile: String,
    /// The context's URL, when it is not the request's body.
    pub remote: String,
    /// `-t`
    pub tags: Vec<Reference>,
    /// `-q`
    pub quiet: bool,
    /// `--no-cache`
    pub no_cache: bool,
    /// `--pull`
    pub pull: bool,
    /// `--rm`: containers of steps that went well are removed.
    pub remove: bool,
    /// `--force-rm`: those of a failed step too, and it is said.
    pub force_remove: bool,
    /// `--build-arg`; without a value the client's environment has none.
    pub args: BTreeMap<String, Option<String>>,
    /// `--label`
    pub labels: BTreeMap<String, String>,
    /// `--cache-from`
    pub cache_from: Vec<String>,
    /// `--target`
    pub target: String,
    /// `--platform`
    pub platform: String,
    /// What the client knows of registries.
    pub(crate) logins: Logins,
    /// What the client has done with the context.
    pub(crate) filtered: Filtered,
    /// `--secret`
    pub secrets: Secrets,
    /// `--ssh`
    pub agents: Agents,
    /// Limits, network and hosts of the containers that run steps.
    pub host: HostConfig,
}

impl Options {
    /// Reads a request's query and headers.
    ///
    /// # Errors
    /// For what cannot be read, and for what this builder does not do.
    pub(crate) fn read(params: &Params, headers: &HeaderMap) -> Result<Self> {
        if params.get("version") == "2" {
            return Err(Error::bad(
                "this engine builds with the classic builder: BuildKit is not available, set DOCKER_BUILDKIT=0",
            ));
        }
        if params.flag("squash") {
            return Err(Error::bad("squash is only supported with experimental mode"));
        }
        if !params.get("outputs").is_empty() && params.get("outputs") != "null" && params.get("outputs") != "[]" {
            return Err(Error::bad("custom outputs are only supported by BuildKit"));
        }
        if params.all("securityopt").iter().any(|text| !matches!(text.as_str(), "" | "null" | "[]")) {
            return Err(Error::bad("The daemon on this platform does not support setting security options on build"));
        }
        if !params.get("platform").is_empty() {
            params.get("platform").parse::<Platform>().map_err(|e| Error::bad(e.to_string()))?;
        }
        if !matches!(params.get("isolation"), "" | "default") {
            return Err(Error::bad(format!("Unsupported isolation: {:?}", params.get("isolation"))));
        }
        let mut tags: Vec<Reference> = Vec::new();
        for text in params.all("t").iter().filter(|text| !text.is_empty()) {
            let name = Reference::parse(text).map_err(|e| Error::bad(e.to_string()))?;
            if name.digest().is_some() {
                return Err(Error::bad("build tag cannot contain a digest"));
            }
            let name = name.with_default_tag();
            if !tags.iter().any(|tag| tag.familiar_string() == name.familiar_string()) {
                tags.push(name);
            }
        }
        let labels: Option<BTreeMap<String, String>> = params.json("labels", "labels")?;
        let args: Option<BTreeMap<String, Option<String>>> = params.json("buildargs", "build args")?;
        let cache_from: Option<Vec<String>> = params.json("cachefrom", "cache-from")?;
        let text = |key: &str| params.get(key).to_owned();
        Ok(Self {
            dockerfile: text("dockerfile"),
            remote: text("remote"),
            tags,
            quiet: params.flag("q"),
            no_cache: params.flag("nocache"),
            pull: params.flag("pull"),
            remove: params.flag_or("rm", true),
            force_remove: params.flag("forcerm"),
            args: args.unwrap_or_default(),
            labels: labels.unwrap_or_default(),
            cache_from: cache_from.unwrap_or_default(),
            target: text("target"),
            platform: text("platform").to_lowercase(),
            logins: Logins::read(headers),
            filtered: if headers.contains_key(PACKED) { Filtered::AsPacked } else { Filtered::ByClient },
            secrets: Secrets::read(headers)?,
            agents: Agents::read(headers)?,
            host: host(params)?,
        })
    }

    /// The same for code that follows BuildKit.
    ///
    /// # Errors
    /// For a platform that is none.
    pub(crate) fn for_buildkit(&self) -> Result<expand::Options> {
        let own = expand::Platform::new("linux", architecture());
        let target = match self.platform.as_str() {
            "" => own.clone(),
            text => expand::Platform::parse(text, &own).map_err(Error::bad)?,
        };
        let args = self.args.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        Ok(expand::Options {
            build_args: args.collect(),
            target: self.target.clone(),
            build_platform: own,
            target_platform: target,
        })
    }
}

fn host(params: &Params) -> Result<HostConfig> {
    let number = |key: &str| Ok::<i64, Error>(params.number(key)?.unwrap_or(0));
    let ulimits: Option<Vec<Ulimit>> = params.json("ulimits", "ulimit settings")?;
    let mut host = HostConfig {
        network_mode: params.get("networkmode").to_owned(),
        memory: number("memory")?,
        memory_swap: number("memswap")?,
        cpu_shares: number("cpushares")?,
        cpu_period: number("cpuperiod")?,
        cpu_quota: number("cpuquota")?,
        cpuset_cpus: params.get("cpusetcpus").to_owned(),
        cpuset_mems: params.get("cpusetmems").to_owned(),
        cgroup_parent: params.get("cgroupparent").to_owned(),
        shm_size: ShmSize(number("shmsize")?),
        ulimits: ulimits.unwrap_or_default(),
        extra_hosts: Some(hosts(params)),
        ..HostConfig::default()
    };
    // Nobody reads the log of a build's container, so it has none.
    host.log_config.kind = "none".into();
    Ok(host)
}

/// `extrahosts` comes once a host, or as one JSON list.
fn hosts(params: &Params) -> Vec<String> {
    let given = params.all("extrahosts").iter().filter(|text| !text.is_empty());
    given.flat_map(|text| serde_json::from_str(text).unwrap_or_else(|_| vec![text.clone()])).collect()
}
