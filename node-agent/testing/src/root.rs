//! A small root file system for containers, made on the spot from the machine's static busybox, so that the tests need nothing from
//! outside the checkout. It has what tests look for in a distribution's small root: users, applets as links, text files, directories
//! with something in them.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files of the root: path and content.
const FILES: &[(&str, &str)] = &[
    ("etc/apk/arch", "x86_64\n"),
    ("etc/apk/repositories", "http://deb.example.com/main\nhttp://deb.example.com/community\n"),
    ("etc/apk/keys/one.pub", "first key\n"),
    ("etc/apk/keys/two.pub", "second key\n"),
    ("etc/apk/world", "busybox\n"),
    ("etc/alpine-release", "3.20.3\n"),
    ("etc/group", GROUP),
    ("etc/hostname", "localhost\n"),
    ("etc/hosts", "127.0.0.1\tlocalhost\n"),
    ("etc/issue", "A small root for tests\nKernel \\r on an \\m (\\l)\n\n"),
    ("etc/motd", "Welcome!\n\nThis message may be changed in /etc/motd.\n"),
    ("etc/os-release", "NAME=\"A small root for tests\"\nID=test\nVERSION_ID=3.20.3\n"),
    ("etc/passwd", PASSWD),
    ("etc/profile", "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPS1='\\h:\\w\\$ '\n"),
    ("etc/shells", "/bin/sh\n/bin/ash\n"),
    ("usr/share/udhcpc/default.script", "#!/bin/sh\nexit 0\n"),
    ("usr/share/misc/words", "one\ntwo\nthree\n"),
];

const DIRS: &[&str] = &[
    "bin",
    "dev",
    "home",
    "lib",
    "media/cdrom",
    "media/floppy",
    "media/usb",
    "mnt",
    "opt",
    "proc",
    "root",
    "run",
    "sbin",
    "srv",
    "sys",
    "tmp",
    "usr/bin",
    "usr/lib",
    "usr/local/bin",
    "usr/local/lib",
    "usr/sbin",
    "var/cache/misc",
    "var/empty",
    "var/lib/misc",
    "var/log",
    "var/tmp",
];

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh
bin:x:1:1:bin:/bin:/sbin/nologin
daemon:x:2:2:daemon:/sbin:/sbin/nologin
mail:x:8:12:mail:/var/mail:/sbin/nologin
games:x:35:35:games:/usr/games:/sbin/nologin
guest:x:405:100:guest:/dev/null:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
";

const GROUP: &str = "root:x:0:root
bin:x:1:root,bin,daemon
daemon:x:2:root,bin,daemon
sys:x:3:root,bin
adm:x:4:root,daemon
tty:x:5:
disk:x:6:root
wheel:x:10:root
mail:x:12:mail
video:x:27:root
games:x:35:
www-data:x:82:
users:x:100:games
nobody:x:65534:
";

/// Where the machine's busybox lies; it must be the static one (Debian: busybox-static).
#[must_use]
pub fn busybox() -> Option<PathBuf> {
    ["/usr/bin/busybox", "/bin/busybox"].map(PathBuf::from).into_iter().find(|path| path.is_file())
}

/// Fills a directory, which is made, with the root.
///
/// # Errors
/// Where there is no busybox, or a file cannot be written.
pub fn fill(root: &Path) -> io::Result<()> {
    let Some(busybox) = busybox() else {
        return Err(io::Error::other("busybox is not installed: apt-get install busybox-static"));
    };
    for dir in DIRS {
        fs::create_dir_all(root.join(dir))?;
    }
    for (place, mode) in [("tmp", 0o1777), ("var/tmp", 0o1777), ("root", 0o700)] {
        fs::set_permissions(root.join(place), fs::Permissions::from_mode(mode))?;
    }
    for (path, content) in FILES {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(path, content)?;
    }
    symlink("/run", root.join("var/run"))?;
    let copy = root.join("bin/busybox");
    fs::copy(&busybox, &copy)?;
    // Not the copy: another thread that starts a program meanwhile holds it open for writing.
    let applets = Command::new(&busybox).arg("--list-full").output()?;
    for applet in String::from_utf8_lossy(&applets.stdout).lines().filter(|path| !path.ends_with("/busybox")) {
        let place = root.join(applet);
        fs::create_dir_all(place.parent().unwrap_or(root))?;
        symlink("/bin/busybox", place)?;
    }
    Ok(())
}

/// An archive of the root in the directory, compressed as root file systems are handed around: `root.tar.gz`.
///
/// # Errors
/// As [`fill`], and where tar fails.
pub fn archive(dir: &Path) -> io::Result<PathBuf> {
    let root = dir.join("small-root");
    fill(&root)?;
    let archive = dir.join("root.tar.gz");
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@1700000000", "-czf"]);
    let status = tar.arg(&archive).arg("-C").arg(&root).arg(".").status()?;
    if !status.success() {
        return Err(io::Error::other(format!("tar ended with {status}")));
    }
    fs::remove_dir_all(&root)?;
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_holds_a_shell_and_users_and_is_the_same_each_time() {
        if busybox().is_none() {
            assert_ne!(std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref(), Ok("1"), "busybox is not installed");
            eprintln!("SKIP: busybox is not installed");
            return;
        }
        let made = |name: &str| {
            let dir = std::env::temp_dir().join(format!("slipway-small-root-{}-{name}", std::process::id()));
            fs::create_dir_all(&dir).expect("a directory");
            let archive = archive(&dir).expect("an archive");
            let list = Command::new("tar").arg("-tf").arg(&archive).output().expect("tar");
            let bytes = fs::read(&archive).expect("the archive");
            fs::remove_dir_all(&dir).expect("cleaning up");
            (String::from_utf8(list.stdout).expect("names"), bytes)
        };
        let (list, bytes) = made("one");
        for name in ["./bin/sh", "./bin/busybox", "./etc/passwd", "./tmp/"] {
            assert!(list.lines().any(|line| line == name), "{name} in {list}");
        }
        assert!(made("two").1 == bytes, "equal content gives equal bytes");
    }
}
