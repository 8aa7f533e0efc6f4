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
