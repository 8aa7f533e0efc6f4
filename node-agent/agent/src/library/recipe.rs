//! What the starter library holds: pure data. A base is a root filesystem made from Debian's packages; other images are built by our
//! own engine from the Dockerfiles in `infra/library`, which start from images further up in the list.

use std::borrow::Cow;

use super::greeting;

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

/// A file of a build context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Where it lies in the context.
    pub(super) path: &'static str,
    /// Its permissions.
    pub(super) mode: u32,
    content: Content,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Fixed(&'static [u8]),
    /// The program that prints this text.
    Printing(&'static str),
}

impl Part {
    /// Its bytes.
    pub(super) fn bytes(&self) -> Cow<'static, [u8]> {
        match self.content {
            Content::Fixed(bytes) => Cow::Borrowed(bytes),
            Content::Printing(text) => Cow::Owned(greeting::program(text)),
        }
    }
}

/// How an image is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// Of a base alone.
    Base {
        /// What it starts from.
        base: Base,
        /// Default command.
        cmd: &'static [&'static str],
    },
    /// By `docker build`.
    Dockerfile {
        /// The names of the recipes that its Dockerfile starts from; they stand further up.
        from: &'static [&'static str],
        /// The context, the Dockerfile among it.
        context: &'static [Part],
    },
}

/// An image of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recipe {
    /// Docker's short name: `debian` stands for `docker.io/library/debian`.
    pub(super) name: &'static str,
    /// Its tags.
    pub(super) tags: &'static [&'static str],
    /// How it is made.
    pub(super) made: Made,
    /// One sentence for `docker search`.
    pub(super) description: &'static str,
    /// For an image that stands in for another distribution: what it really is, for the label `slipway.stand-in`.
    pub(super) stand_in: Option<&'static str>,
    /// Made when nobody says which; the others by `--only` or `--all`.
    pub(super) by_default: bool,
}

/// The label that says what an image really is.
pub(super) const STAND_IN: &str = "slipway.stand-in";

const BOOKWORM: Base = Base { name: "debian-bookworm", suite: "bookworm", variant: "minbase" };

/// A file of `infra/library`, by its folder there and its path in it.
macro_rules! part {
    ($folder:literal, $path:literal) => {
        part!($folder, $path, 0o644)
    };
    ($folder:literal, $path:literal, $mode:literal) => {
        Part {
            path: $path,
            mode: $mode,
            content: Content::Fixed(include_bytes!(concat!("../../../../infra/library/", $folder, "/", $path))),
        }
    };
}

