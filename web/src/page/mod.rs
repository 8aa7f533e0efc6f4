//! The pages, chosen by the address. Links are real ones: a page is loaded, not swapped, which keeps back, reload and bookmarks honest.

mod home;
mod lab;
mod note;
mod run_blocks;
mod session;
mod splitter;
mod terminals;

use leptos::prelude::*;

use crate::dom::{document, window};
use crate::theme::{Dark, ThemeButton};

/// Puts the page into the document.
pub(crate) fn mount() {
    leptos::mount::mount_to_body(|| {
        Dark::provide();
        let path = window().location().pathname().unwrap_or_default();
        match path.trim_end_matches('/') {
            "" => view! { <home::Home /> }.into_any(),
            other => match other.strip_prefix("/labs/") {
                Some(slug) if !slug.contains('/') => view! { <lab::LabPage slug=slug.to_owned() /> }.into_any(),
                _ => view! { <Nowhere /> }.into_any(),
            },
        }
    });
}

/// Names the page in the browser's tab and history.
fn set_title(title: &str) {
    document().set_title(&format!("{title} · Slipway"));
}

/// Product name, and the way home.
#[component]
fn Brand() -> impl IntoView {
    view! {
        <a class="brand" href="/" aria-label="Slipway: all labs">
            <svg viewBox="0 0 32 32" aria-hidden="true">
                <path
                    class="brand-rail"
                    d="M4 26 28 20"
                    stroke-width="2.6"
                    stroke-linecap="round"
                    fill="none"
                />
                <path
                    class="brand-hull"
                    d="M5.6 13.4 25.6 8.3c.7-.2 1.3.5 1 1.2l-3 6.4a3.6 3.6 0 0 1-2.4 2l-9.6 2.5a3.6 3.6 0 0 1-3-.7L5.2 14.6a.7.7 0 0 1 .4-1.2z"
                />
            </svg>
            <span>"Slipway"</span>
        </a>
    }
}

/// An address without a page.
#[component]
fn Nowhere() -> impl IntoView {
    set_title("No such page");
    view! {
        <header class="bar">
            <Brand />
            <span class="spacer"></span>
            <ThemeButton />
        </header>
        <main class="plain">
            <h1>"There is no page here"</h1>
            <p>"The address may be mistyped, or the lab may have moved."</p>
            <p>
                <a href="/">"See all labs"</a>
            </p>
        </main>
    }
}
