//! Layers that the host keeps for all nodes, in real nodes: one copy for all, images on them live as any others, and the host's
//! limit is kept. As root, with the real binary.

mod common;

use std::{fs, os::unix::fs::PermissionsExt, time::Instant};

use common::{
    images::{Content, Entry, Layer, Library, dir, file, noise},
    layers::{ask, hex, library_dir, names, usage},
    server::{Server, Session},
};

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
