use super::*;

fn result(name: &str, args: &str) -> String {
    call(name, args).unwrap_or_else(|failure| failure.to_json().to_string())
}

#[test]
fn names_are_unique() {
    let mut seen = std::collections::BTreeSet::new();
    assert!(names().all(|name| seen.insert(name)));
}

#[test]
fn places_are_counted_as_javascript_does() {
    let json: Value = serde_json::from_str(&result("dockerfile.parse", r#"["FROM a\nRUN 😀é x <<E"]"#)).expect("JSON");
    assert_eq!(json["instructions"][0]["span"], serde_json::json!({"start": 0, "end": 6}));
    // An emoji is two units and four bytes, é one and two.
    assert_eq!(json["errors"][0]["span"]["end"], 20, "{json}");
}

#[test]
fn wrong_arguments_get_a_sentence() {
    assert_eq!(result("units.humanSize", "[\"x\"]"), r#"{"message":"`bytes` must be a number"}"#);
    assert_eq!(result("no.such", "[]"), r#"{"message":"there is no function \"no.such\" in this engine"}"#);
    let message = result("template.render", r#"["", null, {"missingkey": "error"}]"#);
    assert!(message.contains("there is no option"), "{message}");
}

#[test]
fn an_error_of_a_template_has_its_place() {
    let failure = call("template.render", r#"["a\n{{.Foo.Bar}}", {"Foo": 1}]"#).expect_err("an int has no fields");
    assert_eq!((failure.line, failure.column), (Some(2), Some(6)), "{failure}");
}

/// The cases that the package's own tests run in WebAssembly; `SLIPWAY_BLESS=1` writes their results anew.
#[test]
fn the_packages_cases_have_their_results() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("npm/tests/cases");
    let bless = std::env::var_os("SLIPWAY_BLESS").is_some();
    let mut seen = 0;
    for entry in std::fs::read_dir(&dir).expect("npm/tests/cases") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a file of cases");
        let mut cases: Vec<Value> = serde_json::from_str(&text).expect("an array of cases");
        for case in &mut cases {
            let outcome = match call(case["call"].as_str().expect("a name"), &case["args"].to_string()) {
                Ok(json) => ("result", serde_json::from_str(&json).expect("a result is JSON")),
                Err(failure) => ("error", failure.to_json()),
            };
            if bless {
                let (name, args) = (case["call"].take(), case["args"].take());
                *case = serde_json::json!({ "call": name, "args": args, outcome.0: outcome.1 });
            } else {
                assert_eq!(case.get(outcome.0), Some(&outcome.1), "{} in {}", case["call"], path.display());
            }
            seen += 1;
        }
        if bless {
            let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
            std::fs::write(&path, format!("[\n{}\n]\n", lines.join(",\n"))).expect("written");
        }
    }
    assert!(seen > 100, "only {seen} cases");
}
