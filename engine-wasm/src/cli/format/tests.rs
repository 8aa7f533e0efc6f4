use super::{container, image, network, volume};

fn containers(format: &str) -> Result<String, String> {
    let one = json!([{"Id": "abc", "Names": ["/web"], "Labels": {"a": "1", "b.c-d": "2"}}]);
    container::list(format, &one, true, 0)
}

#[test]
fn labels_are_asked_for_by_a_method() {
    for (format, shown) in [
        ("the .Label is {{upper .ID}}", "the .Label is ABC\n"),
        (r#"{{with $.Label "a"}}{{.}}{{end}}"#, "1\n"),
        (r#"{{$x := .}}{{range $i := split "a,b.c-d" ","}}{{$x.Label $i}}{{end}}"#, "12\n"),
        (r#"{{.Label (print "a")}}{{.Label "none"}}"#, "1\n"),
        (r#"{{"a" | .Label}}"#, "1\n"),
        ("{{.Label\t\"a\"}}", "1\n"),
        ("table {{.Label \"b.c-d\"}}\t{{.Names}}", "c d       NAMES\n2         web\n"),
    ] {
        assert_eq!(containers(format).as_deref(), Ok(shown), "{format}");
    }
    let error = |format: &str| containers(format).unwrap_err();
    assert!(error("{{.Label}}").ends_with("at <.Label>: wrong number of args for Label: want 1 got 0"));
    assert!(error(r#"{{.Label "a" "b"}}"#).ends_with("wrong number of args for Label: want 1 got 2"));
    assert!(error("{{.Label 1}}").ends_with("expected string; found 1"));
    let one = json!([{"Id": "sha256:abc", "RepoTags": ["a:1"]}]);
    let images = image::list(r#"{{.Label "a"}}"#, &one, false, true, 0);
    assert!(images.unwrap_err().ends_with("can't evaluate field Label in type *formatter.imageContext"));
}

#[test]
fn only_what_is_evaluated_can_be_missing() {
    for format in ["{{if false}}{{.Nope}}{{end}}x", "{{/* .Nope */}}x", "{{define \"t\"}}{{.Nope}}{{end}}x"] {
        assert_eq!(containers(format).as_deref(), Ok("x\n"), "{format}");
    }
    for format in ["{{with .Nope}}{{end}}", "{{range .Nope}}{{end}}", "{{with $x := .Nope}}{{end}}", "{{.Nope.X}}"] {
        let error = containers(format).unwrap_err();
        assert!(error.contains("can't evaluate field Nope in type *formatter.ContainerContext"), "{format}: {error}");
    }
}

#[test]
fn names_with_numbers_are_in_natural_order() {
    let named = |names: &[&str]| names.iter().map(|name| json!({"Name": name})).collect::<Vec<_>>().into();
    let names = ["a10", "a9", "a09", "Net1", "net10", "net9", "a", "a9b"];
    let sorted = "Net1\na\na9\na9b\na09\na10\nnet9\nnet10\n";
    assert_eq!(network::list("{{.Name}}", &named(&names), false, true).as_deref(), Ok(sorted));
    assert_eq!(volume::list("{{.Name}}", &named(&names), false).as_deref(), Ok(sorted));
}

#[test]
fn what_a_format_does_not_read_is_not_missed() {
    let whole = json!([{
        "Id": "e90e34656806e90e34656806", "Names": ["/web"], "Image": "nginx", "Command": "sh", "Created": 1, "State": "running", "Status": "Up",
        "SizeRw": 5, "Ports": [{"PrivatePort": 80, "Type": "tcp"}], "Labels": {"a": "1"}, "HostConfig": {"NetworkMode": "default"},
        "Mounts": [{"Name": "data", "Driver": "local"}], "NetworkSettings": {"Networks": {"bridge": {}}},
    }]);
    let names = container::KIND.headings.iter().map(|(name, _)| format!("{{{{.{name}}}}}"));
    let formats = ["table", "", "raw", "json", "{{json .}}", "{{with $}}{{.Networks}}{{end}}", "{{.Label \"a\"}}"];
    for format in names.chain(formats.map(str::to_owned)) {
        let mut less = whole.clone();
        for field in container::unread(&format) {
            less[0].as_object_mut().unwrap().remove(field);
        }
        let list = |data| container::list(&container::template(&format, false, true), data, true, 100);
        assert_eq!(list(&less), list(&whole), "{format}");
        assert!(less[0].get("HostConfig").is_none());
    }
    assert_eq!(container::unread("{{.Networks}}"), ["Command", "HostConfig", "Labels", "Mounts"]);
}
