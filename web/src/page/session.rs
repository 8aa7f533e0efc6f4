//! The session behind a lab's page: made when the lab is opened, found again after a reload, prolonged, ended.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::{self, Failure, Session};
use crate::dom::{Timer, recall, remember};

/// How a session is.
#[derive(Clone, PartialEq)]
pub(crate) enum State {
    /// Being made or found.
    Starting,
    /// Its nodes can be used.
    Ready(Session),
    /// It is over; why, as a sentence.
    Ended(&'static str),
    /// It could not be made.
    Failed(Failure),
}

/// The session of one lab.
#[derive(Clone, Copy)]
pub(crate) struct Live {
    slug: StoredValue<String>,
    /// How it is.
    pub(crate) state: RwSignal<State>,
    /// When it ends, in milliseconds since 1970; moves when it is extended.
    pub(crate) ends: RwSignal<f64>,
    /// The clock, once a second.
    pub(crate) now: RwSignal<f64>,
    /// What went wrong with the last button, if anything.
    pub(crate) trouble: RwSignal<Option<String>>,
}

impl Live {
    /// None yet: `start` it.
    pub(crate) fn new(slug: String) -> Live {
        let live = Live {
            slug: StoredValue::new(slug),
            state: RwSignal::new(State::Starting),
            ends: RwSignal::new(f64::INFINITY),
            now: RwSignal::new(js_sys::Date::now()),
            trouble: RwSignal::new(None),
        };
        let clock = StoredValue::new_local(Some(Timer::every(1000, move || live.tick())));
        on_cleanup(move || clock.update_value(|clock| drop(clock.take())));
        live
    }

    /// Finds this browser's session for the lab, or makes one.
    pub(crate) fn start(self) {
        self.state.set(State::Starting);
        self.trouble.set(None);
        spawn_local(async move {
            if let Some(id) = recall(&self.key()) {
                match api::session(&id).await {
                    Ok(session) => return self.ready(session),
                    Err(failure) if failure.means_gone() => remember(&self.key(), None),
                    Err(failure) => return self.state.set(State::Failed(failure)),
                }
            }
            match api::create_session(&self.slug.get_value()).await {
                Ok(session) => self.ready(session),
                Err(failure) => self.state.set(State::Failed(failure)),
            }
        });
    }

    /// Throws the session away and makes another.
    pub(crate) fn restart(self) {
        let id = self.id();
        self.state.set(State::Starting);
        spawn_local(async move {
            if let Some(id) = id {
                // A session that cannot be closed ends by itself.
                let _ = api::close(&id).await;
            }
            remember(&self.key(), None);
            self.start();
        });
    }

    /// Ends the session.
    pub(crate) fn close(self) {
        let Some(id) = self.id() else { return };
        spawn_local(async move {
            match api::close(&id).await {
                Ok(()) => self.end("You have closed this session. Its node is gone."),
                Err(failure) => self.trouble.set(Some(failure.sentence)),
            }
        });
    }

    /// Asks for more time.
    pub(crate) fn extend(self) {
        let Some(id) = self.id() else { return };
        self.trouble.set(None);
        spawn_local(async move {
            match api::extend(&id).await {
                Ok(session) => self.ends.set(session.ends()),
                Err(failure) if failure.means_gone() && failure.status != Some(403) => {
                    self.end("This session is over, and its node is gone.");
                }
                Err(failure) => self.trouble.set(Some(failure.sentence)),
            }
        });
    }

    /// Asks the server whether the session still is.
    pub(crate) fn check(self) {
        let Some(id) = self.id() else { return };
        spawn_local(async move {
            match api::session(&id).await {
                Ok(session) => self.ends.set(session.ends()),
                Err(failure) if failure.means_gone() && self.id().as_ref() == Some(&id) => {
                    self.end("This session is over, and its node is gone.");
                }
                // Unreachable for the moment: the terminal keeps trying.
                Err(_) => {}
            }
        });
    }

    /// The session's id while it is ready.
    pub(crate) fn id(self) -> Option<String> {
        match self.state.get_untracked() {
            State::Ready(session) => Some(session.id),
            _ => None,
        }
    }

    fn ready(self, session: Session) {
        remember(&self.key(), Some(&session.id));
        self.ends.set(session.ends());
        self.state.set(State::Ready(session));
    }

    fn end(self, why: &'static str) {
        remember(&self.key(), None);
        self.trouble.set(None);
        self.state.set(State::Ended(why));
    }

    fn tick(self) {
        let now = js_sys::Date::now();
        self.now.set(now);
        let over = now - self.ends.get_untracked();
        // Once when the time is up, and again in case another page has extended it meanwhile.
        if over > 0.0 && (over as u64 / 1000).is_multiple_of(5) {
            self.check();
        }
    }

    fn key(self) -> String {
        format!("session.{}", self.slug.get_value())
    }
}
