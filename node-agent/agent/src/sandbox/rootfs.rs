//! A node's root filesystem: the session's disk, the node image with the node's ids over it, and what every node's `/etc` says.
//! Everything is mounted in the agent's own mount namespace, so that it goes with the agent and the node's processes.

use std::{
    fs, io,
    os::fd::{AsFd as _, AsRawFd as _},
    os::unix::fs::{DirBuilderExt, chown},
    path::{Path, PathBuf},
};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::{Error, Result, at, disk, idmap};

/// The directories of one node, all under `<data-dir>/nodes/<tag>`.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) dir: PathBuf,
    pub(crate) image: PathBuf,
    pub(crate) disk: PathBuf,
    pub(crate) lower: PathBuf,
    pub(crate) rootfs: PathBuf,
    pub(crate) bundle: PathBuf,
}

impl Layout {
    pub(crate) fn of(dir: &Path) -> Self {
        let sub = |name| dir.join(name);
        Self {
            dir: dir.to_owned(),
            image: sub("disk.ext4"),
            disk: sub("disk"),
            lower: sub("lower"),
            rootfs: sub("rootfs"),
            bundle: sub("bundle"),
        }
    }

    /// The directory on the disk that becomes `/var/lib/docker`.
    pub(crate) fn docker(&self) -> PathBuf {
        self.disk.join("docker")
    }

    /// The directory with the node's socket for layers.
    pub(crate) fn layers(&self) -> PathBuf {
        self.dir.join("host")
    }
}

/// What `/etc` in a node says.
#[derive(Clone, Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) hostname: &'a str,
    pub(crate) address: std::net::Ipv4Addr,
    pub(crate) dns: &'a [std::net::Ipv4Addr],
    pub(crate) extra_ca: Option<&'a [u8]>,
}

/// Makes disk, lower and rootfs. On an error what was made stays for [`unmount`] and [`remove`].
pub(crate) fn build(
    layout: &Layout,
    template: &Path,
    node_image: &Path,
    base: u32,
    identity: &Identity<'_>,
) -> Result<()> {
    for dir in [&layout.disk, &layout.lower, &layout.rootfs, &layout.bundle] {
        // 0711: the node's root, nobody on the host, walks through to its own root filesystem.
        fs::DirBuilder::new().mode(0o711).create(dir).map_err(at("create", dir))?;
    }
    disk::copy_sparse(template, &layout.image)?;
    {
        let (_attached, device) = disk::attach_loop(&layout.image)?;
        mount(
            Some(&device),
            &layout.disk,
            Some("ext4"),
            MsFlags::MS_NODEV | MsFlags::MS_NOATIME,
            Some("noinit_itable"),
        )
        .map_err(|errno| at("mount the session's disk at", &layout.disk)(errno.into()))?;
    }
    let (upper, work) = (layout.disk.join("upper"), layout.disk.join("work"));
    for (dir, mode) in [(&upper, 0o755), (&work, 0o700), (&layout.docker(), 0o710)] {
        fs::DirBuilder::new().mode(mode).create(dir).map_err(at("create", dir))?;
        chown(dir, Some(base), Some(base)).map_err(at("change the owner of", dir))?;
    }
    let namespace = idmap::user_namespace(base)?;
    idmap::mount_idmapped(node_image, &layout.lower, namespace.as_fd())?;
    write_identity(&upper, &layout.lower, base, identity)?;
    // By descriptors: the node's `mount` shows these options, and where this machine keeps its data is nobody's business there.
    let open = |path: &Path| fs::File::open(path).map_err(at("open", path));
    let (lower, upper, work) = (open(&layout.lower)?, open(&upper)?, open(&work)?);
    let by_descriptor = |dir: &fs::File| format!("/proc/self/fd/{}", dir.as_raw_fd());
    let [lower, upper, work] = [&lower, &upper, &work].map(by_descriptor);
    let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
    // The disk goes with the session, so nothing waits for it to be on the platter.
    let options = format!("{options},volatile,index=off,metacopy=off");
    mount(Some("overlay"), &layout.rootfs, Some("overlay"), MsFlags::empty(), Some(options.as_str()))
        .map_err(|errno| at("mount the node's root filesystem at", &layout.rootfs)(errno.into()))
}

