//! A lab: its text on the left, its terminals on the right, the session's state above both.

use std::collections::BTreeMap;
use std::rc::Rc;

use leptos::html::Article;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::note::Note;
use super::run_blocks::{Run, Typed, decorate};
use super::session::{Live, State};
use super::splitter::Splitter;
use super::terminals::{TerminalPane, Terminals};
use super::{Brand, set_title};
use crate::api::{self, Failure, Lab, Node};
use crate::placeholder;
use crate::terminal::client::Status;
use crate::theme::ThemeButton;
use crate::time_left;

/// Below this the clock asks for attention.
const SOON_MS: f64 = 5.0 * 60_000.0;

/// The page of one lab.
#[component]
pub(crate) fn LabPage(
    /// The lab's name in the address.
    slug: String,
) -> impl IntoView {
    let lab = RwSignal::new(None::<Result<Lab, Failure>>);
    let live = Live::new(slug.clone());
    let terminals = Terminals::new();
    let slug = StoredValue::new(slug);
    let load = move || {
        lab.set(None);
        spawn_local(async move {
            let path = format!("/api/v1/labs/{}", slug.get_value());
            let answer = api::get::<Lab>(&path).await;
            if let Ok(lab) = &answer {
                set_title(&lab.title);
                if lab.terms > 0 {
                    live.start();
                }
            }
            lab.set(Some(answer));
        });
    };
    load();
    let text = move || match lab.get() {
        None => view! { <p class="quiet" role="status">"Fetching the text…"</p> }.into_any(),
        Some(Ok(lab)) => view! { <Text lab=lab live=live terminals=terminals /> }.into_any(),
        Some(Err(failure)) if failure.status == Some(404) => view! {
            <Note
                heading="No such lab"
                sentence="There is none at this address. It may have been renamed or taken away.".to_owned()
                action="See all labs"
                on_action=Callback::new(|()| visit("/"))
            />
        }
        .into_any(),
        Some(Err(failure)) => view! {
            <Note
                heading="The text did not arrive"
                sentence=failure.sentence
                action="Try again"
                on_action=Callback::new(move |()| load())
            />
        }
        .into_any(),
    };
    let machine = move || match live.state.get() {
        State::Starting => view! {
            <div class="starting" role="status">
                <span class="spinner" aria-hidden="true"></span>
                "Starting your node…"
            </div>
        }
        .into_any(),
        State::Ready(session) => view! { <TerminalPane session=session live=live terminals=terminals /> }.into_any(),
        State::Ended(why) => view! {
            <Note
                heading="Session ended"
                sentence=why.to_owned()
                action="Start a new session"
                on_action=Callback::new(move |()| live.start())
            />
        }
        .into_any(),
        State::Failed(failure) => view! {
            <Note
                heading="No node for now"
                sentence=failure.sentence
                action="Try again"
                on_action=Callback::new(move |()| live.start())
            />
        }
        .into_any(),
    };
    // Without a text there is no node either: nothing has been started.
    let only_text =
        move || lab.with(|lab| lab.as_ref().is_some_and(|answer| !answer.as_ref().is_ok_and(|lab| lab.terms > 0)));
    view! {
        <a class="skip" href="#lab-text">"Skip to the text"</a>
        <header class="bar">
            <Brand />
            <span class="spacer"></span>
            <Show when=move || !only_text()>
                <SessionBar live=live terminals=terminals />
            </Show>
            <ThemeButton />
        </header>
        <main class="lab" class:only-text=only_text>
            <section class="lab-text" id="lab-text" tabindex="-1" aria-label="The lab's text">
                {text}
            </section>
            <Splitter />
            <section class="lab-machine" aria-label="Your node">
                {machine}
            </section>
        </main>
    }
}

/// The lab's own HTML, made by the server from the author's Markdown.
#[component]
fn Text(lab: Lab, live: Live, terminals: Terminals) -> impl IntoView {
    let article = NodeRef::<Article>::new();
    let listeners = StoredValue::new_local(Vec::new());
    Effect::new(move |_| {
        if let Some(article) = article.get() {
            let run: Run = Rc::new(move |n, text| Box::pin(type_block(live, terminals, n, text)));
            listeners.set_value(decorate(&article, &run));
        }
    });
    on_cleanup(move || listeners.set_value(Vec::new()));
    view! {
        <div class="prose">
            <h1>{lab.title}</h1>
            {(!lab.description.is_empty())
                .then(|| view! { <p class="lead">{lab.description}</p> })}
            <article node_ref=article inner_html=lab.html></article>
        </div>
    }
}

