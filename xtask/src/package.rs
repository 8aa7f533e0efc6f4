//! Builds the npm package of engine-wasm under `target/slipway/engine-wasm/`: the crate as WebAssembly, its scripts and types.
//! Uses the site's npm packages (esbuild, binaryen), and refuses a package that has grown past what was promised.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use wasm_bindgen_cli_support::Bindgen;

use crate::layout::Layout;
use crate::process::{cargo, run};
use crate::shrink;
use crate::web::{FEATURES, TARGET, add_target, install_packages, node_tool, remake, walk};

/// The most that all files of the package may have, each compressed on its own as a server sends them.
const MOST_GZIPPED: u64 = 450_000;
/// The scripts that others import or start.
const ENTRIES: [&str; 6] = ["browser.js", "node.js", "worker.js", "worker.node.js", "entry.js", "entry.node.js"];
/// The declarations' parts, in the order in which the package has them in one file.
const TYPES: [&str; 7] = ["start", "dockerfile", "checks", "functions", "texts", "images", "store"];
/// Part of the stamp: raise it when the steps below change what they write.
const RECIPE: u32 = 5;

/// The package's files and what they come to.
#[derive(Debug)]
pub struct Size {
    /// Name, bytes, and bytes when compressed.
    pub files: Vec<(String, u64, u64)>,
}

impl Size {
    /// Bytes of all files, each compressed.
    pub fn gzipped(&self) -> u64 {
        self.files.iter().map(|(_, _, gzipped)| gzipped).sum()
    }
}

/// Leaves the package in `target/slipway/engine-wasm/` and does nothing when no input has changed.
///
/// # Errors
/// Where a step fails, and where the package is larger than promised.
pub fn build(layout: &Layout) -> Result<()> {
    let package = Package {
        source: layout.root.join("engine-wasm/npm"),
        web: layout.root.join("web"),
        work: layout.out().join("engine-wasm-build"),
        out: layout.package(),
    };
    let stamp_file = layout.out().join("engine-wasm.stamp");
    install_packages(&package.web)?;
    add_target()?;
    let wasm = compile(layout)?;
    let stamp = package.fingerprint(&wasm)?;
    if package.out.join("package.json").is_file() && fs::read_to_string(&stamp_file).is_ok_and(|had| had == stamp) {
        return Ok(());
    }
    package.bind(&wasm)?;
    package.bundle()?;
    package.copy()?;
    let staging = package.staging();
    let size = measure(&staging)?;
    for (name, bytes, gzipped) in &size.files {
        eprintln!("    {name:<24} {bytes:>9} bytes, {gzipped:>7} compressed");
    }
    ensure!(
        size.gzipped() <= MOST_GZIPPED,
        "the package has {} bytes compressed and may have {MOST_GZIPPED}: see {} for what grew",
        size.gzipped(),
        staging.display()
    );
    eprintln!("    {} bytes compressed in all, of {MOST_GZIPPED}", size.gzipped());
    if package.out.exists() {
        fs::remove_dir_all(&package.out).with_context(|| format!("removing {}", package.out.display()))?;
    }
    fs::rename(&staging, &package.out).with_context(|| format!("making {}", package.out.display()))?;
    fs::write(&stamp_file, stamp).with_context(|| format!("writing {}", stamp_file.display()))
}

/// The crate as WebAssembly. It becomes a `cdylib` only here, so that no native build links one.
fn compile(layout: &Layout) -> Result<PathBuf> {
    run(
        cargo()
            .args(["rustc", "--quiet", "--package", "engine-wasm", "--lib", "--crate-type", "cdylib"])
            .args(["--target", TARGET, "--profile", "engine"])
            .args(["--config", &format!("target.{TARGET}.rustflags=[\"-C\", \"target-feature=+simd128\"]")])
            // A flag of the environment would take the place of the one above.
            .env_remove("RUSTFLAGS")
            .current_dir(&layout.root),
        "compiling the engine to WebAssembly",
    )?;
    Ok(layout.target().join(TARGET).join("engine/engine_wasm.wasm"))
}

