//! An image as a registry has it, and pulling it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use slipway_images::registry::{Credentials, Options, PullError, Registries, Wanted};
use slipway_images::{DiffId, Digest, Progress, Reference, Store};

use super::server::{Reply, Request};
use super::{Tar, config, gzip};

pub(crate) const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

/// `name:latest` with some layers.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) manifest: Vec<u8>,
    pub(crate) config: Vec<u8>,
    pub(crate) layers: Vec<Vec<u8>>,
}

impl Image {
    /// With so many layers that do not compress, of that many bytes each.
    pub(crate) fn new(layers: u8, bytes: usize) -> Self {
        let noise = |seed: u8| {
            let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(seed).wrapping_mul(0x2545_f491_4f6c_dd1d);
            let step = |state: &mut u64| {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                state.to_le_bytes()[3]
            };
            (0..bytes).map(|_| step(&mut state)).collect::<Vec<u8>>()
        };
        let tars: Vec<Vec<u8>> = (0..layers).map(|n| Tar::new().file(&format!("f{n}"), &noise(n)).end()).collect();
        let diffs: Vec<DiffId> = tars.iter().map(|tar| DiffId::of(tar)).collect();
        let layers: Vec<Vec<u8>> = tars.iter().map(|tar| gzip(tar)).collect();
        let config = config(&diffs, "tool");
        let descriptor = |kind: &str, bytes: &[u8]| {
            let kind = format!("application/vnd.oci.image.{kind}");
            serde_json::json!({"mediaType": kind, "digest": Digest::of(bytes), "size": bytes.len()})
        };
        let manifest = serde_json::to_vec(&serde_json::json!({
            "schemaVersion": 2, "mediaType": OCI, "config": descriptor("config.v1+json", &config),
            "layers": layers.iter().map(|blob| descriptor("layer.v1.tar+gzip", blob)).collect::<Vec<_>>(),
        }))
        .expect("valid JSON");
        Self { manifest, config, layers }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    /// What an honest registry says.
    pub(crate) fn answer(&self, request: &Request) -> Reply {
        let path = request.target.split('?').next().unwrap_or_default();
        let digest = self.digest().to_string();
        if path == "/v2/" {
            return Reply::new(200, "{}");
        }
        if path.ends_with("/manifests/latest") || path.ends_with(&digest) {
            return Reply::new(200, self.manifest.clone())
                .with("Content-Type", OCI)
                .with("Docker-Content-Digest", digest);
        }
        let blobs: HashMap<String, &Vec<u8>> =
            self.layers.iter().chain([&self.config]).map(|blob| (Digest::of(blob).to_string(), blob)).collect();
        match blobs.get(path.rsplit('/').next().unwrap_or_default()) {
            Some(blob) => Reply::new(200, blob.to_vec()),
            None => Reply::refusal(404, "NAME_UNKNOWN", "repository name not known to registry"),
        }
    }

    /// Whether a request is for that layer.
    pub(crate) fn is_layer(&self, number: usize, request: &Request) -> bool {
        request.target.ends_with(&Digest::of(&self.layers[number]).to_string())
    }
}

/// Registries whose seconds are short.
pub(crate) fn quick() -> Registries {
    Registries::new(Options { second: Duration::from_millis(2), ..Options::default() })
}

/// Pulls; what came of it, and what was said.
pub(crate) fn pull(
    registries: &Registries,
    store: &Arc<Store>,
    name: &str,
) -> (Result<Digest, PullError>, Vec<String>) {
    pull_as(registries, store, name, Credentials::default())
}

/// As `pull`, by somebody.
pub(crate) fn pull_as(
    registries: &Registries,
    store: &Arc<Store>,
    name: &str,
    credentials: Credentials,
) -> (Result<Digest, PullError>, Vec<String>) {
    let wanted = Wanted { credentials, ..Wanted::new(Reference::parse(name).expect("a good name")) };
    run(|sender| async { registries.pull(Arc::clone(store), &wanted, sender).await.map(|pulled| pulled.digest) })
}

/// Runs something that tells how it goes.
pub(crate) fn run<T, F: Future<Output = T>>(
    work: impl FnOnce(tokio::sync::mpsc::UnboundedSender<Progress>) -> F,
) -> (T, Vec<String>) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<Progress>();
    let result = runtime.block_on(work(sender));
    let mut said = Vec::new();
    while let Ok(message) = receiver.try_recv() {
        let json = message.to_json();
        let id = json["id"].as_str().map(|id| format!("{id}: ")).unwrap_or_default();
        if let Some(status) = json["status"].as_str() {
            said.push(format!("{id}{status}"));
        }
    }
    (result, said)
}
