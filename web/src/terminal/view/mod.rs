//! The edge: xterm.js in an element of the page, a [`Socket`] to the node, and [`Client`] between the two.

mod listen;
mod remark;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Object, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{HtmlElement, ResizeObserver};
use xterm_js_rs::addons::fit::FitAddon;
use xterm_js_rs::{Terminal, TerminalOptions};

use super::client::{Action, Client, Status};
use super::frame::Size;
use super::socket::Socket;
use super::xterm;
use crate::dom::{Listener, Timer, document, window};
use remark::remark;

/// How long the box must have kept its size before the terminal follows.
const SETTLE_MS: i32 = 60;
/// Away for this long, a connection is not trusted without a sign of life.
const AWAY_MS: f64 = 20_000.0;
/// Smallest and largest font, in CSS pixels.
const FONT: std::ops::RangeInclusive<u32> = 9..=28;
/// The font at first.
pub const FONT_DEFAULT: u32 = 14;

/// What a terminal needs to know of its page.
pub struct Setup {
    /// Address of the WebSocket.
    pub url: String,
    /// What a screen reader calls it.
    pub label: String,
    /// The page is dark.
    pub dark: bool,
    /// Font size in CSS pixels.
    pub font_size: u32,
    /// Mirror the screen into text that screen readers follow.
    pub screen_reader: bool,
    /// The connection's state has changed.
    pub on_status: Box<dyn Fn(Status)>,
    /// The font was made larger or smaller by a key.
    pub on_font: Box<dyn Fn(u32)>,
    /// Shift+F6: the keyboard wants to leave the terminal.
    pub on_leave: Box<dyn Fn()>,
}

/// A terminal in the page. Clones are the same terminal.
#[derive(Clone)]
pub struct View(Rc<Inner>);

struct Inner {
    setup: Setup,
    element: HtmlElement,
    terminal: Terminal,
    fit: FitAddon,
    client: RefCell<Client>,
    socket: RefCell<Option<Socket>>,
    redial: RefCell<Option<Timer>>,
    settle: RefCell<Option<Timer>>,
    listeners: RefCell<Vec<Listener>>,
    tick: RefCell<Option<Timer>>,
    observer: RefCell<Option<ResizeObserver>>,
    hidden_since: Cell<Option<f64>>,
    replaying: Cell<bool>,
    font_size: Cell<u32>,
    closed: Cell<bool>,
}

/// Waits for the terminal's font, which xterm measures once.
pub async fn font_ready() {
    if let Ok(fonts) = js_sys::Reflect::get(&document(), &"fonts".into())
        && let Ok(load) = js_sys::Reflect::get(&fonts, &"load".into())
        && let Ok(load) = load.dyn_into::<js_sys::Function>()
        && let Ok(promise) = load.call1(&fonts, &"14px 'JetBrains Mono'".into())
        && let Ok(promise) = promise.dyn_into::<js_sys::Promise>()
    {
        // Without the font the system's monospace does.
        let _ = wasm_bindgen_futures::JsFuture::from(promise).await;
    }
}

impl View {
    /// Puts a terminal into the element, which gives it its size, and connects it.
    pub fn open(element: &HtmlElement, setup: Setup) -> View {
        let options = TerminalOptions::new();
        options
            .with_cursor_blink(true)
            .with_font_family("'JetBrains Mono', ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace")
            .with_font_size(setup.font_size)
            .with_screen_reader_mode(setup.screen_reader)
            .with_scrollback(5000)
            .with_theme(&xterm::theme(setup.dark));
        let plain: &Object = options.unchecked_ref();
        xterm::set(plain, "allowProposedApi", &true.into());
        xterm::set(plain, "minimumContrastRatio", &4.5.into());
        xterm::set(plain, "lineHeight", &1.15.into());
        xterm::set(plain, "macOptionIsMeta", &true.into());
        let terminal = Terminal::new(&options);
        let fit = xterm::equip(&terminal);
        terminal.open(element.clone());
        let size = xterm::measure(&fit).unwrap_or(Size { cols: 80, rows: 24 });
        terminal.resize(size.cols.into(), size.rows.into());
        let _ = terminal.get_textarea().set_attribute("aria-label", &setup.label);
        let font_size = setup.font_size;
        let view = View(Rc::new(Inner {
            setup,
            element: element.clone(),
            terminal,
            fit,
            client: RefCell::new(Client::new(random_id(), size)),
            socket: RefCell::new(None),
            redial: RefCell::new(None),
            settle: RefCell::new(None),
            listeners: RefCell::new(Vec::new()),
            tick: RefCell::new(None),
            observer: RefCell::new(None),
            hidden_since: Cell::new(None),
            replaying: Cell::new(true),
            font_size: Cell::new(font_size),
            closed: Cell::new(false),
        }));
        view.listen();
        view.expose();
        view.step(Client::start);
        view
    }

    /// Types text as if by hand.
    pub fn type_text(&self, text: &str) {
        self.0.terminal.scroll_to_bottom();
        self.step(|client| client.input(text.as_bytes(), now()));
    }

    /// Gives the keyboard to the terminal.
    pub fn focus(&self) {
        self.0.terminal.focus();
    }

