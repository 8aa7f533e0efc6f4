//! What the starter library holds: pure data. A base is a root filesystem made from Debian's packages; an image gives a base names,
//! a command and labels. Several images may share one base, and then they share its layer.

/// A root filesystem made by mmdebstrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Base {
    /// What it is called in progress and errors.
    pub(super) name: &'static str,
    /// Debian's suite.
    pub(super) suite: &'static str,
    /// mmdebstrap's package selection.
    pub(super) variant: &'static str,
}

/// An image of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recipe {
    /// Docker's short name: `debian` stands for `docker.io/library/debian`.
    pub(super) name: &'static str,
    /// Its tags.
    pub(super) tags: &'static [&'static str],
    /// What it starts from.
    pub(super) base: Base,
    /// Default command.
    pub(super) cmd: &'static [&'static str],
    /// For an image that stands in for another distribution: what it really is, for the label `slipway.stand-in`.
    pub(super) stand_in: Option<&'static str>,
}

/// The label that says what an image really is.
pub(super) const STAND_IN: &str = "slipway.stand-in";

const BOOKWORM: Base = Base { name: "debian-bookworm", suite: "bookworm", variant: "minbase" };

/// Every image there is a recipe for.
pub(super) const RECIPES: &[Recipe] = &[
    Recipe { name: "debian", tags: &["latest", "12", "bookworm"], base: BOOKWORM, cmd: &["bash"], stand_in: None },
    Recipe {
        name: "ubuntu",
        tags: &["latest", "24.04", "noble", "22.04", "jammy"],
        base: BOOKWORM,
        cmd: &["/bin/bash"],
        stand_in: Some("Debian 12 (bookworm) standing in for Ubuntu: same apt and bash, other versions"),
    },
];

impl Recipe {
    /// The full names that containerd and Docker use: `docker.io/library/NAME:TAG`.
    pub(super) fn full_names(&self) -> impl Iterator<Item = (String, &'static str)> {
        self.tags.iter().map(|tag| (format!("docker.io/library/{}:{tag}", self.name), *tag))
    }
}
