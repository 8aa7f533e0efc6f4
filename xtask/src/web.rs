//! Builds the site: the Rust page to WebAssembly, its JavaScript glue, styles and fonts into hashed assets under `target/slipway/web/`.
//! Everything comes through cargo and npm; wasm-bindgen is linked in as a library, so its version cannot drift from the page's.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use wasm_bindgen_cli_support::Bindgen;

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// What rustc takes for granted in a WebAssembly engine today; wasm-opt may use no more, or older browsers refuse the result.
pub(crate) const FEATURES: [&str; 6] =
    ["bulk-memory", "multivalue", "mutable-globals", "nontrapping-float-to-int", "reference-types", "sign-ext"];
/// Part of the stamp: raise it when the steps below change what they write.
const RECIPE: u32 = 3;

/// How much work goes into the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Compiles fast, keeps names and source maps.
    Debug,
    /// Small: link-time optimisation, wasm-opt, minified scripts and styles.
    Release,
}

/// Leaves the site in `<root>/target/slipway/web/`: `index.html` and, under `assets/`, files whose names carry a hash of their content.
/// Does nothing when no input has changed. Needs `npm` (Node.js 18 or later) and, for the target, `rustup`.
pub fn build(root: &Path, profile: Profile) -> Result<()> {
    let web = root.join("web");
    let site = Site {
        out: root.join("target/slipway/web"),
        work: root.join("target/slipway/web-build"),
        stamp: root.join("target/slipway/web.stamp"),
        web,
        profile,
    };
    install_packages(&site.web)?;
    add_target()?;
    let wasm = site.compile(root)?;
    let stamp = site.fingerprint(&wasm)?;
    if site.out.join("index.html").is_file() && fs::read_to_string(&site.stamp).is_ok_and(|s| s == stamp) {
        return Ok(());
    }
    site.bind(&wasm)?;
    site.bundle()?;
    site.publish()?;
    fs::write(&site.stamp, stamp).with_context(|| format!("writing {}", site.stamp.display()))
}

struct Site {
    web: PathBuf,
    out: PathBuf,
    work: PathBuf,
    stamp: PathBuf,
    profile: Profile,
}

impl Site {
    fn compile(&self, root: &Path) -> Result<PathBuf> {
        let profile = match self.profile {
            Profile::Debug => "dev",
            Profile::Release => "web",
        };
        run(
            Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
                .args(["build", "--package", "slipway-web", "--lib"])
                .args(["--target", TARGET, "--profile", profile])
                .current_dir(root),
            "compiling the page to WebAssembly",
        )?;
        let dir = match self.profile {
            Profile::Debug => "debug",
            Profile::Release => "web",
        };
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
        Ok(target.join(TARGET).join(dir).join("slipway_web.wasm"))
    }

    fn fingerprint(&self, wasm: &Path) -> Result<String> {
        let mut hasher = DefaultHasher::new();
        (RECIPE, self.profile).hash(&mut hasher);
        let mut files = vec![wasm.to_owned(), self.web.join("index.html"), self.web.join("package-lock.json")];
        for dir in ["js", "styles", "static", "tools"] {
            walk(&self.web.join(dir), &mut files)?;
        }
        for file in files {
            file.hash(&mut hasher);
            fs::read(&file).with_context(|| format!("reading {}", file.display()))?.hash(&mut hasher);
        }
        Ok(format!("{:016x}\n", hasher.finish()))
    }

    /// Writes `slipway_web.js` and `slipway_web_bg.wasm` into the work folder.
    fn bind(&self, wasm: &Path) -> Result<()> {
        remake(&self.work)?;
        let release = self.profile == Profile::Release;
        let mut bindgen = Bindgen::new();
        bindgen
            .input_path(wasm)
            .typescript(false)
            .omit_default_module_path(true)
            .remove_name_section(release)
            .remove_producers_section(release);
        bindgen.web(true).context("setting wasm-bindgen up")?;
        bindgen.generate(&self.work).with_context(|| format!("binding {}", wasm.display()))?;
        if release {
            let wasm = self.work.join("slipway_web_bg.wasm");
            run(
                self.node("binaryen/bin/wasm-opt")
                    .arg("-Os")
                    .args(FEATURES.map(|feature| format!("--enable-{feature}")))
                    .arg("-o")
                    .arg(&wasm)
                    .arg(&wasm),
                "shrinking the WebAssembly",
            )?;
        }
        Ok(())
    }

