//! The inputs that fuzzing has kept, run through the properties that it checks. `fuzz/` finds new ones; CONTRIBUTING.md says how.

#[allow(unreachable_pub, reason = "a crate of its own uses them, too")]
#[path = "../fuzz/src/properties/mod.rs"]
mod properties;

/// Runs every kept input; a failing one is named by the panic's place and printed before.
fn run(subject: &str, property: fn(&[u8])) {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(subject);
    let mut inputs: Vec<_> = std::fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{} is empty", dir.display());
    for input in inputs {
        // Shown only when the test fails.
        println!("{}", input.display());
        property(&std::fs::read(&input).expect("an input"));
    }
}

macro_rules! subjects {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            run(stringify!($name), properties::$name);
        }
    )*};
}

subjects!(editor format ignore image parser reference shell tar template);
