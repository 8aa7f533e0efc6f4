//! Layers that the host keeps for all nodes, in real nodes: one copy for all, nobody can change it or learn from it what is another
//! session's, and nothing is left of what goes wrong. As root, with the real binary.

mod common;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use common::{
    images::{Content, Entry, Layer, Library, dir, file, noise},
    server::{Server, Session},
};

/// Bytes that a tree takes on disk, each file once; mounts are not entered.
fn usage(root: &Path) -> u64 {
    let Ok(meta) = fs::symlink_metadata(root) else { return 0 };
    let mut bytes = meta.blocks() * 512;
    if meta.is_dir() {
        for entry in fs::read_dir(root).into_iter().flatten().flatten() {
            if entry.metadata().is_ok_and(|inner| inner.dev() == meta.dev()) {
                bytes += usage(&entry.path());
            }
        }
    }
    bytes
}

/// What a layer's tree is, in every respect that somebody could have changed.
fn portrait(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let meta = fs::symlink_metadata(&path).expect("there");
        let content =
            if meta.is_file() { common::images::sha256(&fs::read(&path).expect("read")) } else { String::new() };
        let (mode, uid, gid, nlink) = (meta.mode(), meta.uid(), meta.gid(), meta.nlink());
        lines.push(format!("{} {mode:o} {uid} {gid} {nlink} {} {content}", path.display(), meta.ctime_nsec()));
        if meta.is_dir() {
            pending.extend(fs::read_dir(&path).expect("listed").flatten().map(|entry| entry.path()));
        }
    }
    lines.sort();
    lines
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn hex(layer: &Layer) -> &str {
    layer.digest.trim_start_matches("sha256:")
}

/// The directory of the test's own library, which the registry's process must be able to read.
fn library_dir(settings: &node_agent::sandbox::Settings) -> PathBuf {
    settings.data_dir.join("test-library")
}

/// Asks the host for layers from within the node, as its root: how many it gives.
fn ask(session: &Session, request: &str) -> String {
    let script = format!(
        "python3 - <<'END'\n\
         import socket, struct\n\
         s = socket.socket(socket.AF_UNIX); s.connect('/run/slipway-host/layers.sock')\n\
         body = b'''{request}'''\n\
         s.sendall(struct.pack('>I', len(body)) + body)\n\
         data, fds, _, _ = socket.recv_fds(s, 1 << 16, 250)\n\
         while len(data) < 4 or len(data) < 4 + struct.unpack('>I', data[:4])[0]:\n\
         \x20   more = s.recv(1 << 16)\n\
         \x20   assert more, 'cut off'\n\
         \x20   data += more\n\
         print(len(fds), data[4:].decode())\n\
         END"
    );
    session.good(&script)
}

