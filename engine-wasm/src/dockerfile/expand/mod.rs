//! Variables: which are in force where, and what each instruction is with them filled in.
//! Follows `buildMetaArgs`, `defaultArgs`, `dispatch` and `dispatchArg` of `frontend/dockerfile/dockerfile2llb` in `github.com/moby/buildkit`. Pure: a builder and the checks both walk a file with it.
//!
//! ```
//! use engine_wasm::dockerfile::{self, expand::{Globals, Options, StageScope}, instructions::{self, Command}};
//! let file = dockerfile::parse("ARG V=3.20\nFROM alpine:$V\nARG V\nENV A=${V%.*}\nWORKDIR /srv/$A\n");
//! let program = instructions::program(&file);
//! let options = Options::default();
//! let globals = Globals::new(&program, file.escape, &options).unwrap();
//! assert_eq!(globals.base(&program.stages[0]).name.unwrap(), "alpine:3.20");
//! let mut scope = StageScope::from_image(["PATH=/bin"]);
//! let mut last = None;
//! for instruction in &program.stages[0].commands {
//!     last = Some(scope.step(&globals, &options, &instruction.command, &mut |_| {}).unwrap().command);
//! }
//! assert!(matches!(last, Some(Command::Workdir(path)) if path.text == "/srv/3"));
//! ```

mod globals;
mod platform;
mod scope;
mod stage;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use globals::{Base, BasePlatform, Globals};
pub use platform::Platform;
pub use scope::Scope;
pub use stage::{Event, Expanded, StageScope};

/// Build arguments that a build may be given without an `ARG`, for `RUN` only; they are not in the image, nor in the cache's key.
pub const PROXY_ARGS: [&str; 10] = [
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

/// The `PATH` of an image that has none.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Build arguments that never become variables.
const NOT_VARIABLES: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// What a build was told.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--build-arg`
    pub build_args: BTreeMap<String, String>,
    /// `--target`; empty for the last stage.
    pub target: String,
    /// The machine that builds.
    pub build_platform: Platform,
    /// `--platform`, or the machine that builds.
    pub target_platform: Platform,
}

impl Options {
    /// The proxy settings among the build arguments.
    pub fn proxies(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_proxy = |name: &str| PROXY_ARGS.iter().any(|proxy| proxy.eq_ignore_ascii_case(name));
        self.build_args.iter().filter(move |(name, _)| is_proxy(name)).map(|(name, value)| (&**name, &**value))
    }
}
