//! A base: a root filesystem made by mmdebstrap, streamed as a tar archive into a compressed layer. Nothing is unpacked on the way.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};

use super::error::Error;
use super::layout::Layout;
use super::recipe::Base;

const SETUP: &str = include_str!("../../../../infra/library/debian/setup.sh");
/// No file of a layer is younger: mmdebstrap clamps times, so that equal packages give equal layers.
pub(super) const EPOCH: u64 = 1_735_689_600;
/// Documents, manuals and translations are two fifths of a small Debian; Ubuntu's images leave them out in the same way.
const EXCLUDES: &str = "path-exclude=/usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n\
path-exclude=/usr/share/info/*\npath-exclude=/usr/share/lintian/*\npath-exclude=/usr/share/locale/*\npath-exclude=/usr/share/man/*\n";

/// How many bytes of an archive are compressed at a time.
const BLOCK: usize = 256 * 1024;

/// A finished layer.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// Digest of the compressed blob.
    pub(super) digest: String,
    /// Digest of the tar archive in it.
    pub(super) diff_id: String,
    /// Bytes of the blob.
    pub(super) size: u64,
    /// The date of Debian's package lists that it was made from, RFC 3339.
    pub(super) created: String,
}

/// Debian's mirrors: the official one, or a nearer one by environment.
pub(super) struct Mirrors {
    debian: String,
    security: String,
}

impl Mirrors {
    /// `SLIPWAY_DEBIAN_MIRROR` and `SLIPWAY_DEBIAN_SECURITY_MIRROR`, if they are set.
    pub(super) fn from_env() -> Self {
        let get = |name: &str, or: &str| {
            std::env::var(name).ok().filter(|url| !url.is_empty()).unwrap_or_else(|| or.to_owned())
        };
        Self {
            debian: get("SLIPWAY_DEBIAN_MIRROR", "http://deb.debian.org/debian"),
            security: get("SLIPWAY_DEBIAN_SECURITY_MIRROR", "http://deb.debian.org/debian-security"),
        }
    }

    fn sources(&self, suite: &str) -> [String; 3] {
        [
            format!("deb {} {suite} main", self.debian),
            format!("deb {} {suite}-updates main", self.debian),
            format!("deb {} {suite}-security main", self.security),
        ]
    }
}

/// Digest of everything that decides what a base becomes, apart from the packages' versions.
pub(super) fn stamp(base: &Base, mirrors: &Mirrors, certificates: &[Vec<u8>]) -> String {
    let mut digest = Sha256::new();
    let epoch = EPOCH.to_string();
    let texts = [base.name, base.suite, base.variant, SETUP, &epoch, EXCLUDES, std::env::consts::ARCH];
    let sources = mirrors.sources(base.suite);
    let parts = texts.iter().map(|text| text.as_bytes());
    let parts = parts.chain(sources.iter().map(String::as_bytes)).chain(certificates.iter().map(Vec::as_slice));
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    hex::encode(digest.finalize())
}