/// Every image there is a recipe for; what is needed stands before what needs it.
pub(super) const RECIPES: &[Recipe] = &[
    Recipe {
        name: "debian",
        tags: &["latest", "12", "bookworm"],
        made: Made::Base { base: BOOKWORM, cmd: &["bash"] },
        description: "Debian 12 (bookworm) with apt and bash",
        stand_in: None,
        by_default: true,
    },
    Recipe {
        name: "ubuntu",
        tags: &["latest", "24.04", "noble", "22.04", "jammy"],
        made: Made::Base { base: BOOKWORM, cmd: &["/bin/bash"] },
        description: "A distribution with apt and bash",
        stand_in: Some("Debian 12 (bookworm) standing in for Ubuntu: same apt and bash, other versions"),
        by_default: true,
    },
    Recipe {
        name: "hello-world",
        tags: &["latest"],
        made: Made::Dockerfile {
            from: &[],
            context: &[
                part!("hello-world", "Dockerfile"),
                Part {
                    path: "hello",
                    mode: 0o755,
                    content: Content::Printing(include_str!("../../../../infra/library/hello-world/greeting.txt")),
                },
            ],
        },
        description: "A program that says hello and what Docker did to run it",
        stand_in: None,
        by_default: true,
    },
    Recipe {
        name: "busybox",
        tags: &["latest", "1", "1.35"],
        made: Made::Dockerfile { from: &["debian"], context: &[part!("busybox", "Dockerfile")] },
        description: "Many small programs in one, from Debian's package",
        stand_in: None,
        by_default: true,
    },
    Recipe {
        name: "alpine",
        tags: &["latest", "3", "3.20", "3.10", "3.7", "3.5"],
        made: Made::Dockerfile {
            from: &["debian"],
            context: &[
                part!("alpine", "Dockerfile"),
                part!("alpine", "make.sh"),
                part!("alpine", "root/sbin/apk", 0o755),
                part!("alpine", "root/lib/apk/index.awk"),
                part!("alpine", "root/lib/apk/solve.awk"),
                part!("alpine", "root/lib/apk/given"),
            ],
        },
        description: "A small distribution with busybox and apk",
        stand_in: Some(
            "busybox and glibc of Debian 12 standing in for Alpine Linux: its apk installs Debian's packages, other versions",
        ),
        by_default: true,
    },
    Recipe {
        name: "nginx",
        tags: &["latest", "1", "1.22"],
        made: Made::Dockerfile {
            from: &["debian"],
            context: &[
                part!("nginx", "Dockerfile"),
                part!("nginx", "root/etc/nginx/conf.d/default.conf"),
                part!("nginx", "root/usr/share/nginx/html/index.html"),
            ],
        },
        description: "A web server, from Debian's package",
        stand_in: Some("nginx of Debian 12 standing in for the official image: same places of pages and settings"),
        by_default: true,
    },
    Recipe {
        name: "mhart/alpine-node",
        tags: &["latest", "6.9.4"],
        made: Made::Dockerfile { from: &["alpine"], context: &[part!("alpine-node", "Dockerfile")] },
        description: "Node.js on a small distribution",
        stand_in: Some("Node.js 18 of Debian 12 on a stand-in for Alpine Linux, for every tag"),
        by_default: true,
    },
    Recipe {
        name: "python",
        tags: &["latest", "3", "3.11", "2.7"],
        made: Made::Dockerfile { from: &["debian"], context: &[part!("python", "Dockerfile")] },
        description: "Python with pip, from Debian's packages",
        stand_in: Some("Python 3.11 of Debian 12 standing in for the official image, for every tag"),
        by_default: false,
    },
    Recipe {
        name: "node",
        tags: &["latest", "18"],
        made: Made::Dockerfile { from: &["debian"], context: &[part!("node", "Dockerfile")] },
        description: "Node.js with npm, from Debian's packages",
        stand_in: Some("Node.js 18 and npm of Debian 12 standing in for the official image"),
        by_default: false,
    },
];

impl Recipe {
    /// The full names that containerd and Docker use: `docker.io/library/NAME:TAG`.
    pub(super) fn full_names(&self) -> impl Iterator<Item = (String, &'static str)> {
        let folder = if self.name.contains('/') { "" } else { "library/" };
        self.tags.iter().map(move |tag| (format!("docker.io/{folder}{}:{tag}", self.name), *tag))
    }

    /// The recipes that this one needs, by name.
    pub(super) fn needs(&self) -> &'static [&'static str] {
        match self.made {
            Made::Base { .. } => &[],
            Made::Dockerfile { from, .. } => from,
        }
    }
}

/// The recipe of that name.
pub(super) fn find(name: &str) -> Option<&'static Recipe> {
    RECIPES.iter().find(|recipe| recipe.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dockerfile_starts_from_has_a_recipe_further_up_and_no_other() {
        for (at, recipe) in RECIPES.iter().enumerate() {
            let Made::Dockerfile { from, context } = recipe.made else { continue };
            for name in from {
                assert!(RECIPES[..at].iter().any(|earlier| earlier.name == *name), "{}: {name}", recipe.name);
            }
            let file = context.iter().find(|part| part.path == "Dockerfile").expect("a Dockerfile");
            let parsed = engine_wasm::dockerfile::parse(&String::from_utf8_lossy(&file.bytes()));
            let program = engine_wasm::dockerfile::instructions::program(&parsed);
            assert!(program.errors.is_empty(), "{}: {:?}", recipe.name, program.errors);
            let text = String::from_utf8_lossy(&file.bytes()).into_owned();
            let starts = text.lines().filter_map(|line| line.strip_prefix("FROM ")?.split_whitespace().next());
            for name in starts.filter(|name| *name != "scratch") {
                assert!(from.contains(&name), "{}: FROM {name} is not declared", recipe.name);
            }
        }
    }

    #[test]
    fn names_are_full_and_given_once() {
        let mut names: Vec<String> =
            RECIPES.iter().flat_map(|recipe| recipe.full_names().map(|(name, _)| name)).collect();
        assert!(names.contains(&"docker.io/mhart/alpine-node:6.9.4".to_owned()));
        assert!(names.contains(&"docker.io/library/alpine:3.10".to_owned()));
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