    fn bundle(&self) -> Result<()> {
        let assets = self.staging().join("assets");
        remake(&self.staging())?;
        let mut esbuild = self.node("esbuild/bin/esbuild");
        esbuild
            .args(["js/main.js", "js/theme.js", "--bundle", "--format=esm"])
            .args(["--target=es2022", "--charset=utf8", "--log-level=warning"])
            .args(["--entry-names=[name]-[hash]", "--asset-names=[name]-[hash]"])
            .args(["--loader:.wasm=file", "--loader:.woff2=file"])
            .args([
                "--alias:xterm=@xterm/xterm",
                "--alias:xterm-addon-fit=@xterm/addon-fit",
                "--alias:xterm-addon-unicode11=@xterm/addon-unicode11",
                "--alias:xterm-addon-web-links=@xterm/addon-web-links",
            ])
            .arg(format!("--alias:slipway-web={}", self.work.join("slipway_web.js").display()))
            .arg(format!("--alias:slipway-web-wasm={}", self.work.join("slipway_web_bg.wasm").display()))
            .arg(format!("--outdir={}", assets.display()))
            .arg(format!("--metafile={}", self.metafile().display()))
            .current_dir(&self.web)
            // The bound module lies outside web/, and imports its packages by name.
            .env("NODE_PATH", self.web.join("node_modules"));
        match self.profile {
            Profile::Debug => esbuild.arg("--sourcemap"),
            Profile::Release => esbuild.args(["--minify", "--legal-comments=none"]),
        };
        run(&mut esbuild, "bundling scripts, styles and fonts")
    }

    /// Fills the names of the assets into `index.html` and moves the whole site into its place.
    fn publish(&self) -> Result<()> {
        let meta: serde_json::Value =
            serde_json::from_slice(&fs::read(self.metafile()).context("reading what esbuild wrote")?)
                .context("reading esbuild's metafile")?;
        let mut page = fs::read_to_string(self.web.join("index.html")).context("index.html")?;
        let outputs = meta["outputs"].as_object().context("no outputs bundled")?;
        for (path, output) in outputs {
            let url = format!("/assets/{}", file_name(path));
            match output["entryPoint"].as_str() {
                Some("js/main.js") => {
                    page = page.replace("{main.js}", &url);
                    let css = output["cssBundle"].as_str().context("no styles bundled")?;
                    page = page.replace("{main.css}", &format!("/assets/{}", file_name(css)));
                }
                Some("js/theme.js") => page = page.replace("{theme.js}", &url),
                _ if path.ends_with(".wasm") => page = page.replace("{wasm}", &url),
                _ if file_name(path).starts_with("inter-latin-wght") => {
                    page = page.replace("{inter.woff2}", &url);
                }
                _ => {}
            }
        }
        for left in ["{main.js}", "{main.css}", "{theme.js}", "{wasm}", "{inter.woff2}"] {
            ensure!(!page.contains(left), "index.html: nothing was bundled for {left}");
        }
        let staging = self.staging();
        fs::write(staging.join("index.html"), page).context("writing index.html")?;
        let mut files = Vec::new();
        let fixed = self.web.join("static");
        walk(&fixed, &mut files)?;
        for file in files {
            let name = file.strip_prefix(&fixed).context("a file of static/")?;
            fs::copy(&file, staging.join(name)).with_context(|| format!("copying {}", file.display()))?;
        }
        if self.profile == Profile::Release {
            run(
                Command::new("node").arg(self.web.join("tools/compress.mjs")).arg(&staging),
                "compressing what browsers fetch",
            )?;
        }
        if self.out.exists() {
            fs::remove_dir_all(&self.out).with_context(|| format!("removing {}", self.out.display()))?;
        }
        fs::rename(&staging, &self.out).with_context(|| format!("making {}", self.out.display()))
    }

    fn node(&self, program: &str) -> Command {
        node_tool(&self.web, program)
    }

    fn staging(&self) -> PathBuf {
        self.work.join("site")
    }

    fn metafile(&self) -> PathBuf {
        self.work.join("bundle.json")
    }
}

/// `npm ci` in a folder when its lock file has changed since the last one. No package's install script runs: none of ours needs one.
pub(crate) fn install_packages(dir: &Path) -> Result<()> {
    let lock = dir.join("package-lock.json");
    let wanted = fs::read(&lock).with_context(|| format!("reading {}", lock.display()))?;
    let done = dir.join("node_modules/.slipway-lock");
    if fs::read(&done).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    run(
        Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(dir),
        "installing npm packages (needs Node.js 18 or later with npm)",
    )?;
    fs::write(&done, wanted).with_context(|| format!("writing {}", done.display()))
}

/// Runs a program of an npm package with node, which is how its own launcher does it, on every platform.
pub(crate) fn node_tool(web: &Path, program: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(web.join("node_modules").join(program));
    command
}

/// Makes sure that the compiler has a standard library for the browser.
pub(crate) fn add_target() -> Result<()> {
    let sysroot = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("asking rustc for its libraries (is Rust installed? https://rustup.rs)")?;
    if Path::new(String::from_utf8_lossy(&sysroot.stdout).trim()).is_dir() {
        return Ok(());
    }
    run(
        Command::new("rustup").args(["target", "add", TARGET]),
        "adding the WebAssembly target (install Rust by rustup, https://rustup.rs)",
    )
}

fn run(command: &mut Command, what: &str) -> Result<()> {
    eprintln!("site: {what}");
    let status = command.status().with_context(|| format!("{what}: cannot start {:?}", command.get_program()))?;
    if !status.success() {
        bail!("{what}: {command:?} ended with {status}");
    }
    Ok(())
}

pub(crate) fn remake(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))?;
    }
    fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))
}

pub(crate) fn walk(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(dir).with_context(|| format!("listing {}", dir.display()))?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
