//! Small conveniences over web-sys: listeners and timers that end when dropped, storage that may be missing.

use wasm_bindgen::prelude::*;
use web_sys::{Document, EventTarget, Window};

/// The page's window.
pub(crate) fn window() -> Window {
    // This crate runs in a page, never in a worker.
    web_sys::window().expect("a page has a window")
}

/// The page's document.
pub(crate) fn document() -> Document {
    window().document().expect("a window has a document")
}

/// A listener that is removed when dropped.
pub(crate) struct Listener {
    target: EventTarget,
    name: &'static str,
    closure: Closure<dyn FnMut(JsValue)>,
}

impl Listener {
    /// Calls `handle` at every event of that name.
    pub(crate) fn new(target: &EventTarget, name: &'static str, handle: impl FnMut(JsValue) + 'static) -> Self {
        let closure = Closure::<dyn FnMut(JsValue)>::new(handle);
        let added = target.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
        debug_assert!(added.is_ok(), "adding a listener throws for no target");
        Listener { target: target.clone(), name, closure }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Nothing is left to do if the target is gone already.
        let _ = self.target.remove_event_listener_with_callback(self.name, self.closure.as_ref().unchecked_ref());
    }
}

/// A timer that is stopped when dropped.
pub(crate) struct Timer {
    handle: i32,
    _closure: Closure<dyn FnMut()>,
}

impl Timer {
    /// Calls `action` once, after so many milliseconds.
    pub(crate) fn once(after: i32, action: impl FnOnce() + 'static) -> Self {
        let closure = Closure::once(action);
        let handle = window()
            .set_timeout_with_callback_and_timeout_and_arguments_0(closure.as_ref().unchecked_ref(), after)
            .unwrap_or_default();
        Timer { handle, _closure: closure }
    }

    /// Calls `action` again and again, every so many milliseconds.
    pub(crate) fn every(period: i32, action: impl FnMut() + 'static) -> Self {
        let closure = Closure::<dyn FnMut()>::new(action);
        let handle = window()
            .set_interval_with_callback_and_timeout_and_arguments_0(closure.as_ref().unchecked_ref(), period)
            .unwrap_or_default();
        Timer { handle, _closure: closure }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // Timeouts and intervals share their numbers.
        window().clear_interval_with_handle(self.handle);
    }
}

/// A remembered value; none when the browser forbids storage.
pub(crate) fn recall(name: &str) -> Option<String> {
    let storage = window().local_storage().ok()??;
    storage.get_item(&format!("slipway.{name}")).ok()?
}

/// Remembers a value, if the browser allows.
pub(crate) fn remember(name: &str, value: Option<&str>) {
    let Ok(Some(storage)) = window().local_storage() else {
        return;
    };
    let name = format!("slipway.{name}");
    // A full or forbidden storage costs comfort, not function.
    let _ = match value {
        Some(value) => storage.set_item(&name, value),
        None => storage.remove_item(&name),
    };
}

/// Puts text on the clipboard; also where the browser offers no clipboard (a page over plain HTTP from another machine).
pub(crate) fn copy(text: &str) {
    let clipboard = window().navigator().clipboard();
    if !clipboard.is_undefined() {
        let _ = clipboard.write_text(text);
        return;
    }
    let document = document();
    let area = document
        .create_element("textarea")
        .ok()
        .and_then(|element| element.dyn_into::<web_sys::HtmlTextAreaElement>().ok());
    let (Some(area), Some(body)) = (area, document.body()) else {
        return;
    };
    area.set_value(text);
    area.set_class_name("off-screen");
    let focused = document.active_element();
    if body.append_child(&area).is_ok() {
        area.select();
        if let Some(document) = document.dyn_ref::<web_sys::HtmlDocument>() {
            let _ = document.exec_command("copy");
        }
        area.remove();
    }
    if let Some(element) = focused.and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = element.focus();
    }
}
