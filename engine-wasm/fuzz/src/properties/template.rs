//! Templates: limits hold, errors name the place, and the same template over the same data gives the same text.

use engine_wasm::template::{Error, Format, FunctionSet, MissingKey, Nulls, Numbers, Options, Template, unescape};
use serde_json::{Value, json};

use super::halves;

const MAX_OUTPUT: usize = 1 << 16;

/// The first byte chooses options, the text up to a NUL is the template; what follows is its JSON data, or else a container's.
pub fn template(data: &[u8]) {
    let Some((settings, data)) = data.split_first() else { return };
    let (text, json) = halves(data);
    let text = &*String::from_utf8_lossy(text);
    let data: Value = serde_json::from_slice(json).unwrap_or_else(|_| container());
    let bit = |number: u8| settings >> number & 1 == 1;
    let options = Options {
        missing_key: if bit(0) { MissingKey::Error } else { MissingKey::Default },
        numbers: match settings >> 1 & 3 {
            0 | 1 => Numbers::Integer,
            2 => Numbers::Float,
            _ => Numbers::Text,
        },
        nulls: if bit(3) { Nulls::EmptyList } else { Nulls::Untyped },
        functions: if bit(4) { FunctionSet::Go } else { FunctionSet::Docker },
        max_output: MAX_OUTPUT,
        max_steps: 20_000,
        ..Options::default()
    };
    let _ = (Format::parse(text), unescape(text));
    let template = match Template::parse_with("fuzz", text, options) {
        Ok(template) => template,
        Err(Error::Parse(message)) => return assert!(message.starts_with("template: fuzz:"), "{message}"),
        Err(error) => panic!("parsing gave {error:?}"),
    };
    let result = template.render(&data);
    assert_eq!(result, template.render(&data));
    match result {
        // A byte that is no UTF-8 becomes a character of three.
        Ok(output) => assert!(output.len() <= 3 * MAX_OUTPUT, "{} bytes", output.len()),
        Err(Error::Execute(message)) => assert!(message.starts_with("template: "), "{message}"),
        Err(error) => panic!("rendering gave {error:?}"),
    }
    if !text.contains("{{") {
        assert_eq!(template.render(&data).as_deref().unwrap_or_default(), text);
    }
}

fn container() -> Value {
    json!({
        "ID": "4c01db0b339c", "Names": ["web", "proxy"], "Running": true, "ExitCode": 0, "Ratio": 0.5, "Nothing": null,
        "Labels": {"a": "1", "b": "<&>"}, "Mounts": [{"Type": "volume", "RW": true}, {"Type": "bind", "RW": false}],
    })
}