/// Writes the node's own files below `upper` before it is mounted, while the student can have no link there.
fn write_identity(upper: &Path, lower: &Path, base: u32, identity: &Identity<'_>) -> Result<()> {
    let own = |path: &Path| chown(path, Some(base), Some(base)).map_err(at("change the owner of", path));
    let make_dir = |relative: &str| -> Result<()> {
        let mut path = upper.to_owned();
        for part in Path::new(relative).components() {
            path.push(part);
            if !path.exists() {
                fs::create_dir(&path).map_err(at("create", &path))?;
                own(&path)?;
            }
        }
        Ok(())
    };
    let put = |relative: &str, bytes: &[u8]| -> Result<()> {
        let path = upper.join(relative);
        fs::write(&path, bytes).map_err(at("write", &path))?;
        own(&path)
    };
    make_dir("etc")?;
    let Identity { hostname, address, dns, extra_ca } = identity;
    put("etc/hostname", format!("{hostname}\n").as_bytes())?;
    let hosts = format!("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{address}\t{hostname}\n");
    put("etc/hosts", hosts.as_bytes())?;
    let resolv: String = dns.iter().map(|server| format!("nameserver {server}\n")).collect();
    put("etc/resolv.conf", resolv.as_bytes())?;
    if let Some(certificate) = extra_ca {
        make_dir("usr/local/share/ca-certificates")?;
        put("usr/local/share/ca-certificates/slipway-extra.crt", certificate)?;
        // As update-ca-certificates would: programs read the bundle.
        let bundle = "etc/ssl/certs/ca-certificates.crt";
        let mut all = fs::read(lower.join(bundle)).unwrap_or_default();
        if !all.is_empty() && !all.ends_with(b"\n") {
            all.push(b'\n');
        }
        all.extend_from_slice(certificate);
        make_dir("etc/ssl/certs")?;
        put(bundle, &all)?;
    }
    Ok(())
}

/// Unmounts what [`build`] mounted, as far as it is mounted, and frees the loop device.
pub(crate) fn unmount(layout: &Layout) -> Vec<Error> {
    let mut errors = Vec::new();
    for point in [&layout.rootfs, &layout.lower, &layout.disk] {
        while let Err(errno) = umount2(point, MntFlags::empty()) {
            match errno {
                nix::errno::Errno::EINVAL | nix::errno::Errno::ENOENT => break,
                // Still held by a process that is ending; detached it goes when that has ended.
                _ => {
                    if let Err(errno) = umount2(point, MntFlags::MNT_DETACH) {
                        errors.push(at("unmount", point)(errno.into()));
                        break;
                    }
                }
            }
        }
    }
    if let Err(error) = disk::detach_loops(&layout.image) {
        errors.push(error);
    }
    errors
}

/// Removes the node's directory. Mount points are removed as empty directories only, so that nothing mounted is ever emptied.
pub(crate) fn remove(layout: &Layout) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut keep = |result: io::Result<()>, step: &'static str, path: &Path| {
        if let Err(error) = result
            && error.kind() != io::ErrorKind::NotFound
        {
            errors.push(at(step, path)(error));
        }
    };
    for point in [&layout.rootfs, &layout.lower, &layout.disk] {
        keep(fs::remove_dir(point), "remove the mount point", point);
    }
    keep(fs::remove_file(&layout.image), "remove the disk", &layout.image);
    keep(fs::remove_dir_all(&layout.bundle), "remove", &layout.bundle);
    if errors.is_empty() {
        let gone = fs::remove_dir_all(&layout.dir);
        if let Err(error) = gone
            && error.kind() != io::ErrorKind::NotFound
        {
            errors.push(at("remove", &layout.dir)(error));
        }
    }
    errors
}
