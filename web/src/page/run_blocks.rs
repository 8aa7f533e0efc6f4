//! Makes the lab's blocks of code useful: a run block types itself into its terminal when clicked, every block can be copied.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;

use leptos::task::spawn_local;
use wasm_bindgen::prelude::*;
use web_sys::{Element, MouseEvent};

use crate::dom::{Listener, Timer, copy, document, window};

/// Types a text into terminal `n` (from 1): the name of its node, or a sentence why nothing was typed.
pub(crate) type Run = Rc<dyn Fn(usize, String) -> Pin<Box<dyn Future<Output = Result<Typed, String>>>>>;

/// A block was typed.
pub(crate) struct Typed {
    /// Where.
    pub(crate) node: String,
    /// Gives the keyboard to that terminal.
    pub(crate) focus: Box<dyn Fn()>,
}

const PLAY: &str = "M7 4.5v15l12.5-7.5z";
const COPY: &str = "M9 9h11v11H9zM5 15H4V4h11v1";
const DONE: &str = "m5 12.5 4.5 4.5L19 7.5";
/// For so long a second click on the same block is taken for a slip.
const GUARD_MS: i32 = 700;
const FEEDBACK_MS: i32 = 1800;

/// Adds buttons to all blocks in the article. The listeners live as long as what is returned.
pub(crate) fn decorate(article: &Element, run: &Run) -> Vec<Listener> {
    let mut listeners = Vec::new();
    let Ok(blocks) = article.query_selector_all("pre") else {
        return listeners;
    };
    for index in 0..blocks.length() {
        let Some(pre) = blocks.get(index).and_then(|node| node.dyn_into().ok()) else {
            continue;
        };
        if let Some(added) = Block::new(pre).and_then(|block| block.activate(run)) {
            listeners.extend(added);
        }
    }
    listeners
}

/// One block of code: `div.block > pre + div.block-buttons + p.block-note`.
struct Block {
    pre: Element,
    frame: Element,
    note: Element,
    busy: Cell<bool>,
    timers: RefCell<Vec<Timer>>,
}

impl Block {
    fn new(pre: Element) -> Option<Rc<Block>> {
        let frame = element("div", "block")?;
        pre.parent_node()?.insert_before(&frame, Some(&pre)).ok()?;
        frame.append_child(&pre).ok()?;
        let note = element("p", "block-note")?;
        note.set_attribute("role", "status").ok()?;
        Some(Rc::new(Block { pre, frame, note, busy: Cell::new(false), timers: RefCell::new(Vec::new()) }))
    }

    fn activate(self: Rc<Self>, run: &Run) -> Option<Vec<Listener>> {
        let mut listeners = Vec::new();
        let text = self.text();
        let first = text.lines().next().unwrap_or_default().to_owned();
        if self.pre.class_list().contains("run") {
            let terminal = self.terminal();
            let _ = self.frame.class_list().add_1("block-run");
            let button = button("block-play", PLAY, &format!("Run: {first}"))?;
            self.frame.insert_before(&button, Some(&self.pre)).ok()?;
            for target in [&button, &self.pre] {
                let (block, run) = (self.clone(), run.clone());
                listeners.push(Listener::new(target, "click", move |event| {
                    // A click without a button number comes from the keyboard, which then stays where it is.
                    let by_hand = event.dyn_ref::<MouseEvent>().is_some_and(|event| event.detail() > 0);
                    if !block.selecting() {
                        block.clone().run(terminal, by_hand, &run);
                    }
                }));
            }
        }
        let copier = button("block-copy", COPY, &format!("Copy: {first}"))?;
        self.frame.append_child(&copier).ok()?;
        self.frame.append_child(&self.note).ok()?;
        let block = self.clone();
        let icon = copier.clone();
        listeners.push(Listener::new(&copier, "click", move |_| {
            copy(&block.text());
            block.flash(&icon, COPY);
            block.say("Copied.");
        }));
        Some(listeners)
    }

    fn run(self: Rc<Self>, terminal: usize, by_hand: bool, run: &Run) {
        if self.busy.replace(true) {
            return;
        }
        let typing = run(terminal, self.text());
        spawn_local(async move {
            match typing.await {
                Ok(typed) => {
                    let _ = self.frame.class_list().add_1("block-ran");
                    if let Ok(Some(play)) = self.frame.query_selector(".block-play") {
                        self.flash(&play, PLAY);
                    }
                    self.say(&format!("Typed into {}.", typed.node));
                    if by_hand {
                        (typed.focus)();
                    }
                }
                Err(sentence) => self.warn(&sentence),
            }
            let block = self.clone();
            self.later(GUARD_MS, move || block.busy.set(false));
        });
    }

    /// What the block says, without the newline at its end.
    fn text(&self) -> String {
        let text = self.pre.text_content().unwrap_or_default();
        text.trim_end_matches(['\n', '\r']).to_owned()
    }

    /// The `n` of `data-term="termN"`.
    fn terminal(&self) -> usize {
        let name = self.pre.get_attribute("data-term").unwrap_or_default();
        let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
        digits.parse().unwrap_or(1).max(1)
    }

    /// The reader is marking text in this block, not clicking it.
    fn selecting(&self) -> bool {
        let Ok(Some(selection)) = window().get_selection() else {
            return false;
        };
        !selection.is_collapsed() && selection.anchor_node().is_some_and(|node| self.pre.contains(Some(&node)))
    }

    fn say(self: &Rc<Self>, text: &str) {
        self.note.set_class_name("block-note");
        self.note.set_text_content(Some(text));
        let block = self.clone();
        self.later(FEEDBACK_MS, move || {
            if block.note.class_name() == "block-note" {
                block.note.set_text_content(None);
            }
        });
    }

    fn warn(&self, text: &str) {
        self.note.set_class_name("block-note block-warning");
        self.note.set_text_content(Some(text));
    }

    /// Shows a tick in place of the icon for a moment.
    fn flash(self: &Rc<Self>, button: &Element, icon: &'static str) {
        let Ok(Some(path)) = button.query_selector("path") else {
            return;
        };
        let _ = path.set_attribute("d", DONE);
        let _ = button.class_list().add_1("done");
        let button = button.clone();
        self.later(FEEDBACK_MS, move || {
            let _ = path.set_attribute("d", icon);
            let _ = button.class_list().remove_1("done");
        });
    }

    fn later(&self, after: i32, action: impl FnOnce() + 'static) {
        let mut timers = self.timers.borrow_mut();
        // Three timers may run at once; older ones have rung.
        let spare = timers.len().saturating_sub(8);
        timers.drain(..spare);
        timers.push(Timer::once(after, action));
    }
}

fn element(tag: &str, class: &str) -> Option<Element> {
    let element = document().create_element(tag).ok()?;
    element.set_class_name(class);
    Some(element)
}

fn button(class: &str, icon: &str, label: &str) -> Option<Element> {
    let button = element("button", class)?;
    button.set_attribute("type", "button").ok()?;
    button.set_attribute("aria-label", label).ok()?;
    button.set_inner_html(&format!("<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"{icon}\"/></svg>"));
    Some(button)
}