    /// Follows the page's theme.
    pub fn set_dark(&self, dark: bool) {
        self.options().set_theme(&xterm::theme(dark));
    }

    /// Sets the font's size in CSS pixels, and the grid with it.
    pub fn set_font_size(&self, size: u32) {
        let size = size.clamp(*FONT.start(), *FONT.end());
        self.0.font_size.set(size);
        self.options().set_font_size(size);
        self.fit();
    }

    /// Switches the text mirror for screen readers.
    pub fn set_screen_reader(&self, on: bool) {
        self.options().set_screen_reader_mode(on);
    }

    /// Measures the box and takes the size that fits.
    pub fn fit(&self) {
        if let Some(size) = xterm::measure(&self.0.fit) {
            self.apply(size);
            self.step(|client| client.resize(size));
        }
    }

    /// Ends the terminal and its connection; the shell goes on.
    pub fn close(&self) {
        if self.0.closed.replace(true) {
            return;
        }
        self.0.socket.take();
        self.0.redial.take();
        self.0.settle.take();
        self.0.tick.take();
        self.0.listeners.take().clear();
        if let Some(observer) = self.0.observer.take() {
            observer.disconnect();
        }
        let terminals = exposed();
        let index = terminals.index_of(&self.0.terminal, 0);
        if let Ok(index) = u32::try_from(index) {
            terminals.splice(index, 1, &JsValue::UNDEFINED);
            terminals.set_length(terminals.length() - 1);
        }
        self.0.terminal.dispose();
    }

    /// Stops connecting, but leaves the screen to be read.
    pub fn hang_up(&self) {
        self.0.socket.take();
        self.0.redial.take();
        self.0.tick.take();
    }

    fn weak(&self) -> impl Fn() -> Option<View> + Clone + 'static {
        let weak = Rc::downgrade(&self.0);
        move || weak.upgrade().map(View)
    }

    fn options(&self) -> TerminalOptions {
        xterm::modern(&self.0.terminal).options()
    }

    fn apply(&self, size: Size) {
        let terminal = &self.0.terminal;
        let (cols, rows) = (u32::from(size.cols), u32::from(size.rows));
        if (terminal.get_cols(), terminal.get_rows()) != (cols, rows) {
            terminal.resize(cols, rows);
        }
    }

    /// Lets the state machine move and does what it says.
    fn step(&self, event: impl FnOnce(&mut Client) -> Vec<Action>) {
        let actions = event(&mut self.0.client.borrow_mut());
        for action in actions {
            if self.0.closed.get() {
                return;
            }
            self.perform(action);
        }
    }

    fn perform(&self, action: Action) {
        match action {
            Action::Send(frame) => {
                if let Some(socket) = &*self.0.socket.borrow() {
                    socket.send(&frame);
                }
            }
            Action::Write { bytes, upto, replay } => {
                self.0.replaying.set(replay);
                let view = self.clone();
                let parsed = Closure::once_into_js(move || view.step(|client| client.parsed(upto)));
                xterm::modern(&self.0.terminal).write_bytes(&Uint8Array::from(&bytes[..]), parsed.unchecked_ref());
            }
            Action::Notice(notice) => self.0.terminal.write(&remark(&notice)),
            Action::Status(status) => (self.0.setup.on_status)(status),
            Action::Connect { after } => self.connect_after(after),
            Action::Disconnect => drop(self.0.socket.take()),
            Action::Resize(size) => self.apply(size),
        }
    }

    fn connect_after(&self, after: u32) {
        // A class of thirty shall not come back in the same millisecond.
        let chance = if after == 0 { 0.0 } else { js_sys::Math::random() * 250.0 };
        let view = self.clone();
        let wait = i32::try_from(after).unwrap_or(i32::MAX - 1000) + chance as i32;
        let timer = Timer::once(wait, move || view.connect());
        self.0.redial.replace(Some(timer));
    }

    fn connect(&self) {
        if self.0.closed.get() {
            return;
        }
        self.0.client.borrow_mut().dialing(now());
        let (opened, message, closed) = (self.clone(), self.clone(), self.clone());
        let socket = Socket::connect(
            &self.0.setup.url,
            move || opened.step(|client| client.opened(now())),
            move |frame| message.step(|client| client.frame(frame, now())),
            move || closed.step(Client::closed),
        );
        match socket {
            Ok(socket) => drop(self.0.socket.replace(Some(socket))),
            Err(_) => self.step(Client::closed),
        }
    }

    /// Lists xterm's object in `window.slipwayTerminals`, where browser tests and the curious read the screen.
    fn expose(&self) {
        exposed().push(&self.0.terminal);
    }
}

fn exposed() -> Array {
    let window = window();
    let name = JsValue::from("slipwayTerminals");
    match js_sys::Reflect::get(&window, &name).map(JsCast::dyn_into::<Array>) {
        Ok(Ok(list)) => list,
        _ => {
            let list = Array::new();
            xterm::set(window.unchecked_ref(), "slipwayTerminals", &list);
            list
        }
    }
}

fn random_id() -> [u8; 16] {
    let mut id = [0; 16];
    if let Ok(crypto) = window().crypto() {
        let _ = crypto.get_random_values_with_u8_array(&mut id);
    }
    id
}

fn now() -> f64 {
    js_sys::Date::now()
}
