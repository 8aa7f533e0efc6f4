//! What xterm-js-rs, whose interface is that of 2021, does not know of the current xterm.js: bytes, live options, the parser's hooks.

use js_sys::{Function, Object, Uint8Array};
use wasm_bindgen::prelude::*;
use xterm_js_rs::addons::fit::FitAddon;
use xterm_js_rs::addons::unicode11::Unicode11Addon;
use xterm_js_rs::addons::web_links::WebLinksAddon;
use xterm_js_rs::{Terminal, TerminalOptions, Theme};

#[wasm_bindgen]
extern "C" {
    /// The same object as [`Terminal`].
    pub(crate) type Modern;

    /// Bytes, not text: xterm decodes UTF-8 across calls.
    #[wasm_bindgen(method, js_name = write)]
    pub(crate) fn write_bytes(this: &Modern, bytes: &Uint8Array, parsed: &Function);

    /// Options that take effect at once when set.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn options(this: &Modern) -> TerminalOptions;

    #[wasm_bindgen(method, getter)]
    fn unicode(this: &Modern) -> Unicode;

    #[wasm_bindgen(method, getter)]
    fn parser(this: &Modern) -> Parser;

    #[wasm_bindgen(method, js_name = loadAddon)]
    fn load(this: &Modern, addon: &JsValue);

    type Unicode;

    #[wasm_bindgen(method, setter, js_name = activeVersion)]
    fn set_active_version(this: &Unicode, version: &str);

    type Parser;

    #[wasm_bindgen(method, js_name = registerCsiHandler)]
    fn on_csi(this: &Parser, id: &Object, handler: &Function);

    #[wasm_bindgen(method, js_name = registerDcsHandler)]
    fn on_dcs(this: &Parser, id: &Object, handler: &Function);

    #[wasm_bindgen(method, js_name = registerOscHandler)]
    fn on_osc(this: &Parser, id: u32, handler: &Function);

    type Fit;

    #[wasm_bindgen(method, js_name = proposeDimensions)]
    fn propose(this: &Fit) -> Option<Dimensions>;

    type Dimensions;

    #[wasm_bindgen(method, getter)]
    fn cols(this: &Dimensions) -> f64;

    #[wasm_bindgen(method, getter)]
    fn rows(this: &Dimensions) -> f64;
}

/// The object with its current interface.
pub(crate) fn modern(terminal: &Terminal) -> &Modern {
    terminal.unchecked_ref()
}

/// Loads the addons that every terminal has, and returns the one that measures.
pub(crate) fn equip(terminal: &Terminal) -> FitAddon {
    let fit = FitAddon::new();
    let this = modern(terminal);
    this.load(&fit);
    this.load(&WebLinksAddon::new(None, None, None));
    this.load(&Unicode11Addon::new());
    this.unicode().set_active_version("11");
    fit
}

/// Columns and rows that fit into the terminal's box; none while it is not shown.
pub(crate) fn measure(fit: &FitAddon) -> Option<super::frame::Size> {
    let proposed = fit.unchecked_ref::<Fit>().propose()?;
    let (cols, rows) = (proposed.cols(), proposed.rows());
    if !cols.is_finite() || !rows.is_finite() {
        return None;
    }
    Some(super::frame::Size { cols: cols.clamp(2.0, 1000.0) as u16, rows: rows.clamp(1.0, 1000.0) as u16 })
}

/// Swallows the questions that a program asks its terminal (who are you, where is the cursor, what colour?) while `deaf` says so:
/// they are old questions in a replay, and xterm's answers would be typed into today's shell.
pub(crate) fn swallow_questions(terminal: &Terminal, deaf: impl Fn() -> bool + Clone + 'static) {
    let parser = modern(terminal).parser();
    for (prefix, intermediates, last) in [
        ("", "", "c"),
        (">", "", "c"),
        ("=", "", "c"),
        (">", "", "q"),
        ("", "", "n"),
        ("?", "", "n"),
        ("", "$", "p"),
        ("?", "$", "p"),
        ("", "", "t"),
    ] {
        let deaf = deaf.clone();
        let handler = Closure::<dyn Fn() -> bool>::new(deaf);
        parser.on_csi(&sequence(prefix, intermediates, last), handler.into_js_value().unchecked_ref());
    }
    let quiet = deaf.clone();
    let status_string = Closure::<dyn Fn() -> bool>::new(quiet);
    parser.on_dcs(&sequence("", "$", "q"), status_string.into_js_value().unchecked_ref());
    for colour in [4, 10, 11, 12] {
        let deaf = deaf.clone();
        let handler = Closure::<dyn Fn(String) -> bool>::new(move |data: String| {
            deaf() && data.split(';').any(|part| part == "?")
        });
        parser.on_osc(colour, handler.into_js_value().unchecked_ref());
    }
}

fn sequence(prefix: &str, intermediates: &str, last: &str) -> Object {
    let id = Object::new();
    for (name, value) in [("prefix", prefix), ("intermediates", intermediates), ("final", last)] {
        if !value.is_empty() {
            set(&id, name, &value.into());
        }
    }
    id
}

/// Sets a property of a plain object, which cannot fail.
pub(crate) fn set(object: &Object, name: &str, value: &JsValue) {
    let set = js_sys::Reflect::set(object, &name.into(), value);
    debug_assert!(set.is_ok(), "a plain object takes every property");
}

/// Colours on a deep ground, chosen for a contrast of 4.5 : 1 or better; `dark` fits a dark page.
pub(crate) fn theme(dark: bool) -> Theme {
    let theme = Theme::new();
    let ground = if dark { "#0a1318" } else { "#0f212b" };
    theme
        .with_background(ground)
        .with_foreground("#dbe6ea")
        .with_cursor("#f4b860")
        .with_cursor_accent(ground)
        .with_black("#1d303a")
        .with_red("#ff7b72")
        .with_green("#7fd18b")
        .with_yellow("#e9c46a")
        .with_blue("#6cb6ff")
        .with_magenta("#d2a8ff")
        .with_cyan("#5ed1dc")
        .with_white("#c8d5da")
        .with_bright_black("#7d929c")
        .with_bright_red("#ffa198")
        .with_bright_green("#a3e6ab")
        .with_bright_yellow("#f6dc94")
        .with_bright_blue("#9ccfff")
        .with_bright_magenta("#e2c5ff")
        .with_bright_cyan("#92e6ee")
        .with_bright_white("#ffffff");
    let object: &Object = theme.unchecked_ref();
    set(object, "selectionBackground", &"#2f6f8f".into());
    set(object, "selectionInactiveBackground", &"#2a4655".into());
    theme
}
