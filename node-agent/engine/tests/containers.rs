//! What the first lessons need of containers beyond its path, by the machine's real `docker` command line: attaching to what outlived
//! its engine, published ports, volumes that are filled from the image, changes at a commit, the system call filter in place.

mod lab;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use lab::Lab;
use serde_json::Value;

#[test]
fn a_container_that_outlived_its_engine_can_be_attached_to() {
    let Some(mut lab) = Lab::new("attach") else { return };
    lab.ok(&["run", "-di", "--name", "echo", "alpine", "sh", "-c", "while read line; do echo got $line; done; exit 6"]);
    lab.kill_engine();
    lab.start();
    let mut attach = lab.command(&["attach", "echo"]);
    let mut attach = attach.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("docker");
    let mut stdin = attach.stdin.take().expect("stdin");
    let mut lines = BufReader::new(attach.stdout.take().expect("stdout")).lines();
    for word in ["one", "two"] {
        writeln!(stdin, "{word}").expect("the container reads");
        assert_eq!(lines.next().expect("a line").expect("text"), format!("got {word}"));
    }
    lab.ok(&["kill", "echo"]);
    assert!(lines.next().is_none(), "attach ends with the container");
    assert_eq!(attach.wait().expect("docker").code(), Some(137));
    assert_eq!(lab.ok(&["logs", "echo"]), "got one\ngot two");
}

#[test]
fn all_exposed_ports_are_published_on_free_ones() {
    let Some(lab) = Lab::new("publish") else { return };
    lab.ok(&["create", "--name", "source", "alpine", "true"]);
    lab.ok(&["commit", "--change", "EXPOSE 80 81/udp", "source", "exposing"]);
    lab.ok(&[
        "run",
        "-d",
        "-P",
        "--name",
        "web",
        "exposing",
        "sh",
        "-c",
        "while :; do echo served | nc -l -p 80; done",
    ]);
    let ports = lab.ok(&["port", "web"]);
    assert!(ports.contains("80/tcp -> 0.0.0.0:") && ports.contains("81/udp -> 0.0.0.0:"), "{ports}");
    let port = lab.ok(&["port", "web", "80"]);
    let port = port.lines().next().and_then(|line| line.rsplit(':').next()).expect("a port").to_owned();
    let fetch = format!(
        "for n in $(seq 100); do busybox nc -w 5 127.0.0.1 {port} </dev/null | grep served && exit; sleep 0.1; done; exit 1"
    );
    assert_eq!(lab.inside(&["sh", "-c", &fetch]), "served\n");
}

#[test]
fn a_new_volume_gets_what_the_image_has_there_and_an_old_one_keeps_what_it_has() {
    let Some(lab) = Lab::new("copy-up") else { return };
    let list = ["stat", "-c", "%n %a %u:%g", "/etc/passwd", "/etc/apk/keys/one.pub", "/etc/apk"];
    let run = |options: &[&str], command: &[&str]| lab.ok(&[&["run", "--rm"], options, &["alpine"], command].concat());
    assert_eq!(run(&["-v", "etc:/etc"], &list), run(&[], &list));
    run(&["-v", "etc:/etc"], &["sh", "-c", "echo changed > /etc/motd; rm /etc/issue"]);
    assert_eq!(run(&["-v", "etc:/etc"], &["sh", "-c", "cat /etc/motd; ls /etc/issue 2>&1 | wc -l"]), "changed\n1");
    assert_eq!(run(&["--mount", "type=volume,dst=/etc/apk"], &["cat", "/etc/apk/keys/one.pub"]), "first key");
    assert_eq!(run(&["-v", "bare:/etc/apk:nocopy"], &["ls", "/etc/apk"]), "");
    // A volume of the image's own is filled the same way.
    lab.ok(&["create", "--name", "source", "alpine", "true"]);
    lab.ok(&["commit", "-c", "VOLUME /etc/apk", "source", "with-volume"]);
    assert_eq!(lab.ok(&["run", "--rm", "with-volume", "cat", "/etc/apk/arch"]), "x86_64");
    assert_eq!(lab.ok(&["volume", "ls", "-q"]), "bare\netc", "unnamed volumes go with their container");
}

