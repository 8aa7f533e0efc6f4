//! `node-agent template` as a program: streams and exit codes.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn template(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_node-agent"))
        .arg("template")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("node-agent starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads its input");
    child.wait_with_output().expect("it ends")
}

fn outcome(args: &[&str], input: &str) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = template(args, input);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn the_result_is_on_standard_output() {
    assert_eq!(outcome(&["{{.a}}"], r#"{"a":1}"#), (Some(0), "1\n".into(), String::new()));
}

#[test]
fn an_error_is_on_standard_error_and_readable_by_machines_where_asked() {
    let text = "template parsing error: template: :1: unclosed action";
    assert_eq!(outcome(&["{{"], "{}"), (Some(64), String::new(), format!("{text}\n")));
    let (code, out, error) = outcome(&["--json", "a\n{{.a.b}}"], r#"{"a":1}"#);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    let error: serde_json::Value = serde_json::from_str(&error).expect("one JSON object");
    assert_eq!((&error["line"], &error["column"]), (&2.into(), &4.into()), "{error}");
}

#[test]
fn a_wrong_command_line_ends_with_125_and_help_with_0() {
    let (code, out, error) = outcome(&["--nonsense", "x"], "{}");
    assert_eq!((code, out.as_str()), (Some(125), ""));
    assert!(error.contains("--nonsense"), "{error}");
    assert_eq!(outcome(&[], "{}").0, Some(125));
    let (code, out, _) = outcome(&["--help"], "");
    assert_eq!(code, Some(0));
    assert!(out.contains("table TEMPLATE"), "{out}");
}