/// The size of every file in a directory.
///
/// # Errors
/// Where a file cannot be read.
pub fn measure(dir: &Path) -> Result<Size> {
    let mut paths = Vec::new();
    walk(dir, &mut paths)?;
    let mut files = Vec::new();
    for path in paths {
        let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&bytes).and_then(|()| gzip.flush()).context("compressing")?;
        let gzipped = gzip.finish().context("compressing")?.len();
        let name = path.strip_prefix(dir).unwrap_or(&path).display().to_string();
        files.push((name, bytes.len() as u64, gzipped as u64));
    }
    Ok(Size { files })
}

struct Package {
    source: PathBuf,
    web: PathBuf,
    work: PathBuf,
    out: PathBuf,
}

impl Package {
    fn fingerprint(&self, wasm: &Path) -> Result<String> {
        let mut hasher = DefaultHasher::new();
        RECIPE.hash(&mut hasher);
        let mut files = vec![wasm.to_owned(), self.web.join("package-lock.json"), self.source.join("README.md")];
        walk(&self.source.join("src"), &mut files)?;
        for file in files {
            file.hash(&mut hasher);
            fs::read(&file).with_context(|| format!("reading {}", file.display()))?.hash(&mut hasher);
        }
        Ok(format!("{:016x}\n", hasher.finish()))
    }

    /// Writes `engine_wasm.js` and, made smaller and faster, `engine_wasm_bg.wasm` into the work folder.
    fn bind(&self, wasm: &Path) -> Result<()> {
        remake(&self.work)?;
        let mut bindgen = Bindgen::new();
        bindgen
            .input_module("engine_wasm", shrink::without_panics(wasm)?)
            .typescript(false)
            .omit_default_module_path(true)
            .remove_name_section(true)
            .remove_producers_section(true);
        bindgen.web(true).context("setting wasm-bindgen up")?;
        bindgen.generate(&self.work).with_context(|| format!("binding {}", wasm.display()))?;
        let wasm = self.work.join("engine_wasm_bg.wasm");
        // Taking the control flow apart and putting it together anew saves another hundredth.
        self.optimise(&wasm, &["-Oz", "--flatten", "--rereloop", "-Oz", "-Oz"])?;
        let ranked = shrink::ranked(&fs::read(&wasm).context("reading the module")?)?;
        fs::write(&wasm, ranked).context("writing the module")?;
        self.optimise(&wasm, &["-Oz", "--reorder-functions-by-name"])
    }

    fn optimise(&self, wasm: &Path, how: &[&str]) -> Result<()> {
        run(
            node_tool(&self.web, "binaryen/bin/wasm-opt")
                .args(how)
                .args(FEATURES.map(|feature| format!("--enable-{feature}")))
                .arg("--enable-simd")
                .arg("-o")
                .arg(wasm)
                .arg(wasm),
            "optimising the WebAssembly",
        )
    }

    fn bundle(&self) -> Result<()> {
        let source = self.source.join("src");
        remake(&self.staging())?;
        run(
            node_tool(&self.web, "esbuild/bin/esbuild")
                .args(ENTRIES)
                .args(["--bundle", "--splitting", "--format=esm", "--target=es2022", "--charset=utf8", "--minify"])
                .args(["--platform=neutral", "--external:node:*", "--chunk-names=[name]-[hash]"])
                .args(["--legal-comments=none", "--log-level=warning"])
                .arg(format!("--alias:engine-wasm-bound={}", self.work.join("engine_wasm.js").display()))
                .arg(format!("--outdir={}", self.staging().display()))
                .current_dir(source),
            "bundling the package's scripts",
        )
    }

    fn copy(&self) -> Result<()> {
        let staging = self.staging();
        let source = self.source.join("src");
        let wasm = fs::read(self.work.join("engine_wasm_bg.wasm")).context("reading the module")?;
        fs::write(staging.join("engine.wasm.lzma"), shrink::packed(&wasm)?).context("writing the module")?;
        let mut files = vec![("README.md", self.source.join("README.md"))];
        files.extend(["package.json", "worker.d.ts"].map(|name| (name, source.join(name))));
        for (name, from) in files {
            fs::copy(&from, staging.join(name)).with_context(|| format!("copying {}", from.display()))?;
        }
        let mut types = String::new();
        for name in TYPES {
            let part = source.join("types").join(format!("{name}.d.ts"));
            types += &fs::read_to_string(&part).with_context(|| format!("reading {}", part.display()))?;
        }
        fs::write(staging.join("index.d.ts"), types).context("writing the declarations")
    }

    fn staging(&self) -> PathBuf {
        self.work.join("package")
    }
}
