//! Bad input through the real `docker` command line, against what was recorded (`bad_input.txt`), and pulls that cannot
//! succeed. Needs root, docker 28.2, and busybox-static.

mod lab;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use lab::Lab;

/// Ids become `ID`; blank lines and the command line's pointer to its help are left out.
fn plain(text: &str) -> String {
    let word = |w: &str| (w.len() == 12 || w.len() == 64) && w.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut out = String::new();
    for line in text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with("Run 'docker")) {
        let mut rest = line;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (token, tail) = rest.split_at(end);
            out.push_str(if word(token) { "ID" } else { token });
            let next = tail.find(|c: char| c.is_ascii_alphanumeric() || c == '_').unwrap_or(tail.len());
            out.push_str(&tail[..next]);
            rest = &tail[next..];
        }
        out.push('\n');
    }
    out
}

/// Splits at blanks outside of double quotes.
fn arguments(line: &str) -> Vec<String> {
    let (mut list, mut word, mut quoted, mut some) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '"' => (quoted, some) = (!quoted, true),
            ' ' if !quoted => {
                if some {
                    list.push(std::mem::take(&mut word));
                }
                some = false;
            }
            c => {
                word.push(c);
                some = true;
            }
        }
    }
    if some {
        list.push(word);
    }
    list
}

#[test]
fn bad_input_is_answered_as_recorded() {
    let Some(lab) = Lab::new("bad-input") else { return };
    let version = lab.ok(&["version", "--format", "{{.Client.Version}}"]);
    if !version.starts_with("28.") {
        return lab::skip(&format!("the answers were recorded with docker 28.2, and this docker is {version}"));
    }
    let cases: Vec<&str> = include_str!("bad_input.txt").split("\n$ ").skip(1).collect();
    assert!(cases.len() > 100);
    let mut wrong = Vec::new();
    for case in cases {
        let mut lines = case.lines();
        let command = lines.next().expect("arguments");
        let (mut code, mut text) = (None, String::new());
        for line in lines {
            if let Some(number) = line.strip_prefix("= ") {
                code = Some(number.parse::<i32>().expect("an exit code"));
            } else if let Some(line) = line.strip_prefix("> ") {
                text.push_str(line);
                text.push('\n');
            }
        }
        let args = arguments(command);
        let output = lab.docker(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let found = plain(&String::from_utf8_lossy(&output.stderr));
        if output.status.code() != code || found != text {
            wrong.push(format!(
                "docker {command}\n  expected {code:?} {text}  found {:?} {found}",
                output.status.code()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A registry that knows the repository `library/known` without any tag.
fn registry() -> std::path::PathBuf {
    let path = std::path::PathBuf::from(format!("/tmp/slipway-registry-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let mut request = String::new();
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                request.push_str(&line);
                line.clear();
            }
            let code = if request.contains("/v2/library/known/") { "MANIFEST_UNKNOWN" } else { "NAME_UNKNOWN" };
            let body = format!("{{\"errors\":[{{\"code\":\"{code}\",\"message\":\"manifest unknown\"}}]}}");
            let head =
                "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ";
            let _ = write!(reader.get_mut(), "{head}{}\r\n\r\n{body}", body.len());
        }
    });
    path
}

#[test]
fn pulls_that_cannot_succeed_say_why_in_dockers_words() {
    let socket = registry();
    let Some(lab) = Lab::with("mirror", &["--registry-mirror", &format!("unix://{}", socket.display())]) else {
        return;
    };
    let expected = "pull access denied for nothing, repository does not exist or may require 'docker login': denied: \
                    requested access to the resource is denied";
    let (code, text) = lab.fails(&["pull", "nothing"]);
    assert_eq!((code, text.contains(expected)), (Some(1), true), "{text}");
    let (code, text) = lab.fails(&["run", "nothing", "true"]);
    assert_eq!((code, text.contains(expected)), (Some(125), true), "{text}");
    let (_, text) = lab.fails(&["pull", "known:v9"]);
    assert!(text.contains("manifest for known:v9 not found: manifest unknown: manifest unknown"), "{text}");
    std::fs::remove_file(&socket).expect("the registry's socket");
    let (code, text) = lab.fails(&["pull", "known"]);
    assert_eq!(code, Some(1));
    assert!(text.contains(&socket.display().to_string()), "the mirror that is down is named: {text}");
    assert_eq!(lab.ok(&["images", "-q"]).lines().count(), 1);
}

#[test]
fn an_unused_port_as_mirror_is_a_clear_error() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let Some(lab) = Lab::with("dead-mirror", &["--registry-mirror", &format!("http://127.0.0.1:{port}")]) else {
        return;
    };
    let (code, text) = lab.fails(&["pull", "anything"]);
    assert_eq!(code, Some(1));
    assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}");
}
