//! The right side of a lab: one terminal a node, with tabs when there are several.

use leptos::html::Div;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::session::Live;
use crate::api::{self, Session};
use crate::dom::{document, recall, remember};
use crate::terminal::client::Status;
use crate::terminal::view::{self, FONT_DEFAULT, Setup, View};
use crate::theme::Dark;

/// The terminals of the page, and what they share.
#[derive(Clone, Copy)]
pub(crate) struct Terminals {
    views: StoredValue<Vec<(String, Option<View>)>, LocalStorage>,
    /// The connection's state of each.
    pub(crate) status: RwSignal<Vec<Status>>,
    /// Which one is in front.
    pub(crate) active: RwSignal<usize>,
    font: RwSignal<u32>,
    screen_reader: RwSignal<bool>,
}

impl Terminals {
    /// None yet.
    pub(crate) fn new() -> Self {
        let font = recall("font").and_then(|size| size.parse().ok());
        Terminals {
            views: StoredValue::new_local(Vec::new()),
            status: RwSignal::new(Vec::new()),
            active: RwSignal::new(0),
            font: RwSignal::new(font.unwrap_or(FONT_DEFAULT)),
            screen_reader: RwSignal::new(recall("screen-reader").is_some()),
        }
    }

    /// Terminal `n`, from 1, with the name of its node.
    pub(crate) fn get(self, n: usize) -> Option<(String, View)> {
        self.views.with_value(|views| {
            let (name, view) = views.get(n - 1)?;
            Some((name.clone(), view.clone()?))
        })
    }

    /// Lets all terminals go, but leaves what they show.
    pub(crate) fn hang_up(self) {
        self.each(View::hang_up);
    }

    fn each(self, action: impl Fn(&View)) {
        self.views.with_value(|views| views.iter().flat_map(|(_, view)| view).for_each(&action));
    }

    fn set_font(self, size: u32) {
        self.font.set(size);
        remember("font", Some(&size.to_string()));
        self.each(|view| view.set_font_size(size));
    }
}

/// Tabs, tools, and the terminals themselves.
#[component]
pub(crate) fn TerminalPane(
    /// Whose nodes.
    session: Session,
    /// Told when a terminal cannot come back.
    live: Live,
    /// The terminals that are put here.
    terminals: Terminals,
) -> impl IntoView {
    let nodes = session.nodes.clone();
    terminals.active.set(0);
    terminals.status.set(vec![Status::Connecting; nodes.len()]);
    let names = nodes.iter().map(|node| (node.name.clone(), None)).collect();
    terminals.views.set_value(names);
    on_cleanup(move || {
        for (_, view) in terminals.views.try_update_value(std::mem::take).unwrap_or_default() {
            if let Some(view) = view {
                view.close();
            }
        }
    });
    let Dark(dark) = expect_context();
    Effect::new(move |_| {
        let dark = dark.get();
        terminals.each(|view| view.set_dark(dark));
    });
    let tabs = nodes.iter().enumerate().map(|(index, node)| {
        let name = node.name.clone();
        view! {
            <button
                type="button"
                role="tab"
                class="tab"
                id=format!("tab-{}", index + 1)
                aria-controls=format!("terminal-{}", index + 1)
                aria-selected=move || (terminals.active.get() == index).to_string()
                on:click=move |_| terminals.active.set(index)
            >
                {name}
            </button>
        }
    });
    let tabs = tabs.collect_view();
    let screens = nodes.into_iter().enumerate().map(|(index, node)| {
        let url = api::terminal_url(&session.id, &node.name, 1);
        view! { <Screen index=index name=node.name url=url live=live terminals=terminals /> }
    });
    let screens = screens.collect_view();
    let screen_reader = move |_| {
        let on = !terminals.screen_reader.get_untracked();
        terminals.screen_reader.set(on);
        remember("screen-reader", on.then_some("1"));
        terminals.each(|view| view.set_screen_reader(on));
    };
    view! {
        <div class="terminal-bar">
            <div class="tabs" role="tablist" aria-label="Terminals">
                {tabs}
            </div>
            <span class="spacer"></span>
            <button
                type="button"
                class="tool"
                aria-label="A−: smaller text in the terminal"
                title="Smaller text (Ctrl −)"
                on:click=move |_| terminals.set_font((terminals.font.get_untracked() - 1).max(9))
            >
                "A−"
            </button>
            <button
                type="button"
                class="tool"
                aria-label="A+: larger text in the terminal"
                title="Larger text (Ctrl +)"
                on:click=move |_| terminals.set_font((terminals.font.get_untracked() + 1).min(28))
            >
                "A+"
            </button>
            <button
                type="button"
                class="tool"
                aria-pressed=move || terminals.screen_reader.get().to_string()
                title="Let screen readers follow the terminal"
                on:click=screen_reader
            >
                "Screen reader"
            </button>
        </div>
        {screens}
        <p class="off-screen" id="terminal-keys">
            "The terminal takes all keys. Shift+F6 leaves it and goes to the lab's text. "
            "Control Shift C copies, Control Shift V pastes, Control plus and minus change the size of the text."
        </p>
    }
}

#[component]
fn Screen(index: usize, name: String, url: String, live: Live, terminals: Terminals) -> impl IntoView {
    let host = NodeRef::<Div>::new();
    let Dark(dark) = expect_context();
    let label = format!("Terminal of {name}");
    let heading = label.clone();
    Effect::new(move |_| {
        let Some(host) = host.get() else { return };
        let (url, label) = (url.clone(), label.clone());
        spawn_local(async move {
            view::font_ready().await;
            if !host.is_connected() {
                return;
            }
            let setup = Setup {
                url,
                label,
                dark: dark.get_untracked(),
                font_size: terminals.font.get_untracked(),
                screen_reader: terminals.screen_reader.get_untracked(),
                on_status: Box::new(move |status| {
                    terminals.status.update(|all| {
                        if let Some(slot) = all.get_mut(index) {
                            *slot = status;
                        }
                    });
                    if matches!(status, Status::Reconnecting(failures) if failures > 1) {
                        live.check();
                    }
                }),
                on_font: Box::new(move |size| terminals.set_font(size)),
                on_leave: Box::new(leave),
            };
            let view = View::open(&host, setup);
            terminals.views.update_value(|views| {
                if let Some((_, slot)) = views.get_mut(index) {
                    *slot = Some(view);
                }
            });
        });
    });
    view! {
        <div
            class="screen"
            role="tabpanel"
            id=format!("terminal-{}", index + 1)
            aria-label=heading
            aria-describedby="terminal-keys"
            hidden=move || terminals.active.get() != index
        >
            <div class="screen-fit" node_ref=host></div>
        </div>
    }
}

/// Gives the keyboard back to the text.
fn leave() {
    let text = document().get_element_by_id("lab-text");
    if let Some(text) = text.and_then(|text| text.dyn_into::<HtmlElement>().ok()) {
        let _ = text.focus();
    }
}
