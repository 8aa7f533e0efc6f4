//! A node's writable disk: a sparse ext4 file without a journal, copied from a template and attached to a loop device that frees
//! itself when the last mount of it goes. The file's size is the hard limit; it takes space only as it is written.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{
        fd::{AsRawFd, RawFd},
        unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Error, Result, at};

const LOOP_CTL_GET_FREE: libc::Ioctl = 0x4C82;
const LOOP_CONFIGURE: libc::Ioctl = 0x4C0A;
const LOOP_CLR_FD: libc::Ioctl = 0x4C01;
const LO_FLAGS_AUTOCLEAR: u32 = 4;
const FICLONE: libc::Ioctl = 0x4004_9409;

/// `struct loop_info64` of linux/loop.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct LoopInfo {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    sizelimit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config` of linux/loop.h.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo,
    reserved: [u64; 8],
}

/// Makes the empty filesystem of `bytes` that disks are copied from, unless it is there already.
pub(crate) fn ensure_template(dir: &Path, bytes: u64) -> Result<PathBuf> {
    let path = dir.join(format!("disk-{bytes}.ext4"));
    if path.exists() {
        return Ok(path);
    }
    let temp = dir.join(format!("disk-{bytes}.ext4.new"));
    let file = File::create(&temp).map_err(at("create", &temp))?;
    file.set_len(bytes).map_err(at("set the size of", &temp))?;
    // Files of a few bytes and small directories, of which an engine's store has a dozen a layer, take no block of their own.
    let features = "^has_journal,inline_data";
    let made = Command::new("mkfs.ext4")
        .args(["-q", "-F", "-m", "0", "-i", "8192", "-O", features, "-E", "lazy_itable_init=1,nodiscard"])
        .arg(&temp)
        .stdin(Stdio::null())
        .output()
        .map_err(at("run mkfs.ext4 (package e2fsprogs) for", &temp))?;
    if !made.status.success() {
        let text = String::from_utf8_lossy(&made.stderr).trim().to_owned();
        return Err(Error::Tool { tool: "mkfs.ext4", text });
    }
    file.sync_all().map_err(at("write", &temp))?;
    std::fs::rename(&temp, &path).map_err(at("rename to", &path))?;
    Ok(path)
}

/// Copies `template` to `to` without its holes: by reflink where the filesystem can, else data extent by data extent.
pub(crate) fn copy_sparse(template: &Path, to: &Path) -> Result<()> {
    let source = File::open(template).map_err(at("open", template))?;
    let target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(at("create", to))?;
    // SAFETY: FICLONE takes the source's descriptor by value; both descriptors are open for the length of the call.
    if unsafe { libc::ioctl(target.as_raw_fd(), FICLONE, source.as_raw_fd()) } == 0 {
        return Ok(());
    }
    let length = source.metadata().map_err(at("read", template))?.size();
    target.set_len(length).map_err(at("set the size of", to))?;
    copy_extents(&source, &target, length).map_err(at("copy the template to", to))
}

fn seek(fd: RawFd, from: u64, whence: i32) -> io::Result<Option<u64>> {
    let from = i64::try_from(from).map_err(io::Error::other)?;
    // SAFETY: lseek on an open descriptor touches no memory of ours.
    let found = unsafe { libc::lseek(fd, from, whence) };
    match u64::try_from(found) {
        Ok(found) => Ok(Some(found)),
        Err(_) => match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::ENXIO) => Ok(None),
            error => Err(error),
        },
    }
}

fn copy_extents(source: &File, target: &File, length: u64) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    let mut at = 0;
    while at < length {
        let Some(start) = seek(source.as_raw_fd(), at, libc::SEEK_DATA)? else { break };
        let end = seek(source.as_raw_fd(), start, libc::SEEK_HOLE)?.unwrap_or(length);
        at = start;
        while at < end {
            let want = usize::try_from((end - at).min(buffer.len() as u64)).map_err(io::Error::other)?;
            let got = source.read_at(&mut buffer[..want], at)?;
            if got == 0 {
                break;
            }
            // A page of zeros stays a hole: mkfs writes many.
            for (index, page) in buffer[..got].chunks(4096).enumerate() {
                if page.iter().any(|byte| *byte != 0) {
                    target.write_all_at(page, at + (index * 4096) as u64)?;
                }
            }
            at += got as u64;
        }
    }
    Ok(())
}

