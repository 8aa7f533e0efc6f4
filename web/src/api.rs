//! The site's own HTTP API as far as the page uses it. The session's cookie speaks for us; no token passes through here.

use js_sys::encode_uri_component;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, RequestInit, Response};

use crate::dom::window;

/// A lab as the front page lists it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct LabSummary {
    pub(crate) slug: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) categories: Words,
    #[serde(default)]
    pub(crate) tags: Words,
}

/// Front matter has lists and lists written as one string.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub(crate) enum Words {
    List(Vec<String>),
    Line(String),
    /// Nothing, or something that is no list of words.
    Other(serde_json::Value),
}

impl Default for Words {
    fn default() -> Self {
        Words::Other(serde_json::Value::Null)
    }
}

impl Words {
    pub(crate) fn to_vec(&self) -> Vec<String> {
        match self {
            Words::List(words) => words.clone(),
            Words::Line(line) => line.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            Words::Other(_) => Vec::new(),
        }
    }
}

/// A lab's text.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Lab {
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) html: String,
    /// Number of terminals beside the text.
    #[serde(default = "one")]
    pub(crate) terms: u8,
}

fn one() -> u8 {
    1
}

/// A session: some nodes for some time.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) expires_at: String,
    #[serde(default)]
    pub(crate) nodes: Vec<Node>,
}

impl Session {
    /// Milliseconds since 1970.
    pub(crate) fn ends(&self) -> f64 {
        js_sys::Date::parse(&self.expires_at)
    }
}

/// One machine of a session.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Node {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) address: String,
}

/// What went wrong, as a sentence for the reader.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    /// The HTTP status, if the server answered at all.
    pub(crate) status: Option<u16>,
    pub(crate) sentence: String,
}

impl Failure {
    /// The session is gone, or is not ours (any more).
    pub(crate) fn means_gone(&self) -> bool {
        matches!(self.status, Some(401 | 403 | 404 | 410))
    }
}

/// `GET`, parsed.
pub(crate) async fn get<T: DeserializeOwned>(path: &str) -> Result<T, Failure> {
    parse(path, &request("GET", path, None).await?)
}

/// `POST`, parsed.
pub(crate) async fn post<T: DeserializeOwned>(path: &str, body: Option<&serde_json::Value>) -> Result<T, Failure> {
    parse(path, &request("POST", path, body).await?)
}

/// Makes a session for a lab.
pub(crate) async fn create_session(lab: &str) -> Result<Session, Failure> {
    let body = serde_json::json!({ "lab": lab });
    post("/api/v1/sessions", Some(&body)).await
}

/// The session as it is now.
pub(crate) async fn session(id: &str) -> Result<Session, Failure> {
    get(&session_path(id)).await
}

/// Asks for more time; the answer is the session as it is then.
pub(crate) async fn extend(id: &str) -> Result<Session, Failure> {
    let path = session_path(id);
    request("POST", &format!("{path}/extend"), None).await?;
    get(&path).await
}

/// Ends the session with all that is in it.
pub(crate) async fn close(id: &str) -> Result<(), Failure> {
    match request("DELETE", &session_path(id), None).await {
        Err(failure) if !failure.means_gone() => Err(failure),
        _ => Ok(()),
    }
}

/// Address of a node's engine, below which Docker's API is read.
pub(crate) fn engine(session: &str, node: &str, query: &str) -> String {
    let node = encode_uri_component(node);
    format!("{}/nodes/{node}/docker/{query}", session_path(session))
}

/// Address of a terminal's WebSocket.
pub(crate) fn terminal_url(session: &str, node: &str, number: usize) -> String {
    let location = window().location();
    let scheme = match location.protocol().as_deref() {
        Ok("https:") => "wss",
        _ => "ws",
    };
    let host = location.host().unwrap_or_default();
    let node = encode_uri_component(node);
    let path = session_path(session);
    format!("{scheme}://{host}{path}/nodes/{node}/terminals/{number}")
}

fn session_path(id: &str) -> String {
    format!("/api/v1/sessions/{}", encode_uri_component(id))
}

fn parse<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| Failure {
        status: Some(200),
        sentence: format!(
            "The server's answer to {path} is not what this page expects ({error}). Reload the page to get the version that belongs to the server."
        ),
    })
}

async fn request(method: &str, path: &str, body: Option<&serde_json::Value>) -> Result<String, Failure> {
    let unreachable = || Failure {
        status: None,
        sentence: "The server cannot be reached. Check the network, then try again.".to_owned(),
    };
    let init = RequestInit::new();
    init.set_method(method);
    if let Some(body) = body {
        let headers = Headers::new().map_err(|_| unreachable())?;
        headers.set("Content-Type", "application/json").map_err(|_| unreachable())?;
        init.set_headers(&headers);
        init.set_body(&body.to_string().into());
    }
    let answer = JsFuture::from(window().fetch_with_str_and_init(path, &init)).await.map_err(|_| unreachable())?;
    let answer: Response = answer.dyn_into().map_err(|_| unreachable())?;
    let text = answer.text().map_err(|_| unreachable())?;
    let text = JsFuture::from(text).await.map_err(|_| unreachable())?;
    let text = text.as_string().unwrap_or_default();
    if answer.ok() {
        return Ok(text);
    }
    let status = answer.status();
    let sentence = serde_json::from_str::<serde_json::Value>(&text)
        .ok()
        // Our own errors, and the engine's.
        .and_then(|json| {
            let message = json["error"]["message"].as_str().or(json["message"].as_str());
            message.map(str::to_owned)
        })
        .unwrap_or_else(|| format!("The server answered {path} with status {status}."));
    Err(Failure { status: Some(status), sentence })
}
