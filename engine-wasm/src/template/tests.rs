//! Expected texts are those of Go's text/template and fmt; CONFORMANCE.md says how ours were compared with them at large.

use super::*;

fn data() -> serde_json::Value {
    json!({"ID": "abc", "Names": ["web", "proxy"], "N": 5, "F": 1.5, "Null": null, "M": {"b": 2, "a": "x"}, "T": true, "Html": "<a href=\"x\">"})
}

fn run(text: &str) -> String {
    Template::parse("", text).and_then(|t| t.render(&data())).unwrap_or_else(|e| format!("ERROR {e}"))
}

#[test]
fn actions_control_flow() {
    for (text, expected) in [
        ("{{.ID}}-{{.M.a}}", "abc-x"),
        ("{{if .N}}y{{else}}n{{end}}", "y"),
        ("{{if .Null}}a{{else if .T}}b{{else}}c{{end}}", "b"),
        ("{{range .Names}}[{{.}}]{{end}}", "[web][proxy]"),
        ("{{range $i, $n := .Names}}{{if $i}},{{end}}{{$i}}={{$n}}{{end}}", "0=web,1=proxy"),
        ("{{range $k, $v := .M}}{{$k}}:{{$v}};{{end}}", "a:x;b:2;"),
        ("{{range .Null}}x{{else}}none{{end}}", "none"),
        ("{{range $i, $_ := .Names}}{{if eq $i 1}}{{break}}{{end}}{{.}}{{end}}", "web"),
        ("{{range .Names}}{{if eq . \"web\"}}{{continue}}{{end}}{{.}}{{end}}", "proxy"),
        ("{{range 3}}{{.}}{{end}}", "012"),
        ("{{with .M}}{{.a}}{{end}}{{with .Null}}x{{else with .ID}}{{.}}{{end}}", "xabc"),
        ("{{define \"x\"}}<{{.}}>{{end}}{{template \"x\" .ID}}", "<abc>"),
        ("{{block \"y\" .N}}{{.}}!{{end}}", "5!"),
        ("a {{- /* c */ -}} b", "ab"),
        ("{{$x := 1}}{{range .Names}}{{$x = .}}{{end}}{{$x}}", "proxy"),
        ("{{.Null}} {{.Missing}} {{.Names}} {{.M}}", "<no value> <no value> [web proxy] map[a:x b:2]"),
    ] {
        assert_eq!(run(text), expected, "{text}");
    }
}

