//! The front page: the labs, as cards.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::note::Note;
use super::{Brand, set_title};
use crate::api::{self, Failure, LabSummary};
use crate::theme::ThemeButton;

/// The front page.
#[component]
pub(crate) fn Home() -> impl IntoView {
    set_title("Learn Docker hands on");
    let labs = RwSignal::new(None::<Result<Vec<LabSummary>, Failure>>);
    let load = move || {
        labs.set(None);
        spawn_local(async move { labs.set(Some(api::get("/api/v1/labs").await)) });
    };
    load();
    let cards = move || match labs.get() {
        None => view! { <p class="quiet" role="status">"Fetching the labs…"</p> }.into_any(),
        Some(Err(failure)) => view! {
            <Note
                heading="The labs did not arrive"
                sentence=failure.sentence
                action="Try again"
                on_action=Callback::new(move |()| load())
            />
        }
        .into_any(),
        Some(Ok(labs)) if labs.is_empty() => view! {
            <p class="quiet">
                "No labs are installed on this server. Its operator gives a folder of them with "
                <code>"--labs"</code> "."
            </p>
        }
        .into_any(),
        Some(Ok(labs)) => view! {
            <ul class="cards">{labs.into_iter().map(card).collect_view()}</ul>
        }
        .into_any(),
    };
    view! {
        <header class="bar">
            <Brand />
            <span class="spacer"></span>
            <ThemeButton />
        </header>
        <main class="home">
            <section class="hero">
                <h1>"Learn Docker on a machine of your own"</h1>
                <p>
                    "Open a lab: the text is on the left, a real Linux node on the right. \
                    Click a command and watch it run. Nothing to install, nothing to break."
                </p>
            </section>
            <section aria-labelledby="labs-heading">
                <h2 id="labs-heading">"Labs"</h2>
                {cards}
            </section>
        </main>
        <footer class="foot">
            <p>"Each session has its own node, which disappears with all its contents when its time is up."</p>
        </footer>
    }
}

fn card(lab: LabSummary) -> impl IntoView {
    let mut marks = lab.categories.to_vec();
    for tag in lab.tags.to_vec() {
        if !marks.contains(&tag) {
            marks.push(tag);
        }
    }
    marks.truncate(4);
    let marks = marks.into_iter().map(|mark| view! { <li>{mark}</li> }).collect_view();
    view! {
        <li class="card">
            <h3>
                <a href=format!("/labs/{}", lab.slug)>{lab.title}</a>
            </h3>
            <p>{lab.description}</p>
            <div class="card-foot">
                <ul class="marks" aria-label="Subjects">
                    {marks}
                </ul>
                <span class="card-go" aria-hidden="true">
                    "Start"
                    <svg viewBox="0 0 24 24">
                        <path d="M5 12h14m-6-6 6 6-6 6" />
                    </svg>
                </span>
            </div>
        </li>
    }
}
