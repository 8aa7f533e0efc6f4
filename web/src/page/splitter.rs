//! The bar between text and terminal: dragged, or moved with the arrow keys; it remembers where it was left.

use leptos::html::Div;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent, PointerEvent};

use crate::dom::{Listener, recall, remember, window};

const MIN: f64 = 20.0;
const MAX: f64 = 75.0;
const DEFAULT: f64 = 42.0;
const STEP: f64 = 2.0;
/// Below this width text and terminal are stacked; `lab.css` says the same.
const NARROW: &str = "(max-width: 820px)";

/// The splitter; it sets `--split`, the text's share in per cent, on its parent.
#[component]
pub(crate) fn Splitter() -> impl IntoView {
    let saved = recall("split").and_then(|text| text.parse::<f64>().ok());
    let share = RwSignal::new(saved.unwrap_or(DEFAULT).clamp(MIN, MAX));
    let bar = NodeRef::<Div>::new();
    let query = window().match_media(NARROW).ok().flatten();
    let narrow = RwSignal::new(query.as_ref().is_some_and(|query| query.matches()));
    if let Some(query) = query {
        let listening = query.clone();
        let listener = Listener::new(&query, "change", move |_| narrow.set(listening.matches()));
        let listener = StoredValue::new_local(Some(listener));
        on_cleanup(move || listener.update_value(|listener| drop(listener.take())));
    }
    Effect::new(move |_| {
        let share = share.get();
        if let Some(parent) = bar.get().and_then(|bar| bar.parent_element())
            && let Some(parent) = parent.dyn_ref::<web_sys::HtmlElement>()
        {
            let _ = parent.style().set_property("--split", &format!("{share}%"));
        }
    });
    let set = move |value: f64| {
        let value = (value.clamp(MIN, MAX) * 10.0).round() / 10.0;
        share.set(value);
        remember("split", Some(&value.to_string()));
    };
    let drag = move |event: PointerEvent| {
        let Some(element) = bar.get_untracked() else {
            return;
        };
        let element: &Element = &element;
        if !element.has_pointer_capture(event.pointer_id()) {
            return;
        }
        if let Some(parent) = element.parent_element() {
            let area = parent.get_bounding_client_rect();
            set(if narrow.get_untracked() {
                (f64::from(event.client_y()) - area.top()) / area.height() * 100.0
            } else {
                (f64::from(event.client_x()) - area.left()) / area.width() * 100.0
            });
        }
    };
    let grab = move |event: PointerEvent| {
        event.prevent_default();
        if let Some(element) = bar.get_untracked() {
            let _ = element.set_pointer_capture(event.pointer_id());
            let _ = element.focus();
        }
    };
    let key = move |event: KeyboardEvent| {
        let value = share.get_untracked();
        match event.key().as_str() {
            "ArrowLeft" | "ArrowUp" => set(value - STEP),
            "ArrowRight" | "ArrowDown" => set(value + STEP),
            "Home" => set(MIN),
            "End" => set(MAX),
            "Enter" => set(DEFAULT),
            _ => return,
        }
        event.prevent_default();
    };
    view! {
        <div
            node_ref=bar
            class="splitter"
            role="separator"
            tabindex="0"
            aria-label="Width of the text"
            aria-orientation=move || if narrow.get() { "horizontal" } else { "vertical" }
            aria-valuemin=MIN.to_string()
            aria-valuemax=MAX.to_string()
            aria-valuenow=move || share.get().to_string()
            title="Drag, or use the arrow keys; double-click to reset"
            on:pointerdown=grab
            on:pointermove=drag
            on:dblclick=move |_| set(DEFAULT)
            on:keydown=key
        ></div>
    }
}