/// Makes the base's layer in the layout.
pub(super) fn make(base: &Base, mirrors: &Mirrors, certificates: &[Vec<u8>], layout: &Layout) -> Result<Layer, Error> {
    let work = layout.partial();
    let hooks = Hooks::write(&work, certificates)?;
    let mut command = mmdebstrap();
    command
        .args(["--format=tar", "--skip=output/dev"])
        .arg(format!("--variant={}", base.variant))
        // Given as options, since the first packages are unpacked without reading dpkg's own configuration.
        .arg(format!("--dpkgopt={}", work.join("excludes").display()))
        .arg(r#"--customize-hook=grep -h '^Date:' "$1"/var/lib/apt/lists/*Release > "$SLIPWAY_WORK/dates""#)
        .args(trust(certificates))
        .arg(r#"--customize-hook=install -m 0755 "$SLIPWAY_WORK/setup.sh" "$1/tmp/setup.sh""#)
        .arg(r#"--customize-hook=chroot "$1" /tmp/setup.sh && rm "$1/tmp/setup.sh""#)
        .args([base.suite, "-"])
        .args(mirrors.sources(base.suite))
        .env("SLIPWAY_WORK", &work)
        .env("SOURCE_DATE_EPOCH", EPOCH.to_string())
        // The root filesystem in the making lies where the next build sweeps, should this one be killed.
        .env("TMPDIR", &work)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child =
        command.spawn().map_err(|source| Error::Tool { tool: "mmdebstrap", package: "mmdebstrap", source })?;
    // Stdio::piped() was asked for above.
    let archive = child.stdout.take().expect("stdout is a pipe");
    let blob = work.join("layer");
    let compressed = compress(archive, &blob);
    if compressed.is_err() {
        // The pipe is closed, so mmdebstrap ends as well.
        let _ = child.kill();
    }
    let status = child.wait().map_err(Error::io("waiting for mmdebstrap in", &work))?;
    if !status.success() {
        return Err(Error::Mmdebstrap { base: base.name, status: status.to_string() });
    }
    let (digest, diff_id, size) = compressed?;
    layout.adopt(&blob, &digest)?;
    let created = newest_date(&hooks.dates()?).unwrap_or_else(|| "2025-01-01T00:00:00Z".into());
    Ok(Layer { digest, diff_id, size, created })
}

/// As root: in mount and pid namespaces of its own, so that the kernel ends everything it started and unmounts everything it mounted,
/// however we end. Otherwise mmdebstrap finds its own way.
fn mmdebstrap() -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new("mmdebstrap");
    }
    let mut command = super::workshop::inside();
    command.args(["mmdebstrap", "--mode=root"]);
    command
}

/// mmdebstrap's options that put certificates into the image and make its programs trust them.
fn trust(certificates: &[Vec<u8>]) -> &'static [&'static str] {
    if certificates.is_empty() {
        return &[];
    }
    &[
        "--include=ca-certificates",
        r#"--customize-hook=install -D -m 0644 -t "$1/usr/local/share/ca-certificates" "$SLIPWAY_WORK"/slipway-*.crt"#,
        r#"--customize-hook=chroot "$1" update-ca-certificates"#,
    ]
}

/// The files that the hooks read and write.
struct Hooks {
    work: PathBuf,
}

impl Hooks {
    fn write(work: &Path, certificates: &[Vec<u8>]) -> Result<Self, Error> {
        let put = |name: &str, content: &[u8]| {
            let path = work.join(name);
            fs::write(&path, content).map_err(Error::io("writing", &path))
        };
        put("setup.sh", SETUP.as_bytes())?;
        put("excludes", EXCLUDES.as_bytes())?;
        for (number, certificate) in certificates.iter().enumerate() {
            put(&format!("slipway-{number}.crt"), certificate)?;
        }
        Ok(Self { work: work.to_owned() })
    }

    fn dates(&self) -> Result<String, Error> {
        let path = self.work.join("dates");
        fs::read_to_string(&path).map_err(Error::io("reading", &path))
    }
}

/// Compresses a tar archive; returns the blob's digest, the archive's and the blob's size.
pub(super) fn compress(mut archive: impl Read, blob: &Path) -> Result<(String, String, u64), Error> {
    let file = File::create(blob).map_err(Error::io("making", blob))?;
    let work = || -> io::Result<_> {
        let mut plain = Sha256::new();
        // No name and no time in gzip's header: equal archives give equal blobs.
        let mut gzip = GzBuilder::new()
            .mtime(0)
            .write(Hashed { inner: file, digest: Sha256::new(), bytes: 0 }, Compression::default());
        // Whole blocks: what the compressor writes depends on how its input is cut, and a pipe cuts it by chance.
        let mut block = Vec::with_capacity(BLOCK);
        loop {
            block.clear();
            if archive.by_ref().take(BLOCK as u64).read_to_end(&mut block)? == 0 {
                break;
            }
            plain.update(&block);
            gzip.write_all(&block)?;
        }
        let blob = gzip.finish()?;
        blob.inner.sync_all()?;
        let sha256 = |digest: Sha256| format!("sha256:{}", hex::encode(digest.finalize()));
        Ok((sha256(blob.digest), sha256(plain), blob.bytes))
    };
    work().map_err(Error::io("writing", blob))
}