/// Fills the placeholders of a block from the node's state, and types it.
async fn type_block(live: Live, terminals: Terminals, n: usize, text: String) -> Result<Typed, String> {
    let no_terminal = "This block's terminal is not ready yet. Wait a moment, then click again.";
    let (node, view) = terminals.get(n).ok_or(no_terminal)?;
    let session = live.id().ok_or(no_terminal)?;
    match terminals.status.get_untracked().get(n - 1) {
        Some(Status::Exited) => {
            return Err("The shell has ended. Press Enter in the terminal for a new one, then click again.".to_owned());
        }
        None => return Err(no_terminal.to_owned()),
        _ => {}
    }
    let mut values = BTreeMap::new();
    for kind in placeholder::kinds(&text) {
        let path = api::engine(&session, &node, kind.query());
        let answer: serde_json::Value = api::get(&path).await.map_err(|failure| failure.sentence)?;
        let id = placeholder::newest(&answer).ok_or(kind.none_yet())?;
        values.insert(kind, id);
    }
    let text = placeholder::fill(&text, &values);
    terminals.active.set(n - 1);
    view.type_text(&format!("{}\r", text.replace("\r\n", "\n").replace('\n', "\r")));
    Ok(Typed { node, focus: Box::new(move || view.focus()) })
}

/// Node, connection, time left, and what can be done about them.
#[component]
fn SessionBar(live: Live, terminals: Terminals) -> impl IntoView {
    let ready = move || match live.state.get() {
        State::Ready(session) => Some(session),
        _ => None,
    };
    Effect::new(move |_| {
        if !matches!(live.state.get(), State::Ready(_)) {
            terminals.hang_up();
        }
    });
    let restart = move |_| {
        if confirm("Throw this node away and start with a fresh one?") {
            live.restart();
        }
    };
    let close = move |_| {
        if confirm("End this session? Its node and everything on it will be gone.") {
            live.close();
        }
    };
    move || match ready() {
        None => view! { <StateChip live=live terminals=terminals nodes=Vec::new() /> }.into_any(),
        Some(session) => view! {
            <StateChip live=live terminals=terminals nodes=session.nodes />
            <div class="clock" class:soon=move || live.ends.get() - live.now.get() < SOON_MS>
                <span class="clock-left" title="Time left in this session">
                    {move || time_left::short(live.ends.get() - live.now.get())}
                    <span class="wide-only">" left"</span>
                </span>
                <button type="button" class="button small" on:click=move |_| live.extend()>
                    "Extend"
                </button>
            </div>
            {move || {
                live.trouble
                    .get()
                    .map(|sentence| view! { <p class="trouble" role="alert">{sentence}</p> })
            }}
            <button
                type="button"
                class="icon-button"
                aria-label="Restart: a fresh node"
                title="Restart: a fresh node"
                on:click=restart
            >
                <svg viewBox="0 0 24 24" aria-hidden="true">
                    <path d="M20 12a8 8 0 1 1-2.4-5.7L20 8.5M20 4v4.5h-4.5" />
                </svg>
            </button>
            <button
                type="button"
                class="icon-button"
                aria-label="Close the session"
                title="Close the session"
                on:click=close
            >
                <svg viewBox="0 0 24 24" aria-hidden="true">
                    <path d="M12 3v8m5.7-5.2a8 8 0 1 1-11.4 0" />
                </svg>
            </button>
        }
        .into_any(),
    }
}

/// The node in front and how the connection to it is.
#[component]
fn StateChip(live: Live, terminals: Terminals, nodes: Vec<Node>) -> impl IntoView {
    let state = move || match live.state.get() {
        State::Starting => ("busy", "starting"),
        State::Ended(_) => ("off", "ended"),
        State::Failed(_) => ("bad", "not started"),
        State::Ready(_) => {
            let status = terminals.status.get().get(terminals.active.get()).copied();
            match status {
                Some(Status::Connected) => ("good", "connected"),
                Some(Status::Reconnecting(_)) => ("bad", "reconnecting"),
                Some(Status::Exited) => ("off", "shell ended"),
                Some(Status::Connecting) | None => ("busy", "connecting"),
            }
        }
    };
    let node = move || {
        nodes.get(terminals.active.get()).map(|node| {
            view! {
                <strong class="chip-node">{node.name.clone()}</strong>
                <span class="chip-address wide-only">{node.address.clone()}</span>
            }
        })
    };
    view! {
        <div class="chip" data-state=move || state().0>
            <span class="dot" aria-hidden="true"></span>
            {node}
            <span class="chip-state" role="status">{move || state().1}</span>
        </div>
    }
}

fn visit(path: &str) {
    // It fails for addresses of another origin's making only.
    let _ = crate::dom::window().location().set_href(path);
}

fn confirm(question: &str) -> bool {
    // A browser that shows no dialogs is taken at its word.
    crate::dom::window().confirm_with_message(question).unwrap_or(true)
}
