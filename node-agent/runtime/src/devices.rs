//! Device nodes and the customary links of `/dev`: made with `mknod`, or bound from the host where a user namespace forbids that.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use oci_spec::runtime::{LinuxDevice, LinuxDeviceType};
use rustix::fs::{AtFlags, FileType, Gid, Mode, Uid};

use crate::error::{Context, Error, Result};
use crate::mounts::{attach, open_below, open_tree, place};

/// A device to be made in the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) path: PathBuf,
    pub(crate) kind: FileType,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
}

/// runtime-spec, "Default Devices".
const DEFAULT: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// The default devices and `linux.devices`; the latter win.
pub(crate) fn plan(devices: &[LinuxDevice]) -> Result<Vec<Device>> {
    let mut all: Vec<Device> = DEFAULT
        .iter()
        .map(|&(name, major, minor)| Device {
            path: Path::new("/dev").join(name),
            kind: FileType::CharacterDevice,
            major,
            minor,
            mode: 0o666,
            owner: (0, 0),
        })
        .collect();
    for device in devices {
        let kind = match device.typ() {
            LinuxDeviceType::B => FileType::BlockDevice,
            LinuxDeviceType::C | LinuxDeviceType::U => FileType::CharacterDevice,
            LinuxDeviceType::P => FileType::Fifo,
            LinuxDeviceType::A => {
                return Err(Error::Spec(format!(
                    "device {} has type \"a\": use b, c, u or p",
                    device.path().display()
                )));
            }
        };
        let number = |n: i64| {
            u32::try_from(n).map_err(|_| Error::Spec(format!("device {} has number {n}", device.path().display())))
        };
        let planned = Device {
            path: device.path().clone(),
            kind,
            major: number(device.major())?,
            minor: number(device.minor())?,
            mode: device.file_mode().unwrap_or(0o666) & 0o7777,
            owner: (device.uid().unwrap_or(0), device.gid().unwrap_or(0)),
        };
        all.retain(|d| d.path != planned.path);
        all.push(planned);
    }
    Ok(all)
}

/// The host's own nodes, opened for binding; for containers that may not make any.
pub(crate) fn open_host(devices: &[Device]) -> Result<Vec<Option<OwnedFd>>> {
    devices
        .iter()
        .map(|d| if d.kind == FileType::Fifo { Ok(None) } else { open_tree(&d.path, false).map(Some) })
        .collect()
}

/// Makes one device below the container's root, or binds `host` there.
pub(crate) fn make(root: &OwnedFd, device: &Device, host: Option<&OwnedFd>) -> Result<()> {
    let what = || format!("make the device {}", device.path.display());
    if let Some(tree) = host {
        return attach(tree, place(root, &device.path, false)?).context(what);
    }
    let name = device
        .path
        .file_name()
        .ok_or_else(|| Error::Spec(format!("device path {} has no name", device.path.display())))?;
    let parent = place(root, device.path.parent().unwrap_or(Path::new("/")), true)?;
    let number = rustix::fs::makedev(device.major, device.minor);
    match rustix::fs::mknodat(&parent, name, device.kind, Mode::from_raw_mode(device.mode), number) {
        Err(rustix::io::Errno::EXIST) => return Ok(()),
        other => other.context(what)?,
    }
    // Independent of the umask.
    rustix::fs::chmodat(&parent, name, Mode::from_raw_mode(device.mode), AtFlags::empty()).context(what)?;
    if device.owner != (0, 0) {
        let (uid, gid) = device.owner;
        rustix::fs::chownat(
            &parent,
            name,
            Some(Uid::from_raw(uid)),
            Some(Gid::from_raw(gid)),
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .context(what)?;
    }
    Ok(())
}

/// `/dev/fd`, the standard streams and `/dev/ptmx` (runtime-spec, "Dev symbolic links").
pub(crate) fn make_links(root: &OwnedFd) -> Result<()> {
    let dev = open_below(root, Path::new("/dev")).context(|| "open /dev".into())?;
    let links = [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ];
    for (name, target) in links {
        link(&dev, name, target)?;
    }
    if open_below(root, Path::new("/proc/kcore")).is_ok() {
        link(&dev, "core", "/proc/kcore")?;
    }
    if open_below(root, Path::new("/dev/pts/ptmx")).is_ok() {
        let _ = rustix::fs::unlinkat(&dev, "ptmx", AtFlags::empty());
        link(&dev, "ptmx", "pts/ptmx")?;
    }
    Ok(())
}

fn link(dev: &OwnedFd, name: &str, target: &str) -> Result<()> {
    match rustix::fs::symlinkat(target, dev, name) {
        Err(rustix::io::Errno::EXIST) => Ok(()),
        other => other.context(|| format!("link /dev/{name} to {target}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_devices_replace_the_default_ones_of_their_path() {
        let mut fuse = LinuxDevice::default();
        fuse.set_path("/dev/null".into())
            .set_typ(LinuxDeviceType::C)
            .set_major(1)
            .set_minor(3)
            .set_file_mode(Some(0o600))
            .set_uid(Some(5));
        let all = plan(&[fuse]).unwrap();
        assert_eq!(all.len(), 6);
        let null = all.iter().find(|d| d.path == Path::new("/dev/null")).unwrap();
        assert_eq!((null.mode, null.owner), (0o600, (5, 0)));
    }

    #[test]
    fn a_device_of_type_all_cannot_be_made() {
        let mut all = LinuxDevice::default();
        all.set_path("/dev/x".into()).set_typ(LinuxDeviceType::A);
        assert!(plan(&[all]).is_err());
    }
}
