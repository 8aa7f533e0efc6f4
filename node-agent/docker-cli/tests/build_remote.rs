//! What builds take from afar: files and contexts from a server with TLS whose authority the engine is told of, and contexts from git's
//! own protocol; by our client and by the real one. Plain HTTP, and git over it, are compared with dockerd in `build.rs`.

mod common;

use common::build::{Serving, answering, build, clients, lab, no_debris, printed, said, write};
use common::{Lab, skip};
use std::path::Path;
use std::process::{Command, Stdio};

const SITE: &str = "https://127.0.0.1:4433";
/// The sha256 of `content`.
const SUM: &str = "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";

fn run(program: &str, args: &[&str], dir: &Path) {
    let out = Command::new(program).args(args).current_dir(dir).stdin(Stdio::null()).output().expect(program);
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// A certificate for 127.0.0.1 and its authority's, `ca.pem`, in `dir`; whether this machine can make them.
fn certificates(dir: &Path) -> bool {
    if Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err() {
        skip("openssl is not installed");
        return false;
    }
    write(dir, "names", "subjectAltName=IP:127.0.0.1\n");
    let new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch";
    for command in [
        format!("{new} -x509 -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"),
        format!("{new} -subj /CN=server -keyout key.pem -out request.pem"),
        "x509 -req -days 2 -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out certificate.pem"
            .to_owned(),
    ] {
        run("openssl", &command.split(' ').collect::<Vec<_>>(), dir);
    }
    true
}

/// An answer as it goes over the wire, which is what the server's files are.
fn answer(dir: &Path, name: &str, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.0 {status}\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    std::fs::write(dir.join(name), [head.as_bytes(), body].concat()).expect("a file");
}

/// Serves the answers in `dir` at [`SITE`].
fn serve(lab: &Lab, dir: &Path) -> Serving {
    assert!(lab.inside("ip").args(["link", "set", "lo", "up"]).status().expect("ip starts").success());
    // Its files are those of the directory that it starts in, and whoever enters a mount namespace starts in its root.
    let command = "exec openssl s_server -accept 127.0.0.1:4433 -cert certificate.pem -key key.pem -quiet -HTTP";
    let mut server = lab.inside("sh");
    server.arg("-c").arg(format!("cd {} && {command}", dir.display())).stdout(Stdio::null()).stderr(Stdio::null());
    answering(lab, server, 4433)
}

/// An archive of a context.
fn packed(dir: &Path, flags: &str) -> Vec<u8> {
    let out = Command::new("tar").args([flags, "-", "."]).current_dir(dir).output().expect("tar");
    assert!(out.status.success());
    out.stdout
}

/// Builds a context from afar; the real client fetches it itself, in the engine's network and by the authority in `dir`.
fn afar(lab: &Lab, real: bool, url: &str, dir: &Path) -> (bool, String) {
    if !real {
        return said(lab, &["build", "--no-cache", url]);
    }
    let mut client = lab.inside(common::REAL);
    client.args(["build", "--no-cache", url]).env("DOCKER_BUILDKIT", "0").env("SSL_CERT_FILE", dir.join("ca.pem"));
    client.env("DOCKER_HOST", lab.host()).env("DOCKER_CONFIG", lab.dir.join("config")).stdin(Stdio::null());
    let out = client.output().expect("the client starts");
    (out.status.success(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}

#[test]
fn what_comes_over_tls_is_believed_by_the_authorities_that_the_engine_is_told_of() {
    let Some(mut lab) = lab("build-tls") else { return };
    let (dir, served) = (lab.dir.join("context"), lab.dir.join("served"));
    if !certificates(&served) {
        return;
    }
    let date = "Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\n";
    answer(&served, "f.txt", "200 OK", date, b"content");
    answer(&served, "moved", "302 Found", "Location: /f.txt\r\n", b"");
    answer(&served, "away", "301 Moved Permanently", "Location: http://127.0.0.1:4433/f.txt\r\n", b"");
    answer(&served, "circle", "302 Found", "Location: /circle\r\n", b"");
    answer(&served, "none", "404 Not Found", "", b"no such thing");
    let far = lab.dir.join("far");
    write(&far, "Dockerfile", "FROM base\nCOPY word /\nRUN cat /word\n");
    write(&far, "word", "from afar\n");
    answer(&served, "c.tar", "200 OK", "", &packed(&far, "-cf"));
    answer(&served, "c.tar.gz", "200 OK", "", &packed(&far, "-czf"));
    answer(&served, "c", "302 Found", "Location: /c.tar.gz\r\n", b"");
    let _server = serve(&lab, &served);
    let add = |lab: &Lab, real: bool, flags: &str, name: &str| {
        let text =
            format!("FROM base\nADD {flags} {SITE}/{name} /d/file\nRUN cat /d/file && stat -c ' %a %u %Y' /d/file\n");
        write(&dir, "Dockerfile", &text);
        build(lab, real, &["--no-cache"], &dir)
    };
    for real in clients() {
        let (ok, text) = add(&lab, real, "", "f.txt");
        let why = "tls: failed to verify certificate: x509: certificate signed by unknown authority";
        assert!(!ok && text.contains("ADD failed") && text.contains(why), "{text}");
    }
    lab.kill_engine();
    lab.options = ["--registry-ca".to_owned(), served.join("ca.pem").display().to_string()].into();
    lab.start_engine();
    for real in clients() {
        for (flags, name) in [("", "f.txt"), ("", "moved"), (&*format!("--checksum={SUM}"), "f.txt")] {
            let (ok, text) = add(&lab, real, flags, name);
            assert!(ok && printed(&text).contains(&"content 600 0 1000000000"), "{name}: {text}");
        }
        for (flags, name, why) in [
            (
                "--checksum=sha256:1234567890123456789012345678901234567890123456789012345678901234",
                "f.txt",
                "digest mismatch",
            ),
            ("--checksum=sha256:12", "none", "invalid checksum digest length"),
            ("--checksum=md5:d41d8cd98f00b204e9800998ecf8427e", "none", "unsupported digest algorithm"),
            ("", "none", "failed to GET https://127.0.0.1:4433/none with status 404 Not Found: no such thing"),
            ("", "away", "refusing to go from https to http"),
            ("", "circle", "stopped after 10 redirects"),
        ] {
            let (ok, text) = add(&lab, real, flags, name);
            assert!(!ok && text.contains("ADD failed") && text.contains(why), "{name}: {text}");
        }
        for name in ["c.tar", "c.tar.gz", "c"] {
            let (ok, text) = afar(&lab, real, &format!("{SITE}/{name}"), &served);
            assert!(ok && printed(&text).contains(&"from afar"), "{name}: {text}");
        }
        let (ok, text) = afar(&lab, real, &format!("{SITE}/none"), &served);
        assert!(!ok && text.contains("404 Not Found"), "{text}");
        no_debris(&lab);
    }
}

/// Serves the repositories in `dir` at `git://127.0.0.1:9418/`.
fn git_daemon(lab: &Lab, dir: &Path) -> Serving {
    assert!(lab.inside("ip").args(["link", "set", "lo", "up"]).status().expect("ip starts").success());
    // Not by `git daemon`, which would wait for the server beside it and leave it behind.
    let programs = Command::new("git").arg("--exec-path").output().expect("git");
    let server = Path::new(String::from_utf8_lossy(&programs.stdout).trim()).join("git-daemon");
    let mut daemon = lab.inside(&server.display().to_string());
    daemon.args(["--export-all", "--listen=127.0.0.1", "--port=9418", "--reuseaddr"]);
    daemon.arg(format!("--base-path={}", dir.display())).stdout(Stdio::null()).stderr(Stdio::null());
    answering(lab, daemon, 9418)
}

#[test]
fn a_context_comes_by_gits_own_protocol() {
    let Some(lab) = lab("build-git") else { return };
    let (work, served) = (lab.dir.join("work"), lab.dir.join("served"));
    write(&work, "Dockerfile", "FROM base\nRUN echo the root\n");
    write(&work.join("sub"), "Dockerfile", "FROM base\nCOPY word /\nRUN cat /word\n");
    write(&work.join("sub"), "word", "of master\n");
    let git = |args: &str| run("git", &args.split(' ').collect::<Vec<_>>(), &work);
    // The real client asks for this branch where none is named.
    git("init -q -b master .");
    git("config user.email a@b");
    git("config user.name a");
    git("add .");
    git("commit -qm one");
    git("checkout -q -b side");
    write(&work.join("sub"), "word", "the side's\n");
    git("commit -qam two");
    git("checkout -q master");
    std::fs::create_dir_all(&served).expect("a directory");
    run("git", &["clone", "-q", "--bare", &work.display().to_string(), "r.git"], &served);
    let _daemon = git_daemon(&lab, &served);
    for (fragment, wanted) in [("", "the root"), ("#:sub", "of master"), ("#side:sub", "the side's")] {
        let url = format!("git://127.0.0.1:9418/r.git{fragment}");
        let (ok, text) = afar(&lab, false, &url, &lab.dir);
        assert!(ok && printed(&text).contains(&wanted), "{url}: {text}");
        if clients().any(|real| real) {
            let (ok, text) = afar(&lab, true, &url, &lab.dir);
            assert!(ok && printed(&text).contains(&wanted), "{url}: {text}");
        }
    }
    for (fragment, why) in [("none", "none"), (":../..", "error setting git context, \"../..\" not within git root")] {
        let (ok, text) = said(&lab, &["build", &format!("git://127.0.0.1:9418/r.git#{fragment}")]);
        assert!(!ok && text.contains(why), "{fragment}: {text}");
    }
    no_debris(&lab);
}

/// A repository `r.git` in `served` with a submodule, a branch `side` and a tag `v1` with words of its own, and a working tree that pushes there.
fn repository(served: &Path, work: &Path) {
    std::fs::create_dir_all(served).expect("a directory");
    let git = |dir: &Path, args: &str| {
        let config = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"];
        run("git", &[&config, &*args.split(' ').collect::<Vec<_>>()].concat(), dir);
    };
    let library = work.join("library");
    write(&library, "l.txt", "of the library\n");
    git(&library, "init -q -b main .");
    git(&library, "add .");
    git(&library, "commit -qm one");
    git(served, &format!("clone -q --bare {} library.git", library.display()));
    let tree = work.join("tree");
    write(&tree, "word", "first\n");
    write(&tree, "run.sh", "#!/bin/sh\necho runs\n");
    write(&tree.join("sub/deep"), "word", "of main\n");
    std::os::unix::fs::symlink("word", tree.join("link")).expect("a link");
    git(&tree, "init -q -b main .");
    git(&tree, "add .");
    git(&tree, "update-index --chmod=+x run.sh");
    git(&tree, &format!("submodule --quiet add {}/library.git lib", served.display()));
    // As seen from where the repository is served.
    git(&tree, "config -f .gitmodules submodule.lib.url ../library.git");
    git(&tree, "add .gitmodules");
    git(&tree, "commit -qm one");
    git(&tree, "tag -a -m words v1");
    git(&tree, "checkout -q -b side");
    write(&tree.join("sub/deep"), "word", "of the side\n");
    git(&tree, "commit -qam two");
    git(&tree, "checkout -q main");
    git(served, &format!("clone -q --bare {} r.git", tree.display()));
    // For servers that only hand out files.
    for name in ["r.git", "library.git"] {
        git(&served.join(name), "update-server-info");
    }
    git(&tree, &format!("remote add origin {}/r.git", served.display()));
}

fn revision(dir: &Path, name: &str) -> String {
    let out = Command::new("git").args(["rev-parse", name]).current_dir(dir).output().expect("git");
    String::from_utf8(out.stdout).expect("a commit").trim().to_owned()
}

#[test]
fn repositories_are_added_and_known_by_their_commits() {
    let Some(lab) = lab("build-add-git") else { return };
    let (dir, served, work) = (lab.dir.join("context"), lab.dir.join("served"), lab.dir.join("work"));
    repository(&served, &work);
    let _daemon = git_daemon(&lab, &served);
    let url = "git://127.0.0.1:9418/r.git";
    let (tree, bare) = (work.join("tree"), served.join("r.git"));
    let (main, tag) = (revision(&bare, "main"), revision(&bare, "v1"));
    assert_eq!(revision(&bare, "v1^{commit}"), main);
    let text = format!(
        "FROM base\nADD {url} /a\nADD --chown=app --chmod=u=rwX,go=X {url}#side:sub /b/\nADD --keep-git-dir=true {url}#v1 /c\n\
         ADD --exclude=sub {url}?submodules=false#{main} {url}#refs/heads/main:sub/deep /d/\n\
         RUN cd /a && cat word link lib/l.txt sub/deep/word && ./run.sh && stat -c '%a %u' run.sh word sub && find / -xdev -name .git\n\
         RUN cd /b && find . | sort && cat deep/word && stat -c '%a %U' . deep deep/word\n\
         RUN cd /c && cat .git/HEAD .git/refs/tags/v1 lib/l.txt && grep url .git/config | head -1 && ls .git/FETCH_HEAD 2>/dev/null || echo none\n\
         RUN cd /d && ls && ls lib && cat word\n"
    );
    write(&dir, "Dockerfile", &text);
    let wanted = [
        "first\nfirst\nof the library\nof main\nruns\n755 0\n644 0\n755 0\n/c/.git\n/c/lib/.git",
        ".\n./deep\n./deep/word\nof the side\n755 app\n711 app\n600 app",
        &format!("{main}\n{tag}\nof the library\n\turl = {url}\nnone"),
        "lib\nlink\nrun.sh\nword\nof main",
    ];
    for client in clients() {
        let (ok, text) = build(&lab, client, &["--no-cache"], &dir);
        assert!(ok, "{text}");
        assert_eq!(printed(&text).join("\n"), wanted.join("\n"), "{text}");
    }
    let (_, text) = build(&lab, false, &["-t", "built"], &dir);
    assert_eq!(text.matches("Using cache").count(), 8, "{text}");
    let history = lab.ok(&["history", "--no-trunc", "--format", "{{.CreatedBy}}", "built"]);
    assert!(history.contains(&format!("ADD git:{main} in /a")), "{history}");
    // The branch moves on; the tag, the side and the commit do not.
    write(&tree, "word", "second\n");
    run("git", &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "three"], &tree);
    run("git", &["push", "-q", "origin", "main"], &tree);
    for (what, cached, wanted) in [
        (url.to_owned(), 0, "second"),
        (format!("{url}#v1"), 1, "first"),
        (format!("{url}#{main}"), 1, "first"),
        (format!("--checksum={} {url}#v1", &main[..7]), 1, "first"),
        (format!("--checksum={tag} {url}#v1"), 1, "first"),
    ] {
        write(&dir, "Dockerfile", &format!("FROM base\nADD {what} /a\nRUN cat /a/word\n"));
        let (ok, text) = build(&lab, false, &[], &dir);
        assert!(ok && (cached == 0 || text.contains("Using cache")), "{what}: {text}");
        assert_eq!(
            lab.ok(&["run", "--rm", text.split("Successfully built ").nth(1).expect("an id").trim(), "cat", "/a/word"]),
            wanted
        );
    }
    for (what, why) in [
        (format!("--checksum=abcdef {url}#v1"), format!("expected checksum to match abcdef, got {tag} or {main}")),
        (format!("--checksum=abcdef {url}#{main}"), format!("expected checksum to match abcdef, got {main}")),
        (
            format!("--checksum=sha256:00 {url}"),
            "invalid checksum sha256:00 for Git URL, expected hex commit hash".into(),
        ),
        (format!("--checksum=00 {url} {url}"), "checksum can't be specified for multiple sources".into()),
        (format!("{url}#none"), "repository does not contain ref none".into()),
        (format!("{url}#:none"), "invalid subdir none: no such file or directory".into()),
        (format!("{url}#main:word"), "invalid subdir word: not a directory".into()),
        (format!("{url}#:.git"), "invalid subdir .git".into()),
        (format!("{url}#--upload-pack=touch"), "invalid git ref".into()),
        (format!("{url}?what=1"), "unexpected query \"what\"".into()),
        ("git://127.0.0.1:9418/no.git".to_owned(), "failed to fetch remote git://127.0.0.1:9418/no.git: ".into()),
        (format!("--keep-git-dir {url}?keep-git-dir=false"), "inconsistent keep-git-dir configuration".into()),
        (
            "http://user:secret@127.0.0.1:1/x.git".into(),
            "failed to fetch remote http://xxxxx:xxxxx@127.0.0.1:1/x.git".into(),
        ),
    ] {
        write(&dir, "Dockerfile", &format!("FROM base\nADD {what} /a/\n"));
        let (ok, text) = build(&lab, false, &["--no-cache"], &dir);
        let error = text.lines().rev().take(2).collect::<String>();
        assert!(!ok && text.contains(&why) && !error.contains("secret"), "{what}: {text}");
    }
    write(&dir, "Dockerfile", &format!("FROM base\nCOPY {url} /a/\n"));
    let (ok, text) = build(&lab, false, &[], &dir);
    assert!(!ok && text.contains("source can't be a git ref for COPY"), "{text}");
    no_debris(&lab);
}

#[test]
fn repositories_are_added_from_a_server_that_hands_out_files() {
    let Some(lab) = lab("build-add-dumb") else { return };
    let (dir, served, work) = (lab.dir.join("context"), lab.dir.join("served"), lab.dir.join("work"));
    repository(&served, &work);
    let _server = common::build::serve(&lab, &served);
    let url = "http://127.0.0.1:8000/r.git";
    let side = revision(&served.join("r.git"), "side");
    for (what, wanted) in [
        (url.to_owned(), "of main\nof the library"),
        (format!("{url}#side"), "of the side\nof the library"),
        (format!("{url}#{side}"), "of the side\nof the library"),
        (format!("--checksum={side} --keep-git-dir {url}?branch=side"), "of the side\nof the library"),
    ] {
        write(&dir, "Dockerfile", &format!("FROM base\nADD {what} /a\nRUN cat /a/sub/deep/word /a/lib/l.txt\n"));
        let (ok, text) = build(&lab, false, &["--no-cache"], &dir);
        assert!(ok && printed(&text).join("\n") == wanted, "{what}: {text}");
    }
    no_debris(&lab);
}
