//! Talks to registries by the OCI distribution spec, over TLS, plain TCP or a unix socket: pulls, pushes, logs in and
//! searches, and tells how it goes in Docker's words.

mod address;
mod auth;
mod candidates;
mod challenge;
mod client;
mod download;
mod fault;
mod fetch;
mod inspect;
mod login;
mod lookup;
pub(crate) mod manifest;
mod platform;
mod pull;
mod push;
mod registries;
mod remote;
mod search;
mod source;
mod tls;
mod transport;
mod unpack;
mod upload;

pub use auth::{Credentials, form};
pub use fetch::{FetchError, Fetched, fetch};
pub use login::{Login, LoginError};
pub use platform::{ParsePlatformError, Platform};
pub use pull::{PullError, Pulled, Wanted};
pub use push::{PushError, PushOptions};
pub use registries::{Options, Registries};
pub use remote::{Remote, RemoteBlob, RemoteError, RemoteImage, RemoteManifest};
pub use search::{SearchError, SearchResult};
pub use source::{ParseSourceError, Source};
pub use transport::Trust;
