//! What the page says when something does not work: a sentence and a way on.

use leptos::prelude::*;

/// A sentence and, if there is one, a button that tries again.
#[component]
pub(crate) fn Note(
    /// In one or two words.
    heading: &'static str,
    /// What was tried, and what to do.
    sentence: String,
    /// The button's text.
    action: &'static str,
    /// What the button does.
    on_action: Callback<()>,
) -> impl IntoView {
    view! {
        <div class="note" role="alert">
            <h2>{heading}</h2>
            <p>{sentence}</p>
            <button class="button primary" type="button" on:click=move |_| on_action.run(())>
                {action}
            </button>
        </div>
    }
}