fn get(layer: &Layer) -> String {
    format!(r#"{{"op":"get","layers":[{{"digest":"{}","diff_id":"{}"}}],"from":0}}"#, layer.digest, layer.diff_id)
}

#[test]
fn ten_sessions_with_the_same_images_take_the_disk_of_one() {
    common::isolated(|settings| {
        let mut library = Library::new(&library_dir(settings));
        let bytes: Vec<Vec<u8>> = (0..120).map(|number| noise(number, 200_000)).collect();
        let paths: Vec<String> = (0..120).map(|number| format!("base/{number}")).collect();
        let base: Vec<_> = paths.iter().zip(&bytes).map(|(path, bytes)| file(path, bytes)).collect();
        let base = library.layer(&base);
        for number in 0..5 {
            let (own, top) = (noise(1000 + number, 3_000_000), noise(2000 + number, 1000));
            let (own, top) = (library.layer(&[file("own", &own)]), library.layer(&[file("top", &top)]));
            library.image(&format!("lab/image{number}:latest"), &[&base, &own, &top]);
        }
        let server = Server::start(settings, "", Some(library.dir.clone()));
        let pull = |session: &Session| {
            let begun = Instant::now();
            session.good("set -e; for n in 0 1 2 3 4; do docker pull -q lab/image$n; done; sync");
            begun.elapsed()
        };
        let disk = |what: &str| usage(&settings.data_dir.join(what));
        let mut sessions = Vec::new();
        let mut grown = Vec::new();
        for number in 0..10 {
            let session = Session::open(server.to);
            session.engine();
            session.good("sync");
            let before = disk("nodes");
            let took = pull(&session);
            grown.push(disk("nodes") - before);
            eprintln!(
                "session {number}: five pulls in {took:?}, {} KiB of its own disk, {} KiB shared",
                grown[number] >> 10,
                disk("layers") >> 10
            );
            sessions.push(session);
        }
        let payload = 120 * 200_000 + 5 * 3_001_000;
        assert!((payload..payload * 11 / 10).contains(&disk("layers")), "{} bytes for {payload}", disk("layers"));
        assert!(grown.iter().all(|grown| *grown < 1 << 20), "nodes keep copies: {grown:?}");
        let last = sessions.last().expect("ten");
        let size = last.good("docker image inspect -f '{{.Size}}' lab/image3");
        assert_eq!(size.trim(), (120 * 200_000 + 3_001_000).to_string());
        let report = last.good("docker system df --format '{{.Type}} {{.TotalCount}}' | head -1");
        assert_eq!(report.trim(), "Images 5");
        sessions.iter().for_each(Session::delete);
        server.end();
        assert_eq!(names(&settings.data_dir.join("nodes")), Vec::<String>::new());
    });
}

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
fn images_on_shared_layers_live_as_any_others() {
    common::isolated(|settings| {
        let Some(real) = common::library() else { return };
        let mut library = Library::new(&library_dir(settings));
        let base = library.take(&real, "ubuntu:latest");
        let program = |name: &str| fs::read(settings.node_image.join("usr/bin").join(name)).expect("a program");
        let (id, sleep) = (program("id"), program("sleep"));
        // struct vfs_cap_data, revision 2, effective: CAP_NET_RAW permitted.
        let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let special = library.layer(&[
            Entry { mode: 0o4755, ..file("usr/bin/suid-id", &id) },
            Entry { xattrs: &[("security.capability", &capability)], mode: 0o755, ..file("usr/bin/raw-sleep", &sleep) },
            Entry { mode: 0o640, owner: 1234, ..file("owned", b"by 1234") },
            file("etc/.wh.hostname", b""),
            file("etc/.wh.debian_version", b""),
            dir("opt/"),
            file("opt/.wh..wh..opq", b""),
            file("opt/new", b"new"),
            Entry { path: "var/spool/", mode: 0o1777, owner: 0, content: Content::Dir, xattrs: &[] },
        ]);
        let stack: Vec<&Layer> = base.iter().chain([&special]).collect();
        library.image("lab/special:latest", &stack);
        library.image("library/ubuntu:latest", &stack[..1]);
        let server = Server::start(settings, "", Some(library.dir.clone()));
        let session = Session::open(server.to);
        session.engine();
        let said = session.good("docker pull lab/special");
        assert_eq!(said.matches(": Pull complete").count(), 2, "{said}");
        assert!(said.contains("Status: Downloaded newer image for lab/special:latest"), "{said}");
        assert!(!said.contains("Download complete"), "nothing is downloaded: {said}");
        assert_eq!(session.good("grep -c overlay2/.*/diff /proc/self/mountinfo"), "2\n");
        assert!(session.good("docker pull ubuntu").contains("Already exists"));

        let run = |script: &str| session.good(&format!("docker run --rm lab/special bash -c '{script}'"));
        assert_eq!(run("cat owned; stat -c :%u:%g:%a owned var/spool"), "by 1234:1234:1234:640\n:0:0:1777\n");
        assert_eq!(run("ls opt; ls etc/debian_version 2>/dev/null; echo $?"), "new\n2\n");
        assert_eq!(run("setpriv --reuid 1000 --regid 1000 --clear-groups suid-id -u"), "0\n");
        let caps =
            run("setpriv --reuid 1000 --regid 1000 --clear-groups raw-sleep 5 & sleep 1; grep CapEff /proc/$!/status");
        assert_eq!(caps.split_whitespace().last(), Some("0000000000002000"));

        // Written on, committed, built on, saved, pushed, removed: as with layers of one's own.
        session.good("docker run --name made lab/special bash -c 'rm owned; echo more >> opt/new; touch made'");
        assert_eq!(session.good("docker diff made | sort"), "A /made\nC /opt\nC /opt/new\nD /owned\n");
        session.good("docker commit made moby/app >/dev/null; docker rm made");
        session.good("printf 'FROM moby/app\\nRUN rm -r /opt && touch /built\\n' | docker build -q -t moby/built -");
        assert_eq!(session.good("docker run --rm moby/built ls / | grep -cE '^(made|built|owned|opt)$'"), "2\n");
        let history = session.good("docker history -q --no-trunc lab/special | wc -l");
        assert_eq!(history, "2\n");
        let saved = session.good("docker save lab/special -o /root/s.tar; docker load -i /root/s.tar; tar -xf /root/s.tar -C /tmp; cd /tmp; find . -type f -size +50k -exec sha256sum {} +");
        for layer in &stack {
            assert!(saved.contains(layer.diff_id.trim_start_matches("sha256:")), "saved byte for byte: {saved}");
        }
        session.good("rm /root/s.tar; echo dock | docker login -u moby --password-stdin");
        let pushed = session.good("docker push moby/built");
        assert!(pushed.contains("Mounted from") && pushed.contains(": Pushed"), "{pushed}");

        session.good("docker rmi -f moby/built moby/app lab/special ubuntu");
        assert_eq!(session.sh("grep overlay2 /proc/self/mountinfo").1, "", "no mount is left");
        assert_eq!(session.good("ls /var/lib/docker/overlay2 | grep -v -e '^l$' -e backing | wc -l; ls /var/lib/docker/overlay2/l | wc -l"), "0\n0\n");
        assert!(
            ask(&session, &format!(r#"{{"op":"again","names":["{}"]}}"#, hex(&base[0]))).starts_with("0 "),
            "given back"
        );
        assert_eq!(
            session.good("docker pull -q moby/built && docker run --rm moby/built ls /built"),
            "docker.io/moby/built:latest\n/built\n"
        );
        assert_eq!(
            session.good("grep -c overlay2/.*/diff /proc/self/mountinfo"),
            "2\n",
            "the lower two are the host's again"
        );
        session.delete();
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
        assert!(begun.elapsed() < Duration::from_secs(40), "nothing is unpacked");
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

#[test]
fn over_its_limit_the_host_removes_what_nobody_has_and_keeps_the_rest() {
    common::isolated(|settings| {
        let mut library = Library::new(&library_dir(settings));
        let layers: Vec<Layer> = (0..3).map(|seed| library.layer(&[file("a", &noise(seed, 28 << 20))])).collect();
        for (number, layer) in layers.iter().enumerate() {
            library.image(&format!("lab/image{number}:latest"), &[layer]);
        }
        let server = Server::start(settings, "[layers]\ndisk = \"64MiB\"\n", Some(library.dir.clone()));
        let (one, two) = (Session::open(server.to), Session::open(server.to));
        one.engine();
        two.engine();
        let shelf = settings.data_dir.join("layers");
        one.good("docker pull -q lab/image0");
        two.good("docker pull -q lab/image1");
        let mut both = [hex(&layers[0]), hex(&layers[1])];
        both.sort_unstable();
        assert_eq!(names(&shelf), both);
        // No room: the node takes it onto its own disk.
        let said = two.good("docker pull lab/image2");
        assert!(said.contains("Download complete"), "{said}");
        assert_eq!(names(&shelf), both);
        assert_eq!(
            one.good("cat $(docker image inspect -f '{{.GraphDriver.Data.UpperDir}}' lab/image0)/a | wc -c"),
            format!("{}\n", 28 << 20)
        );
        two.delete();
        let said = one.good("docker pull lab/image2");
        assert!(!said.contains("Download complete"), "what the other session had went: {said}");
        let mut now = [hex(&layers[0]), hex(&layers[2])];
        now.sort_unstable();
        assert_eq!(names(&shelf), now);
        let mode = fs::metadata(&shelf).expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0o011, "nobody on the host can list it");
        one.delete();
        server.end();
    });
}