/// A writer that keeps the digest and the number of the bytes that went through.
struct Hashed<W> {
    inner: W,
    digest: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.digest.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The newest of lines like `Date: Sat, 17 May 2025 09:36:11 UTC`, in RFC 3339.
fn newest_date(lines: &str) -> Option<String> {
    use time::format_description::well_known::Rfc3339;
    use time::macros::format_description;
    let form = format_description!(
        "[weekday repr:short], [day padding:none] [month repr:short] [year] [hour]:[minute]:[second] UTC"
    );
    lines
        .lines()
        .filter_map(|line| time::PrimitiveDateTime::parse(line.strip_prefix("Date:")?.trim(), &form).ok())
        .max()
        .and_then(|date| date.assume_utc().format(&Rfc3339).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_the_package_lists_dates_the_image() {
        let lines = "Date: Sat, 17 May 2025 09:36:11 UTC\nDate: Tue,  3 Jun 2025 02:03:04 UTC\nDate: Mon, 19 May 2025 20:00:00 UTC\n";
        let spaced = lines.replace("  3", " 3");
        assert_eq!(newest_date(&spaced).as_deref(), Some("2025-06-03T02:03:04Z"));
        assert_eq!(newest_date("nothing"), None);
    }

    /// Gives what it has in pieces of other sizes each time, as a pipe does.
    struct Pipe<'a> {
        rest: &'a [u8],
        pieces: std::iter::Cycle<std::vec::IntoIter<usize>>,
    }

    impl Read for Pipe<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.pieces.next().unwrap_or(1).min(buffer.len()).min(self.rest.len());
            let (now, rest) = self.rest.split_at(piece);
            buffer[..piece].copy_from_slice(now);
            self.rest = rest;
            Ok(piece)
        }
    }

    #[test]
    fn equal_archives_give_equal_blobs_however_they_arrive_and_the_digests_are_those_of_the_bytes() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        // Neither constant nor random: text-like, so that the compressor has choices.
        let archive: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(n >> 7) >> 11) as u8 & 0x3f).collect();
        let made = |name: &str, pieces: Vec<usize>| {
            let blob = dir.path().join(name);
            let pipe = Pipe { rest: &archive, pieces: pieces.into_iter().cycle() };
            (compress(pipe, &blob).expect("compressing"), fs::read(&blob).expect("the blob"))
        };
        let (first, blob) = made("whole", vec![usize::MAX]);
        assert_eq!(made("pipe", vec![65_536, 4096, 10_240, 1]).0, first);
        assert_eq!(made("odd", vec![7777, 131_072, 13]).0, first);
        assert_eq!(first.0, format!("sha256:{}", hex::encode(Sha256::digest(&blob))));
        assert_eq!(first.1, format!("sha256:{}", hex::encode(Sha256::digest(&archive))));
        assert_eq!(first.2, blob.len() as u64);
    }

    #[test]
    fn certificates_come_with_the_program_that_makes_them_trusted() {
        assert!(trust(&[]).is_empty(), "an image without them needs no package more");
        let options = trust(&[b"certificate".to_vec()]);
        assert!(options.contains(&"--include=ca-certificates"), "{options:?}");
        assert!(options.iter().any(|option| option.ends_with("update-ca-certificates")), "{options:?}");
    }

    #[test]
    fn the_stamp_changes_with_base_mirror_and_certificate() {
        let base = Base { name: "b", suite: "bookworm", variant: "minbase" };
        let mirrors = |debian: &str| Mirrors { debian: debian.into(), security: "s".into() };
        let first = stamp(&base, &mirrors("m"), &[]);
        assert_eq!(stamp(&base, &mirrors("m"), &[]), first);
        assert_ne!(stamp(&Base { suite: "trixie", ..base }, &mirrors("m"), &[]), first);
        assert_ne!(stamp(&base, &mirrors("n"), &[]), first);
        assert_ne!(stamp(&base, &mirrors("m"), &[b"certificate".to_vec()]), first);
    }
}
