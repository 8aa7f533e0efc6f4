//! The inputs that fuzzing has kept, run through the properties that it checks. `fuzz/` finds new ones; CONTRIBUTING.md says how.

#[allow(unreachable_pub, reason = "a crate of its own uses them, too")]
#[path = "../fuzz/src/properties/mod.rs"]
mod properties;

/// Names the input at work when its property panics.
struct AtWork(std::path::PathBuf);

impl Drop for AtWork {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input is {}", self.0.display());
        }
    }
}

/// Runs every kept input.
fn run(subject: &str, property: fn(&[u8])) {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(subject);
    let mut inputs: Vec<_> = std::fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{} is empty", dir.display());
    for input in inputs {
        let input = AtWork(input);
        property(&std::fs::read(&input.0).expect("an input"));
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