/// Attaches `image` to a free loop device. The device lives as long as the returned file or a mount of the device.
pub(crate) fn attach_loop(image: &Path) -> Result<(File, PathBuf)> {
    let backing = OpenOptions::new().read(true).write(true).open(image).map_err(at("open", image))?;
    let control = Path::new("/dev/loop-control");
    let control = OpenOptions::new().read(true).write(true).open(control).map_err(at("open", control))?;
    let mut last = io::Error::from_raw_os_error(libc::EBUSY);
    // Others take devices too: the free one may be taken before it is configured.
    for _ in 0..64 {
        // SAFETY: LOOP_CTL_GET_FREE takes no argument and gives a number.
        let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) };
        if number < 0 {
            return Err(at("find a free loop device for", image)(io::Error::last_os_error()));
        }
        let device = PathBuf::from(format!("/dev/loop{number}"));
        if !device.exists() {
            make_loop_node(&device, number.unsigned_abs())?;
        }
        let file = OpenOptions::new().read(true).write(true).open(&device).map_err(at("open", &device))?;
        let config = LoopConfig {
            fd: backing.as_raw_fd().unsigned_abs(),
            block_size: 4096,
            info: LoopInfo {
                device: 0,
                inode: 0,
                rdevice: 0,
                offset: 0,
                sizelimit: 0,
                number: 0,
                encrypt_type: 0,
                encrypt_key_size: 0,
                flags: LO_FLAGS_AUTOCLEAR,
                file_name: [0; 64],
                crypt_name: [0; 64],
                encrypt_key: [0; 32],
                init: [0; 2],
            },
            reserved: [0; 8],
        };
        // SAFETY: `config` is laid out as the kernel's struct loop_config and outlives the call, which only reads it.
        if unsafe { libc::ioctl(file.as_raw_fd(), LOOP_CONFIGURE, &raw const config) } == 0 {
            return Ok((file, device));
        }
        last = io::Error::last_os_error();
        if last.raw_os_error() != Some(libc::EBUSY) {
            break;
        }
    }
    Err(at("attach a loop device to", image)(last))
}

fn make_loop_node(device: &Path, number: u32) -> Result<()> {
    use nix::sys::stat::{Mode, SFlag, makedev, mknod};
    match mknod(device, SFlag::S_IFBLK, Mode::from_bits_truncate(0o660), makedev(7, u64::from(number))) {
        Ok(()) | Err(nix::errno::Errno::EEXIST) => Ok(()),
        Err(errno) => Err(at("create", device)(errno.into())),
    }
}

/// The loop devices whose backing file is `image`.
pub(crate) fn loops_of(image: &Path) -> Vec<PathBuf> {
    let Ok(blocks) = std::fs::read_dir("/sys/block") else { return Vec::new() };
    let backed = |name: &str| {
        let text = std::fs::read_to_string(format!("/sys/block/{name}/loop/backing_file")).ok()?;
        (text.trim_end().trim_end_matches(" (deleted)") == image.to_str()?)
            .then(|| PathBuf::from(format!("/dev/{name}")))
    };
    let names = blocks.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with("loop")).filter_map(|name| backed(&name)).collect()
}

/// Detaches what is still attached to `image`; the kernel does it as soon as nothing uses the device.
pub(crate) fn detach_loops(image: &Path) -> Result<()> {
    for device in loops_of(image) {
        let file = File::open(&device).map_err(at("open", &device))?;
        // SAFETY: LOOP_CLR_FD takes no argument.
        let cleared = unsafe { libc::ioctl(file.as_raw_fd(), LOOP_CLR_FD) };
        let error = io::Error::last_os_error();
        if cleared != 0 && error.raw_os_error() != Some(libc::ENXIO) {
            return Err(at("detach", &device)(error));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparse_copy_has_the_same_bytes_and_keeps_its_holes() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (from, to) = (dir.path().join("a"), dir.path().join("b"));
        let file = File::create(&from).expect("create");
        file.set_len(64 << 20).expect("size");
        file.write_all_at(b"head", 0).expect("write");
        file.write_all_at(b"middle", (33 << 20) + 5).expect("write");
        copy_sparse(&from, &to).expect("copy");
        let copy = std::fs::metadata(&to).expect("copied");
        assert_eq!(copy.len(), 64 << 20);
        assert!(copy.blocks() * 512 < 1 << 20, "{} blocks are allocated", copy.blocks());
        assert!(std::fs::read(&from).expect("a") == std::fs::read(&to).expect("b"));
        assert!(copy_sparse(&from, &to).is_err(), "an existing disk is never overwritten");
    }
}
