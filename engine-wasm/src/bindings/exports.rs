//! What JavaScript can call. The package's own scripts wrap it; nothing else should rely on these names.

use wasm_bindgen::prelude::*;

use super::Failure;

/// [`super::call`]; a failure is thrown as its JSON text.
#[wasm_bindgen]
pub fn call(name: &str, args: &str) -> Result<String, JsValue> {
    super::call(name, args).map_err(thrown)
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn thrown(failure: Failure) -> JsValue {
    failure.to_json().to_string().into()
}