#[test]
fn what_lies_on_disk_is_as_open_as_dockerd_has_it() {
    let Some(lab) = Lab::new("modes") else { return };
    lab.ok(&["run", "-d", "--name", "one", "-v", "/anonymous", "alpine", "sleep", "1000"]);
    lab.ok(&["volume", "create", "named"]);
    let id = lab.ok(&["inspect", "-f", "{{.Id}}", "one"]);
    let image = lab.ok(&["inspect", "-f", "{{.Image}}", "one"]);
    let image = image.strip_prefix("sha256:").expect("an id");
    let work = lab.ok(&["inspect", "-f", "{{.GraphDriver.Data.WorkDir}}", "one"]);
    let layer = work.split('/').rev().nth(1).expect("a layer").to_owned();
    // As `find -printf '%M %P'` has it on dockerd 20.10.24's data root.
    for (mode, path) in [
        ("drwx--x---", ""),
        ("drwx--x---", "containers"),
        ("drwx--x---", &format!("containers/{id}")),
        ("-rw-------", &format!("containers/{id}/config.v2.json")),
        ("-rw-r--r--", &format!("containers/{id}/hosts")),
        ("-rw-r-----", &format!("containers/{id}/{id}-json.log")),
        ("drwx------", "image"),
        ("drwx------", "image/overlay2/imagedb/content/sha256"),
        ("-rw-------", &format!("image/overlay2/imagedb/content/sha256/{image}")),
        ("-rw-------", "image/overlay2/repositories.json"),
        ("drwx--x---", "overlay2"),
        ("drwx------", "overlay2/l"),
        ("drwx--x---", &format!("overlay2/{layer}")),
        ("-rw-r--r--", &format!("overlay2/{layer}/link")),
        ("drwx------", &format!("overlay2/{layer}/work")),
        ("drwx-----x", "volumes"),
        ("drwx-----x", "volumes/named"),
        ("drwxr-xr-x", "volumes/named/_data"),
    ] {
        let whole = lab.dir.join("data").join(path).display().to_string();
        assert_eq!(lab.inside(&["stat", "-c", "%A", &whole]).trim(), mode, "{path}");
    }
}

#[test]
fn an_images_links_do_not_take_the_place_of_what_every_container_has() {
    let Some(lab) = Lab::new("init-layer") else { return };
    let script = "mkdir r && tar -xf root.tar -C r && mv r/etc r/real && ln -s /tmp r/etc && tar -cf link.tar -C r .";
    let root = slipway_testing::root::archive(&lab.dir).expect("a small root file system");
    let script = script.replace("root.tar", &root.display().to_string());
    let made = Command::new("sh").args(["-e", "-c", &script]).current_dir(&lab.dir).status();
    assert!(made.is_ok_and(|status| status.success()), "{script}");
    lab.ok(&["import", &lab.dir.join("link.tar").display().to_string(), "link"]);
    lab.ok(&["create", "--name", "one", "link", "ls"]);
    let work = lab.ok(&["inspect", "-f", "{{.GraphDriver.Data.LowerDir}}", "one"]);
    let init = work.split(':').next().expect("the init layer");
    // As `find -printf '%M %P %l'` has it on dockerd 20.10.24.
    let mut found: Vec<_> = lab
        .inside(&["find", init, "-mindepth", "1", "-printf", "%M %P %l\n"])
        .lines()
        .map(|l| l.trim().to_owned())
        .collect();
    found.sort_by(|a, b| a[11..].cmp(&b[11..]));
    let wanted = [
        "-rwxr-xr-x .dockerenv",
        "drwxr-xr-x dev",
        "-rwxr-xr-x dev/console",
        "drwxr-xr-x dev/pts",
        "drwxr-xr-x dev/shm",
        "drwxr-xr-x etc",
        "-rwxr-xr-x etc/hostname",
        "-rwxr-xr-x etc/hosts",
        "lrwxrwxrwx etc/mtab /proc/mounts",
        "-rwxr-xr-x etc/resolv.conf",
    ];
    assert_eq!(found, wanted);
    assert_eq!(lab.ok(&["run", "--rm", "link", "sh", "-c", "ls /etc; ls /tmp"]), "hostname\nhosts\nmtab\nresolv.conf");
}

#[test]
fn sizes_are_told_while_containers_come_and_go() {
    let Some(lab) = Lab::new("sizes") else { return };
    let mut coming = Vec::new();
    for _ in 0..4 {
        let script = "for n in 1 2 3 4 5 6 7 8; do docker create --name $$ alpine true && docker rm $$ || exit 1; done";
        let host = format!("unix://{}", lab.dir.join("d.sock").display());
        let mut busy = Command::new("sh");
        coming.push(busy.args(["-c", script]).env("DOCKER_HOST", host).stdout(Stdio::null()).spawn().expect("sh"));
    }
    while coming.iter_mut().any(|busy| busy.try_wait().expect("a status").is_none()) {
        lab.ok(&["system", "df"]);
        lab.ok(&["ps", "-as"]);
    }
    assert!(coming.iter_mut().all(|busy| busy.wait().expect("a status").success()));
}

#[test]
fn a_list_of_images_tells_what_they_share_when_asked() {
    let Some(lab) = Lab::new("shared-size") else { return };
    lab.ok(&["create", "--name", "one", "alpine", "true"]);
    lab.ok(&["commit", "one", "more"]);
    let get = |query: &str| {
        let mut socket = UnixStream::connect(lab.dir.join("d.sock")).expect("the engine");
        write!(socket, "GET /v1.50/images/json{query} HTTP/1.0\r\n\r\n").expect("a request");
        let answer = std::io::read_to_string(socket).expect("an answer");
        let list: Value = serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).expect("JSON");
        list.as_array().expect("a list").iter().map(|image| image["SharedSize"].as_i64()).collect::<Vec<_>>()
    };
    let size: i64 = lab.ok(&["image", "inspect", "-f", "{{.Size}}", "alpine"]).parse().expect("a number");
    assert_eq!(get(""), [Some(-1), Some(-1)]);
    assert_eq!(get("?shared-size=1"), [Some(size), Some(size)]);
}

