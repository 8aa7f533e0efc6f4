//! Light or dark: the system's wish, until the reader chooses. `js/theme.js` applies a remembered choice before the first paint.

use leptos::prelude::*;

use crate::dom::{Listener, document, recall, remember, window};

/// Whether the page is dark, for everything that draws its own colours.
#[derive(Clone, Copy)]
pub(crate) struct Dark(pub(crate) RwSignal<bool>);

impl Dark {
    /// Reads what holds now, and makes it known to all components.
    pub(crate) fn provide() {
        let chosen = document().document_element().and_then(|root| root.get_attribute("data-theme"));
        let system = window().match_media("(prefers-color-scheme: dark)").ok().flatten();
        let dark = RwSignal::new(match chosen.as_deref() {
            Some(theme) => theme == "dark",
            None => system.as_ref().is_some_and(|query| query.matches()),
        });
        if let Some(query) = system {
            let system = query.clone();
            let listener = Listener::new(&query, "change", move |_| {
                if recall("theme").is_none() {
                    dark.set(system.matches());
                }
            });
            // As long as the page.
            let listener = StoredValue::new_local(Some(listener));
            on_cleanup(move || listener.update_value(|listener| drop(listener.take())));
        }
        provide_context(Dark(dark));
    }
}

/// The button in the header.
#[component]
pub(crate) fn ThemeButton() -> impl IntoView {
    let Dark(dark) = expect_context();
    let toggle = move |_| {
        dark.update(|dark| *dark = !*dark);
        let theme = if dark.get_untracked() { "dark" } else { "light" };
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-theme", theme);
        }
        remember("theme", Some(theme));
    };
    let label = move || {
        if dark.get() { "Switch to the light theme" } else { "Switch to the dark theme" }
    };
    view! {
        <button class="icon-button" type="button" on:click=toggle aria-label=label title=label>
            <svg viewBox="0 0 24 24" aria-hidden="true">
                <path d=move || {
                    if dark.get() {
                        "M12 4V2m0 20v-2m8-8h2M2 12h2m13.7-5.7 1.4-1.4M4.9 19.1l1.4-1.4m0-11.4L4.9 4.9m14.2 14.2-1.4-1.4M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0Z"
                    } else {
                        "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5Z"
                    }
                } />
            </svg>
        </button>
    }
}
