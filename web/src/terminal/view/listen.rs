//! What the terminal's view hears: keys, pastes, the mouse, the network, the page's size and whether anybody looks.

use wasm_bindgen::prelude::*;
use web_sys::{KeyboardEvent, ResizeObserver};

use super::{AWAY_MS, FONT, FONT_DEFAULT, SETTLE_MS, View, now};
use crate::dom::{Listener, Timer, copy, document, window};
use crate::terminal::client::Client;
use crate::terminal::xterm;

impl View {
    pub(super) fn listen(&self) {
        // What xterm keeps holds the terminal weakly, or the two would keep each other forever.
        let view = self.weak();
        let on_data = Closure::<dyn Fn(String)>::new(move |data: String| {
            let Some(view) = view() else { return };
            view.step(|client| client.input(data.as_bytes(), now()));
        });
        let terminal = &self.0.terminal;
        terminal.on_data(on_data.into_js_value().unchecked_ref());
        // Mouse reports beyond column 95 are bytes, one a character.
        let view = self.weak();
        let on_binary = Closure::<dyn Fn(String)>::new(move |data: String| {
            let Some(view) = view() else { return };
            let bytes: Vec<u8> = data.chars().map(|c| c as u8).collect();
            view.step(|client| client.input(&bytes, now()));
        });
        terminal.on_binary(on_binary.into_js_value().unchecked_ref());
        let view = self.weak();
        let on_key =
            Closure::<dyn Fn(KeyboardEvent) -> bool>::new(move |event| view().is_none_or(|view| view.key(&event)));
        terminal.attach_custom_key_event_handler(on_key.into_js_value().unchecked_ref());
        let view = self.weak();
        xterm::swallow_questions(terminal, move || view().is_some_and(|view| view.0.replaying.get()));

        let (view, online, shown) = (self.clone(), self.clone(), self.clone());
        let listeners = vec![
            Listener::new(&self.0.element, "mouseup", move |_| {
                if view.0.terminal.has_selection() {
                    copy(&view.0.terminal.get_selection());
                }
            }),
            Listener::new(&window(), "online", move |_| online.step(Client::online)),
            Listener::new(&document(), "visibilitychange", move |_| shown.looked_at()),
        ];
        self.0.listeners.replace(listeners);
        let view = self.clone();
        let tick = Timer::every(1000, move || view.step(|client| client.tick(now())));
        self.0.tick.replace(Some(tick));

        let view = self.weak();
        let resized = Closure::<dyn Fn()>::new(move || {
            let Some(view) = view() else { return };
            let later = view.clone();
            let timer = Timer::once(SETTLE_MS, move || later.fit());
            view.0.settle.replace(Some(timer));
        });
        if let Ok(observer) = ResizeObserver::new(resized.into_js_value().unchecked_ref()) {
            observer.observe(&self.0.element);
            self.0.observer.replace(Some(observer));
        }
    }

    fn looked_at(&self) {
        if document().hidden() {
            self.0.hidden_since.set(Some(now()));
        } else if self.0.hidden_since.take().is_some_and(|t| now() - t > AWAY_MS) {
            self.step(|client| client.probe(now()));
        }
    }

    /// Keys of the page's own; true lets xterm have the key.
    fn key(&self, event: &KeyboardEvent) -> bool {
        if event.type_() != "keydown" {
            return true;
        }
        let control = event.ctrl_key() || event.meta_key();
        let key = event.key();
        if event.shift_key() && key == "F6" {
            event.prevent_default();
            (self.0.setup.on_leave)();
            return false;
        }
        if event.ctrl_key() && event.shift_key() && key.eq_ignore_ascii_case("c") {
            event.prevent_default();
            if self.0.terminal.has_selection() {
                copy(&self.0.terminal.get_selection());
            }
            return false;
        }
        if event.ctrl_key() && event.shift_key() && key.eq_ignore_ascii_case("v") {
            // The browser pastes, and xterm hears of it by the paste.
            return false;
        }
        if control && !event.alt_key() {
            let size = match key.as_str() {
                "=" | "+" => self.0.font_size.get() + 1,
                "-" => self.0.font_size.get() - 1,
                "0" => FONT_DEFAULT,
                _ => return true,
            };
            event.prevent_default();
            let size = size.clamp(*FONT.start(), *FONT.end());
            self.set_font_size(size);
            (self.0.setup.on_font)(size);
            return false;
        }
        true
    }
}
