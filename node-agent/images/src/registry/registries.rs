//! Which registry a name leads to, and opening a client of it: TLS first, plain HTTP only where that is allowed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc::UnboundedSender};

use super::auth::{Auth, Credentials};
use super::client::Client;
use super::fault::Fault;
use super::source::{Site, Source};
use super::transport::{Transport, Trust};
use crate::digest::Digest;
use crate::progress::Progress;

/// How registries are reached and how patiently.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where `docker.io` is; the real one if not given.
    pub mirror: Option<Source>,
    /// Whom to trust.
    pub trust: Trust,
    /// Layers that are downloaded at a time (dockerd's `--max-concurrent-downloads`).
    pub downloads: usize,
    /// Layers that are uploaded at a time (dockerd's `--max-concurrent-uploads`).
    pub uploads: usize,
    /// Tries for a layer (dockerd's `--max-download-attempts`).
    pub attempts: u32,
    /// How long a second of waiting before the next try takes; only tests change it.
    pub second: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self { mirror: None, trust: Trust::default(), downloads: 3, uploads: 5, attempts: 5, second }
    }
}

/// The registries of an engine. Cheap to clone; the clones share the limits on parallel transfers.
#[derive(Debug, Clone)]
pub struct Registries {
    pub(crate) options: Arc<Options>,
    pub(crate) downloads: Arc<Semaphore>,
    pub(crate) uploads: Arc<Semaphore>,
}

impl Default for Registries {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl Registries {
    /// With these options.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let slots = |number: usize| Arc::new(Semaphore::new(number.clamp(1, 1000)));
        let (downloads, uploads) = (slots(options.downloads), slots(options.uploads));
        Self { options: Arc::new(options), downloads, uploads }
    }

    /// Where `docker.io` is taken from, if not from itself.
    #[must_use]
    pub fn mirror(&self) -> Option<&Source> {
        self.options.mirror.as_ref()
    }

    /// What may be talked to without valid certificates.
    #[must_use]
    pub fn insecure(&self) -> &[String] {
        &self.options.trust.insecure
    }

    /// The places to try for a domain, in order.
    pub(crate) async fn sites(&self, domain: &str, hub: &str) -> Vec<Site> {
        if matches!(domain, "docker.io" | "index.docker.io" | "registry-1.docker.io") {
            let Some(source) = &self.options.mirror else { return vec![Site::tls(hub)] };
            let host = match source {
                Source::Unix(_) => "docker.io".to_owned(),
                Source::Tcp(authority) | Source::Tls(authority) => authority.clone(),
            };
            return vec![Site { source: source.clone(), host }];
        }
        let mut sites = vec![Site::tls(domain)];
        if self.options.trust.insecure(domain).await {
            sites.push(Site::tcp(domain));
        }
        sites
    }

    /// Connects to the registry of a domain. A registry that answers over TLS is never talked to without.
    pub(crate) async fn open(
        &self,
        domain: &str,
        credentials: &Credentials,
        scopes: &[String],
        offline: bool,
    ) -> Result<Client, Fault> {
        let transport = Arc::new(Transport::new(self.options.trust.clone()));
        let mut last = Fault::invalid(format!("no endpoints found for {domain}"));
        for site in self.sites(domain, "registry-1.docker.io").await {
            let auth = Auth::new(credentials.clone(), offline);
            let client = Client::new(Arc::clone(&transport), site, auth, scopes.to_vec());
            match client.ping().await {
                Ok(()) => return Ok(client),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }
}

/// Tells whoever listens how it goes.
#[derive(Clone)]
pub(crate) struct Tell(pub(crate) UnboundedSender<Progress>);

impl Tell {
    pub(crate) fn say(&self, message: Progress) {
        // A client that has gone away does not stop the work; dropping the future does.
        let _ = self.0.send(message);
    }

    pub(crate) fn layer(&self, digest: &Digest, text: &str, detail: Option<(u64, u64)>) {
        self.say(Progress::layer(digest.short(), text, detail));
    }

    /// Counts the seconds down that are waited before the `tried`th next try; doubled each time, unless the registry
    /// has said how long.
    pub(crate) async fn wait(&self, id: &str, tried: u32, fault: &Fault, second: Duration) {
        let seconds = fault.wait.map_or(1 << tried.saturating_sub(1).min(6), |wait| wait.as_secs().max(1));
        for left in (1..=seconds).rev() {
            let plural = if left == 1 { "" } else { "s" };
            self.say(Progress::layer(id, &format!("Retrying in {left} second{plural}"), None));
            tokio::time::sleep(second).await;
        }
    }
}
