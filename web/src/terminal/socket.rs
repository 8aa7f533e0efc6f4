//! A WebSocket that speaks `slipway.v1`, with its three events; dropped, it is closed and says nothing more.

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, MessageEvent, WebSocket};

use super::frame::SUBPROTOCOL;

/// An open or opening connection.
pub(crate) struct Socket {
    socket: WebSocket,
    _opened: Closure<dyn FnMut()>,
    _closed: Closure<dyn FnMut()>,
    _message: Closure<dyn FnMut(MessageEvent)>,
}

impl Socket {
    /// Begins to connect; the browser refuses only what is no address.
    pub(crate) fn connect(
        url: &str,
        opened: impl FnMut() + 'static,
        message: impl Fn(&[u8]) + 'static,
        closed: impl FnMut() + 'static,
    ) -> Result<Socket, JsValue> {
        let socket = WebSocket::new_with_str(url, SUBPROTOCOL)?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let opened = Closure::<dyn FnMut()>::new(opened);
        let closed = Closure::<dyn FnMut()>::new(closed);
        let message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Ok(buffer) = event.data().dyn_into::<ArrayBuffer>() {
                message(&Uint8Array::new(&buffer).to_vec());
            }
        });
        socket.set_onopen(Some(opened.as_ref().unchecked_ref()));
        socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
        Ok(Socket { socket, _opened: opened, _closed: closed, _message: message })
    }

    /// Sends a frame; a connection that is closing loses it, which the protocol's numbers make good.
    pub(crate) fn send(&self, frame: &[u8]) {
        if self.socket.ready_state() == WebSocket::OPEN {
            let _ = self.socket.send_with_u8_array(frame);
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onclose(None);
        self.socket.set_onmessage(None);
        let _ = self.socket.close();
    }
}
