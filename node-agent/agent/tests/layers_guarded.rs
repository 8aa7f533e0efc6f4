//! What can go wrong with the layers that the host keeps for all nodes: nobody can change one or learn from it what is another
//! session's, and nothing is left of what is corrupt or killed. As root, with the real binary.

mod common;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    time::{Duration, Instant},
};

use common::{
    images::{Layer, Library, file, noise},
    layers::{ask, get, hex, library_dir, names, portrait, usage},
    server::{Server, Session},
};

/// Everything that a node's root may try on a layer `d` of its own, one line each; prints those that succeeded.
const ATTACKS: &str = r#"
cd /tmp
cat > try.py <<'END'
import ctypes, errno, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    libc.syscall.restype = ctypes.c_long
    out = libc.syscall(number, *args)
    if out < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return out
d = sys.argv[1].encode()
OPEN_TREE, MOVE_MOUNT, SETATTR, NAME_TO_HANDLE, OPEN_BY_HANDLE = 428, 429, 442, 303, 304
def clear(fd, path, flags):
    attr = struct.pack('QQQQ', 0, flags, 0, 0)
    call(SETATTR, fd, ctypes.c_char_p(path), 0x1000 if not path else 0, attr, len(attr))
def clone(extra=0):
    return call(OPEN_TREE, -100, ctypes.c_char_p(d), 1 | 0o2000000 | extra)
def handle(ino):
    # FILEID_INO32_GEN with a generation that fits any inode.
    fh = struct.pack('Ii', 8, 1) + struct.pack('II', ino, 0)
    mount = os.open(d, os.O_RDONLY)
    return call(OPEN_BY_HANDLE, mount, fh, os.O_RDONLY | os.O_DIRECTORY)
def parents():
    fd = os.open(d, os.O_RDONLY)
    fh = ctypes.create_string_buffer(struct.pack('Ii', 128, 0), 8 + 128)
    mount = ctypes.c_int()
    call(NAME_TO_HANDLE, fd, ctypes.c_char_p(b''), fh, ctypes.byref(mount), 0x1000)
    size, kind = struct.unpack('Ii', fh.raw[:8])
    got = call(OPEN_BY_HANDLE, fd, fh, os.O_RDONLY | os.O_DIRECTORY)
    up = os.open('..', os.O_RDONLY, dir_fd=got)
    assert os.fstat(up).st_ino != os.fstat(got).st_ino, 'the root of what it may see'
    os.listdir(up).index('record')
tries = {
    'clear read-only': lambda: clear(-100, d, 1),
    'clear nodev': lambda: clear(-100, d, 4),
    'clear read-only of a copy': lambda: clear(clone(), b'', 1),
    'clear read-only of a recursive copy': lambda: clear(clone(0x8000), b'', 1),
    'the root of the filesystem by handle': lambda: handle(2),
    'write at the file': lambda: os.open(d + b'/file', os.O_WRONLY),
    'truncate': lambda: os.truncate(d + b'/file', 0),
    'create': lambda: os.mkdir(d + b'/made'),
    'unlink': lambda: os.unlink(d + b'/file'),
    'rename': lambda: os.rename(d + b'/file', d + b'/other'),
    'link out': lambda: os.link(d + b'/file', b'/var/lib/docker/stolen'),
    'chmod': lambda: os.chmod(d + b'/file', 0o777),
    'chown': lambda: os.chown(d + b'/file', 5, 5),
    'chown the root': lambda: os.chown(d, 5, 5),
    'attribute': lambda: os.setxattr(d + b'/file', 'user.x', b'y'),
    'times': lambda: os.utime(d + b'/file', (1, 1)),
    'its host directory by handle': parents,
}
for name, what in tries.items():
    try:
        what()
        print('DONE:', name)
    except (OSError, ValueError, AssertionError) as error:
        pass
END
python3 try.py "$D"
mkdir -p bound low work merged
t() { if "${@:2}" >/dev/null 2>&1; then echo "DONE: $1"; fi; }
t 'remount' mount -o remount,bind,rw "$D"
t 'remount the filesystem' mount -o remount,rw "$D"
t 'remount with devices' mount -o remount,bind,ro,dev "$D"
mount --bind "$D" bound && { t 'remount a bind' mount -o remount,bind,rw bound; t 'write at a bind' touch bound/made; umount bound; }
t 'an upper directory' mount -t overlay overlay -o "userxattr,lowerdir=low,upperdir=$D,workdir=work" merged
t 'in a namespace of its own' unshare -m sh -c "mount -o remount,bind,rw $D && touch $D/made"
t 'in a user namespace of its own' unshare -U -r -m sh -c "mount -o remount,bind,rw $D && touch $D/made"
setpriv --reuid 1000 --regid 1000 --clear-groups python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect("/run/slipway-host/layers.sock"); print("DONE: asking as somebody")' 2>/dev/null
t 'writing beside the socket' touch /run/slipway-host/made
t 'replacing the socket' rm /run/slipway-host/layers.sock
umount "$D"
[ -z "$(ls -A "$D")" ] || echo 'DONE: something lies beneath'
"#;