#[test]
fn a_commit_changes_the_configuration_as_told() {
    let Some(lab) = Lab::new("change") else { return };
    lab.ok(&["create", "--name", "source", "-e", "KEPT=1", "alpine", "true"]);
    let changes = [
        "ENV A=b C=\"d e\"",
        "WORKDIR /srv",
        "USER games",
        "EXPOSE 8080/tcp",
        "LABEL one=1 two=\"2 3\"",
        "VOLUME [\"/data\"]",
        "STOPSIGNAL SIGINT",
        "ENTRYPOINT [\"sh\", \"-c\"]",
        "CMD [\"echo $A $C in $PWD as $(id -un)\"]",
        "ONBUILD RUN true",
    ];
    let mut command = vec!["commit"];
    command.extend(changes.iter().flat_map(|change| ["--change", change]));
    command.extend(["source", "changed"]);
    lab.ok(&command);
    assert_eq!(lab.ok(&["run", "--rm", "changed"]), "b d e in /srv as games");
    let config = |part: &str| lab.ok(&["image", "inspect", "-f", &format!("{{{{json .Config.{part}}}}}"), "changed"]);
    assert_eq!(config("Cmd"), r#"["echo $A $C in $PWD as $(id -un)"]"#);
    assert_eq!(config("Entrypoint"), r#"["sh","-c"]"#);
    assert_eq!(config("ExposedPorts"), r#"{"8080/tcp":{}}"#);
    assert_eq!(config("Labels"), r#"{"one":"1","two":"2 3"}"#);
    assert_eq!(config("OnBuild"), r#"["RUN true"]"#);
    assert_eq!(config("StopSignal"), r#""SIGINT""#);
    assert_eq!(config("User"), r#""games""#);
    assert_eq!(config("Volumes"), r#"{"/data":{}}"#);
    assert!(config("Env").contains(r#""KEPT=1""#), "{}", config("Env"));
    let (_, text) = lab.fails(&["commit", "-c", "RUN true", "source", "wrong"]);
    assert!(text.contains("run is not a valid change command"), "{text}");
    assert_eq!(lab.fails(&["image", "inspect", "wrong"]).0, Some(1), "nothing is left of it");
}

#[test]
fn clone3_is_not_there_for_a_confined_container_and_is_for_an_unconfined_one() {
    let Some(lab) = Lab::new("clone3") else { return };
    // The machine's perl, which every Debian has, makes the call with nothing in its arguments: the kernel itself says EINVAL (22).
    let call = ["/usr/bin/perl", "-e", "syscall(435, 0, 0); print $!+0"];
    let answer = |options: &[&str]| {
        let places = ["-v", "/usr:/usr:ro", "-v", "/lib:/lib:ro", "-v", "/lib64:/lib64:ro"];
        lab.ok(&[&["run", "--rm"], &places[..], options, &["alpine"], &call].concat())
    };
    assert_eq!(answer(&["--security-opt", "seccomp=unconfined"]), "22");
    assert_eq!(answer(&[]), "38", "ENOSYS, so that a C library falls back to clone");
}

/// The file that freezes a process's control group, and what to write into it.
fn freezer(pid: &str) -> (String, &'static str) {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("a process");
    let of = |mark: &str| groups.lines().find_map(|line| line.split_once(mark)).map(|(_, path)| path);
    match of(":freezer:") {
        Some(path) => (format!("/sys/fs/cgroup/freezer{path}/freezer.state"), "FROZEN"),
        None => (format!("/sys/fs/cgroup{}/cgroup.freeze", of("0::").expect("version 2")), "1"),
    }
}

#[test]
fn paused_containers_end_when_told_and_only_those_stay_paused_that_somebody_paused() {
    let Some(mut lab) = Lab::new("paused") else { return };
    for name in ["removed", "killed", "kept", "held"] {
        lab.ok(&["run", "-d", "--name", name, "alpine", "sleep", "1000"]);
    }
    lab.ok(&["pause", "removed", "killed", "kept"]);
    lab.ok(&["rm", "-f", "removed"]);
    lab.ok(&["kill", "killed"]);
    let (file, frozen) = freezer(&lab.ok(&["inspect", "-f", "{{.State.Pid}}", "held"]));
    lab.kill_engine();
    // As a commit leaves it in whose middle the engine is killed.
    std::fs::write(file, frozen).expect("a freezer");
    lab.start();
    assert_eq!(
        lab.ok(&["ps", "-a", "--format", "{{.Names}} {{.State}}"]).lines().collect::<Vec<_>>(),
        ["held running", "kept paused", "killed exited"]
    );
    assert_eq!(lab.ok(&["exec", "held", "echo", "thawed"]), "thawed");
    lab.ok(&["unpause", "kept"]);
    assert_eq!(lab.ok(&["exec", "kept", "echo", "thawed"]), "thawed");
}
