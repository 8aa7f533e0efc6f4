use super::*;

fn read(text: &str) -> Script {
    let mut source = Source::default();
    source.push(text, 0);
    Script::new(source)
}

fn shown(text: &str) -> Vec<String> {
    let line = |cmd: &Cmd| {
        std::iter::once(cmd.name.as_str())
            .chain(cmd.args.iter().map(|arg| arg.text.as_str()))
            .collect::<Vec<_>>()
            .join("|")
    };
    read(text).commands.iter().map(line).collect()
}

#[test]
fn commands_are_found_wherever_they_stand() {
    for (text, commands) in [
        ("a b && c || d; e & f", vec!["a|b", "c", "d", "e", "f"]),
        ("X=1 Y=\"2 3\" a $b ${c:-d e}", vec!["a|${b}|${c:-d e}"]),
        ("if [ -f x ]; then a; elif b; then c; else d; fi", vec!["a", "b", "c", "d"]),
        ("for x in 1 $(a b); do c $x; done", vec!["a|b", "c|${x}"]),
        ("while ! a; do b; done | c", vec!["a", "b", "c"]),
        ("case $x in a|b) c ;; *) d;; esac && e", vec!["c", "d", "e"]),
        ("case $x in\n *.*)\n x=1\n ;;\n (b)\n c;;\nesac\nd", vec!["c", "d"]),
        ("f() { a; } && (b; c) >x 2>&1 <y", vec!["a", "b", "c"]),
        ("a \"b $(c 'd e') f\" `g`", vec!["a|b ${cd e} f|${VAR}", "c|d e", "g"]),
        ("[[ a && b ]] && c; x=$((1+2)); d $((3)) # e && f", vec!["c", "d|${VAR}"]),
        ("a 'b\\' c\\ d \\\n e", vec!["a|b\\|c d|e"]),
        ("command a b; $x a; exec -a y z", vec!["a|a|b", "exec|-a|y|z"]),
        ("cat <<E > x\nrm -rf /\nE\nb {c,d} e", vec!["cat", "b||e"]),
        ("x=(a $(b c) 'd' # )\n) && e; x+=(f)", vec!["b|c", "e"]),
        ("((a b) | c) && x=$(( (1+2)*3 )) && d $((e); f) ; ((1))", vec!["a|b", "c", "d|${ef}", "e", "f"]),
        ("function f { a; } && function g() { b; }; c", vec!["a", "b", "c"]),
        ("a 'open", vec![]),
        ("(a", vec![]),
        ("a <(b c) d", vec!["a||d", "b|c"]),
    ] {
        assert_eq!(shown(text), commands, "{text:?}");
    }
    assert!(read("a | b").pipes && !read("a || b").pipes);
    assert!(read("a && b -c").chain && !read("a; b").chain && !read("a | b").chain);
}

#[test]
fn flags_take_their_values() {
    let script = read("apt-get -yq -t x install --foo=1 a=2 -- b -");
    let cmd = &script.commands[0];
    assert!(cmd.has_flag(&["q"]) && cmd.has_flag(&["foo"]) && !cmd.has_flag(&["install"]));
    let plain: Vec<_> = cmd.plain(&["t"]).iter().map(|arg| arg.text.as_str()).collect();
    assert_eq!(plain, ["install", "a=2", "--", "b", "-"]);
    assert_eq!(cmd.values("t"), ["x"]);
    assert_eq!(&script.text[cmd.args[3].span.clone()], "install");
}

#[test]
fn deep_nesting_ends() {
    assert!(read(&"$(".repeat(5000)).commands.is_empty());
    assert!(read(&"a $(".repeat(20)).commands.is_empty());
    assert_eq!(read(&format!("{}{}", "a $(".repeat(20), ")".repeat(20))).commands.len(), 20);
}