#[test]
fn a_nodes_root_can_neither_change_a_layer_nor_see_anothers() {
    common::isolated(|settings| {
        let mut library = Library::new(&library_dir(settings));
        let (mine, theirs) = (library.layer(&[file("file", b"mine")]), library.layer(&[file("file", b"theirs")]));
        library.image("lab/mine:latest", &[&mine]);
        library.image("lab/theirs:latest", &[&theirs]);
        let server = Server::start(settings, "", Some(library.dir.clone()));
        let (one, two) = (Session::open(server.to), Session::open(server.to));
        one.engine();
        two.engine();
        two.good("docker pull -q lab/theirs");
        one.good("docker pull -q lab/mine");
        let shelf = settings.data_dir.join("layers");
        let before = portrait(&shelf);
        let at = "docker image inspect -f '{{.GraphDriver.Data.UpperDir}}' lab/mine";
        let diff = one.good(at).trim().to_owned();
        assert_eq!(one.good(&format!("cat {diff}/file; stat -c %u:%g {diff}/file {diff}")), "mine0:0\n0:0\n");
        let mounts = one.good("cat /proc/self/mountinfo; cat /proc/mounts; ls -R /var/lib/docker");
        assert!(mounts.contains(hex(&mine)), "it is a mount of the host's layer");
        assert!(!mounts.contains(hex(&theirs)), "{mounts}");

        let done = one.good(&format!("D={diff}\n{ATTACKS}"));
        assert_eq!(done, "", "these must fail");
        let now = portrait(&shelf);
        assert_eq!(before, now, "the layers are as they were");
        let again = format!(r#"{{"op":"again","names":["{}","{}"]}}"#, hex(&theirs), hex(&mine));
        assert!(ask(&one, &again).starts_with("0 "), "what it was not given it is not given again");
        // What it unmounted itself it gets back when its engine starts again.
        one.good(&format!("docker rmi lab/mine >/dev/null; docker pull -q lab/mine >/dev/null; umount $({at})"));
        one.good("old=$(pgrep -P 1 -f 'engine --host'); kill -9 $old; for n in {1..200}; do docker version >/dev/null 2>&1 && exit 0; sleep 0.05; done; exit 1");
        assert_eq!(one.good(&format!("cat $({at})/file")), "mine");
        one.delete();
        two.delete();
        server.end();
    });
}

#[test]
fn what_a_session_pushed_is_given_to_nobody_through_the_host() {
    common::isolated(|settings| {
        let mut library = Library::new(&library_dir(settings));
        let base = library.layer(&[file("file", b"base")]);
        library.image("lab/base:latest", &[&base]);
        let server = Server::start(settings, "", Some(library.dir.clone()));
        let (one, two) = (Session::open(server.to), Session::open(server.to));
        one.engine();
        let secret = Library::new(&settings.data_dir.join("elsewhere")).layer(&[file("secret", b"of one session")]);
        one.good("echo dock | docker login -u moby --password-stdin");
        one.good("docker pull -q lab/base; printf 'FROM lab/base\\nCOPY secret /\\n' > /tmp/Dockerfile; echo s > /tmp/secret; cd /tmp; docker build -q -t moby/secret . && docker push -q moby/secret");
        let manifest = one.good("curl -sS -u moby:dock --unix-socket /run/slipway/library.sock -H 'Accept: application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json' http://r/v2/moby/secret/manifests/latest");
        let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("a manifest");
        let top = manifest["layers"].as_array().and_then(|all| all.last()).expect("layers");
        let diffs = one.good("docker image inspect -f '{{json .RootFS.Layers}}' moby/secret");
        let diffs: Vec<String> = serde_json::from_str(&diffs).expect("diff ids");
        let pushed =
            Layer { digest: top["digest"].as_str().expect("a digest").into(), diff_id: diffs[1].clone(), ..secret };
        let stack = |top: &Layer| {
            let one = |layer: &Layer| format!(r#"{{"digest":"{}","diff_id":"{}"}}"#, layer.digest, layer.diff_id);
            format!(r#"{{"op":"get","layers":[{},{}],"from":1}}"#, one(&base), one(top))
        };
        for session in [&one, &two] {
            assert_eq!(ask(session, &stack(&pushed)), "0 {\"layers\":[]}\n");
            assert_eq!(ask(session, &get(&pushed)), "0 {\"layers\":[]}\n");
        }
        assert!(ask(&two, &get(&base)).starts_with("2 "), "the library's is for all");

        // Nonsense is answered with nothing, and others after it are answered.
        for bytes in ["b'\\xff' * 4", "b'\\0\\0\\0\\x02{}'", "b'\\0\\0\\0\\x09{'", "b''"] {
            two.good(&format!(
                "python3 -c \"import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/slipway-host/layers.sock'); s.sendall({bytes}); s.shutdown(1); assert s.recv(100) == b''\""
            ));
        }
        let many = vec![format!(r#"{{"digest":"{}","diff_id":"{}"}}"#, base.digest, base.diff_id); 130].join(",");
        assert!(ask(&two, &format!(r#"{{"op":"get","layers":[{many}],"from":0}}"#)).starts_with("0 "));
        assert!(ask(&two, &get(&base)).starts_with("2 "));
        assert_eq!(names(&settings.data_dir.join("layers")).len(), 1, "only the base was ever unpacked");
        one.delete();
        two.delete();
        server.end();
    });
}

#[test]
fn a_corrupt_blob_is_refused_and_nothing_is_left_of_it() {
    common::isolated(|settings| {
        let mut library = Library::new(&library_dir(settings));
        let (good, bad) = (library.layer(&[file("a", b"good")]), library.layer(&[file("a", &noise(1, 300_000))]));
        library.image("lab/bad:latest", &[&good, &bad]);
        let mut bytes = fs::read(library.blob(&bad.digest)).expect("there");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(library.blob(&bad.digest), bytes).expect("written");
        let server = Server::start(settings, "", Some(library.dir.clone()));
        let session = Session::open(server.to);
        session.engine();
        let (code, text) = session.sh("docker pull lab/bad");
        assert!(code == 1 && text.contains("verification failed"), "{code}: {text}");
        assert_eq!(names(&settings.data_dir.join("layers")), [hex(&good)]);
        assert_eq!(session.sh("grep overlay2 /proc/self/mountinfo").1, "", "the good one is given back");
        assert!(ask(&session, &format!(r#"{{"op":"again","names":["{}"]}}"#, hex(&good))).starts_with("0 "));
        session.delete();
        server.end();
        assert_eq!(names(&settings.data_dir.join("nodes")), Vec::<String>::new());
    });
}

/// The unpacking process of this test's server, when it has begun to write.
fn unpacking(settings: &node_agent::sandbox::Settings) -> nix::unistd::Pid {
    let begun = Instant::now();
    loop {
        let layers = settings.data_dir.join("layers");
        let begins = names(&layers).iter().any(|name| name.starts_with("new-") && usage(&layers.join(name)) > 1 << 20);
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten().filter(|_| begins) {
            let pid = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let owner = fs::metadata(entry.path()).map(|meta| meta.uid()).unwrap_or_default();
            if let Some(pid) = pid
                && line.starts_with(b"/run/node-agent\0unpack-layer\0")
            {
                assert!(owner >= 65_536, "it is nobody on the host");
                return nix::unistd::Pid::from_raw(pid);
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is unpacked");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn nothing_is_left_when_the_unpacking_process_or_the_agent_is_killed() {
    common::isolated(|settings| {
        let before = common::census();
        let mut library = Library::new(&library_dir(settings));
        let zeros = vec![0; 40 << 20];
        let large = [library.layer(&[file("one", &zeros)]), library.layer(&[file("two", &zeros)])];
        library.image("lab/one:latest", &[&large[0]]);
        library.image("lab/two:latest", &[&large[1]]);
        let shelf = settings.data_dir.join("layers");
        let mut server = Server::start(settings, "", Some(library.dir.clone()));
        let idle = common::census();
        let session = Session::open(server.to);
        session.engine();
        std::thread::scope(|scope| {
            let pull = scope.spawn(|| session.good("docker pull lab/one"));
            nix::sys::signal::kill(unpacking(settings), nix::sys::signal::Signal::SIGKILL).expect("killed");
            let said = pull.join().expect("no panic");
            assert!(
                said.contains("Download complete") && said.contains("Pull complete"),
                "it goes on by itself: {said}"
            );
        });
        assert_eq!(names(&shelf), Vec::<String>::new());
        assert_eq!(session.sh("grep overlay2/.*/diff /proc/self/mountinfo").1, "");
        std::thread::scope(|scope| {
            let pull = scope.spawn(|| session.try_sh("docker pull lab/two").status);
            unpacking(settings);
            server.kill();
            // The session goes with its server; whatever its last request says.
            drop(pull.join());
        });
        let server = Server::start(settings, "", Some(library.dir.clone()));
        common::same_number(&idle);
        assert_eq!(names(&shelf), Vec::<String>::new());
        let session = Session::open(server.to);
        session.engine();
        let said = session.good("docker pull lab/two");
        assert!(!said.contains("Download complete"), "{said}");
        assert_eq!(names(&shelf), [hex(&large[1])]);
        session.delete();
        server.end();
        common::same(&before, &common::census());
    });
}