#[test]
fn functions_have_gos_semantics() {
    for (text, expected) in [
        ("{{json .M}} {{json .Html}}", r#"{"b":2,"a":"x"} "<a href=\"x\">""#),
        (
            "{{join .Names \"/\"}} {{upper .ID}} {{title \"ab cd\"}} {{pad .ID 1 2}}| {{truncate .ID 2}}",
            "web/proxy ABC Ab Cd  abc  | ab",
        ),
        ("{{index .Names 1}} {{index .M \"a\"}} {{len .Names}} {{slice .ID 1 2}}", "proxy x 2 b"),
        ("{{index (split \"a:b\" \":\") 1}}", "b"),
        ("{{printf \"%05d|%-6s|%x|%q|%.2f\" .N .ID .ID .ID .F}}", "00005|abc   |616263|\"abc\"|1.50"),
        ("{{printf \"%d %s\" .ID}}", "%!d(string=abc) %!s(MISSING)"),
        ("{{.ID | printf \"%s-%s\" \"a\"}}", "a-abc"),
        ("{{and .Null (index .Names 9)}} {{or .ID (index .Names 9)}}", "<no value> abc"),
        ("{{eq .N 4 5}} {{lt 1 2}} {{ge 1.5 .F}} {{not .N}} {{ne \"a\" .ID}}", "true true true false true"),
        ("{{html .Html}} {{js \"it's\"}} {{urlquery \"a b&c\"}}", "&lt;a href=&#34;x&#34;&gt; it\\'s a+b%26c"),
        ("{{print 1 2 \"x\" 3}} {{println 1 \"x\"}}", "1 2x3 1 x\n"),
        ("{{0x10}} {{'a'}} {{1e3}} {{1+2i}} {{1_000}} {{0b11}}", "16 97 1000 (1+2i) 1000 3"),
    ] {
        assert_eq!(run(text), expected, "{text}");
    }
}

#[test]
fn errors_have_gos_texts_and_places() {
    for (text, expected) in [
        ("{{.ID", "template: :1: unclosed action"),
        ("{{foo}}", "template: :1: function \"foo\" not defined"),
        ("a\n{{if}}", "template: :2: missing value for if"),
        ("{{.ID.x}}", "template: :1:5: executing \"\" at <.ID.x>: can't evaluate field x in type interface {}"),
        ("{{with .ID}}{{.x}}{{end}}", "template: :1:14: executing \"\" at <.x>: can't evaluate field x in type string"),
        (
            "{{index .Names 7}}",
            "template: :1:2: executing \"\" at <index .Names 7>: error calling index: index out of range: 7",
        ),
        ("{{len .N}}", "template: :1:2: executing \"\" at <len .N>: error calling len: len of type int"),
        (
            "{{lt .N .ID}}",
            "template: :1:2: executing \"\" at <lt .N .ID>: error calling lt: incompatible types for comparison: int and string",
        ),
        ("{{template \"z\"}}", "template: :1:11: executing \"\" at <{{template \"z\"}}>: template \"z\" not defined"),
        ("{{upper .N}}", "template: :1:8: executing \"\" at <.N>: wrong type for value; expected string; got int"),
        ("{{$x}}", "template: :1: undefined variable \"$x\""),
        ("{{range .Names}}", "template: :1: unexpected EOF"),
        ("{{.Null.x}}", "template: :1:7: executing \"\" at <.Null.x>: nil pointer evaluating interface {}.x"),
    ] {
        assert_eq!(run(text), format!("ERROR {expected}"), "{text}");
    }
}

#[test]
fn options_choose_how_missing_keys_and_numbers_behave() {
    let strict = Options { missing_key: MissingKey::Error, numbers: Numbers::Text, ..Options::default() };
    let render = |text: &str, options: &Options| {
        Template::parse_with("", text, options.clone()).unwrap().render(&data()).unwrap_or_else(|e| e.to_string())
    };
    assert_eq!(
        render("{{.Foo}}", &strict),
        "template: :1:2: executing \"\" at <.Foo>: map has no entry for key \"Foo\""
    );
    assert_eq!(render("{{printf \"%T\" .N}}", &strict), "json.Number");
    let typed = Options { root_type: Some("*formatter.ContainerContext".into()), ..Options::default() };
    assert_eq!(
        render("{{.Foo}}", &typed),
        "template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type *formatter.ContainerContext"
    );
    let lists = Options { nulls: Nulls::EmptyList, ..Options::default() };
    assert_eq!(render("{{.Null}} {{len .Null}}", &lists), "[] 0");
    let header = Options { functions: FunctionSet::DockerHeader, ..Options::default() };
    assert_eq!(render("{{upper .ID}} {{truncate .ID 1}} {{pad .ID 1 0}} {{json .ID}}", &header), "abc abc  abc abc");
}

#[test]
fn endless_templates_are_stopped() {
    let stopped = |text: &str, part: &str| {
        let result = run(text);
        assert!(result.contains(part), "{text}: {}", &result[..result.len().min(200)]);
    };
    stopped("{{define \"x\"}}{{template \"x\"}}{{end}}{{template \"x\"}}", "exceeded maximum template depth");
    stopped("{{range 9223372036854775807}}{{end}}", "exceeded maximum number of steps");
    stopped("{{range 1000000}}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{{end}}", "output is longer than");
    stopped(&format!("{{{{printf \"{}\" 1}}}}", "%1000000[1]d".repeat(20)), "output is longer than");
    stopped(&"{{if 1}}".repeat(5000), "max expression depth exceeded");
    stopped(&format!("{{{{{}1{}}}}}", "(".repeat(5000), ")".repeat(5000)), "max expression depth exceeded");
    stopped(&format!("{}{}", "{{if 1}}".repeat(98), "{{end}}".repeat(98)), "");
}

#[test]
fn format_flags_are_told_apart() {
    assert_eq!(Format::parse("table {{.ID}}\\t{{.Names}}"), Format::Table("{{.ID}}\\t{{.Names}}"));
    assert_eq!(Format::parse("table"), Format::DefaultTable);
    assert_eq!(Format::parse("json"), Format::Json);
    assert_eq!(Format::parse("{{json .}}"), Format::Template("{{json .}}"));
    assert_eq!(unescape(" a\\tb\\n "), "a\tb\n");
}

#[test]
fn the_deepest_templates_fit_a_megabyte_of_stack() {
    let deepest = std::thread::Builder::new().stack_size(1 << 20).spawn(|| {
        let nested = format!("{}{}", "{{if 1}}{{with 2}}".repeat(49), "{{end}}{{end}}".repeat(49));
        let parens = format!("{{{{{}1{}}}}}", "(".repeat(98), ")".repeat(98));
        let recursion = "{{define \"x\"}}{{if 1}}{{with (and (1))}}{{template \"x\" (print (1))}}{{end}}{{end}}{{end}}{{template \"x\"}}";
        [run(&nested), run(&parens), run(recursion)]
    });
    let [nested, parens, recursion] = deepest.expect("a thread").join().expect("no overflow");
    assert_eq!(nested, "");
    assert_eq!(parens, "1");
    assert!(recursion.contains("exceeded maximum template depth"), "{recursion}");
}

#[test]
fn widths_up_to_gos_limit_are_filled() {
    use super::Template;
    let length =
        |text: &str| Template::parse("", text).and_then(|t| t.render(&serde_json::Value::Null)).map(|out| out.len());
    assert_eq!(length(r#"{{printf "%0936724d" 1}}"#), Ok(936_724));
    assert_eq!(length(r#"{{printf "%.100000x" 255}}"#), Ok(100_000));
    assert_eq!(length(r#"{{printf "%.70000U" 65}}"#), Ok(70_002));
}
