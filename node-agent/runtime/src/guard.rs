//! Keeps the runtime's own program file out of a container's reach (CVE-2019-5736): a container whose root is the host's could
//! otherwise make the runtime execute `/proc/self/exe` in it and then write to that file. The runtime therefore executes itself
//! again from a read-only mount that is attached nowhere, or from a sealed copy in memory where such a mount cannot be made.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use nix::fcntl::AtFlags;
use oci_spec::runtime::Spec;
use rustix::fs::{FileType, MemfdFlags, Mode, OFlags, SealFlags, StatVfsMountFlags};
use rustix::mount::OpenTreeFlags;

use crate::error::{Context, Result};
use crate::sys::{self, MountAttr};
use crate::{id_map, spec as config};

/// Before anything of the container exists: makes sure that this process runs from a file that the container of `spec` cannot
/// change. Returns at once where that holds already; otherwise executes the program again with the same arguments.
pub(crate) fn protect(spec: &Spec) -> Result<()> {
    let what = || "open /proc/self/exe".to_owned();
    let program = rustix::fs::open("/proc/self/exe", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).context(what)?;
    if unchangeable(&program) || out_of_reach(&program, spec).context(what)? {
        return Ok(());
    }
    let safe = read_only_mount(&program)
        .or_else(|_| sealed_copy(&program))
        .context(|| "protect the runtime's program file from the container".into())?;
    Err(execute_again(&safe)).context(|| "execute the runtime from a protected file".into())
}

fn unchangeable(program: &OwnedFd) -> bool {
    rustix::fs::fstatvfs(program).is_ok_and(|s| s.f_flag.contains(StatVfsMountFlags::RDONLY))
        || rustix::fs::fcntl_get_seals(program).is_ok_and(|s| s.contains(SealFlags::WRITE))
}

/// The container's ids do not include the file's owner, and nobody else may write to it.
fn out_of_reach(program: &OwnedFd, spec: &Spec) -> io::Result<bool> {
    let stat = rustix::fs::fstat(program)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_mode & 0o022 != 0 {
        return Ok(false);
    }
    // What an unmapped owner looks like from inside a user namespace.
    const OVERFLOW: u32 = 65_534;
    if stat.st_uid == OVERFLOW && id_map::in_user_namespace() {
        return Ok(true);
    }
    let maps = spec.linux().as_ref().map(config::uid_mappings);
    Ok(maps
        .is_some_and(|maps| !maps.is_empty() && maps.iter().all(|m| stat.st_uid.wrapping_sub(m.host_id()) >= m.size())))
}

/// A read-only mount of the one file. It is in no mount namespace, so nobody can make it writable again.
fn read_only_mount(program: &OwnedFd) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = rustix::mount::open_tree(program, c"", flags)?;
    sys::mount_setattr(&tree, false, &MountAttr { set: sys::ATTR_RDONLY, ..MountAttr::default() })?;
    Ok(tree)
}

fn sealed_copy(program: &OwnedFd) -> io::Result<OwnedFd> {
    let copy = rustix::fs::memfd_create("slipway-runtime", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    io::copy(&mut std::fs::File::from(program.try_clone()?), &mut std::fs::File::from(copy.try_clone()?))?;
    rustix::fs::fcntl_add_seals(&copy, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    // A descriptor open for writing would keep the file from being executed.
    Ok(rustix::fs::open(
        format!("/proc/self/fd/{}", copy.as_raw_fd()),
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

fn execute_again(program: &OwnedFd) -> io::Error {
    let c = |text: OsString| CString::new(text.into_vec());
    let args: Result<Vec<_>, _> = std::env::args_os().map(c).collect();
    let env: Result<Vec<_>, _> = std::env::vars_os()
        .map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            c(name)
        })
        .collect();
    let (Ok(args), Ok(env)) = (args, env) else {
        return io::Error::from_raw_os_error(libc::EINVAL);
    };
    match nix::unistd::execveat(program.as_fd(), c"", &args, &env, AtFlags::AT_EMPTY_PATH) {
        Err(errno) => errno.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this_program() -> OwnedFd {
        std::fs::File::open("/proc/self/exe").unwrap().into()
    }

    #[test]
    fn a_sealed_copy_is_the_same_program_and_cannot_be_written() {
        let copy = sealed_copy(&this_program()).unwrap();
        assert!(unchangeable(&copy));
        let same =
            |a: &OwnedFd, b: &OwnedFd| rustix::fs::fstat(a).unwrap().st_size == rustix::fs::fstat(b).unwrap().st_size;
        assert!(same(&copy, &this_program()));
        let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
        let mut writable = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        assert!(io::Write::write(&mut writable, b"x").is_err());
    }

    #[test]
    fn a_container_whose_ids_leave_out_the_owner_cannot_reach_the_program() {
        let owner = rustix::fs::fstat(this_program()).unwrap().st_uid;
        let spec = |host: u32| -> Spec {
            serde_json::from_value(serde_json::json!({"ociVersion": "1.0.2", "linux": {
                "uidMappings": [{"containerID": 0, "hostID": host, "size": 10}]}}))
            .unwrap()
        };
        assert!(!out_of_reach(&this_program(), &spec(owner)).unwrap());
        assert!(!out_of_reach(&this_program(), &Spec::default()).unwrap());
        let file = tempfile::tempdir().unwrap();
        let path = file.path().join("program");
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let program: OwnedFd = std::fs::File::open(path).unwrap().into();
        assert!(out_of_reach(&program, &spec(owner + 100)).unwrap());
    }
}
