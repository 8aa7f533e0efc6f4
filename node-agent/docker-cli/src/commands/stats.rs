//! `docker stats`: one table, or a table that is redrawn twice a second.

use super::Context;
use crate::client::{Client, encode_path, query};
use crate::error::{CallError, Failure};
use crate::output;
use engine_wasm::cli::format::stats;
use http::Method;
use http_body_util::BodyExt;
use serde_json::Value;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;

type Samples = Rc<RefCell<Vec<(String, Option<Value>)>>>;

/// `docker stats`.
pub(crate) async fn stats(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let client = &context.client;
    let format = args.text("format").filter(|f| !f.is_empty()).unwrap_or(&context.config.stats_format);
    let trunc = !args.switch("no-trunc");
    let show_all = args.args.is_empty();
    let listed = list(context, show_all).await?;
    if args.switch("no-stream") {
        let mut samples = Vec::new();
        for name in listed {
            match client.get(&format!("/containers/{}/stats?stream=false", encode_path(&name))).await {
                Ok(sample) => samples.push((name, Some(sample))),
                Err(e) if show_all => {
                    // It went away between the listing and the question.
                    if !e.is_not_found() {
                        samples.push((name, None));
                    }
                }
                Err(e) => return Err(e.into()),
            }
        }
        output::print(&stats::list(format, &samples, trunc).map_err(Failure::new)?);
        return Ok(0);
    }
    LocalSet::new().run_until(follow(context, listed, format, trunc)).await
}

async fn list(context: &Context, show_all: bool) -> Result<Vec<String>, CallError> {
    if !show_all {
        for name in &context.args.args {
            context.client.get(&format!("/containers/{}/json", encode_path(name))).await?;
        }
        return Ok(context.args.args.clone());
    }
    let all = if context.args.switch("all") { "1" } else { "" };
    let answer = context.client.get(&format!("/containers/json{}", query(&[("all", all)]))).await?;
    Ok(answer.as_array().into_iter().flatten().filter_map(|c| Some(c["Id"].as_str()?.get(..12)?.to_owned())).collect())
}

async fn follow(context: &Context, listed: Vec<String>, format: &str, trunc: bool) -> Result<u8, Failure> {
    let show_all = context.args.args.is_empty();
    let samples: Samples = Rc::default();
    let watch = |name: String| {
        samples.borrow_mut().push((name.clone(), None));
        tokio::task::spawn_local(collect(Rc::clone(&context.client), name, Rc::clone(&samples)));
    };
    listed.into_iter().for_each(watch);
    let mut ticks = 0u32;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        ticks += 1;
        if show_all && ticks.is_multiple_of(4) {
            let current = list(context, true).await?;
            samples.borrow_mut().retain(|(name, _)| current.contains(name));
            let known: Vec<_> = samples.borrow().iter().map(|(name, _)| name.clone()).collect();
            current.into_iter().filter(|name| !known.contains(name)).for_each(watch);
        }
        let table = stats::list(format, &samples.borrow(), trunc).map_err(Failure::new)?;
        let mut screen = String::from("\x1b[H");
        for line in table.lines() {
            screen += line;
            screen += "\x1b[K\n";
        }
        screen += "\x1b[J";
        output::print(&screen);
        if !show_all && samples.borrow().is_empty() {
            return Ok(0);
        }
    }
}

/// Keeps the newest sample of one container in the list, until the container is gone.
async fn collect(client: Rc<Client>, name: String, samples: Samples) {
    let set = |sample: Option<Value>| {
        if let Some(entry) = samples.borrow_mut().iter_mut().find(|(n, _)| *n == name) {
            entry.1 = sample;
        }
    };
    let path = format!("/containers/{}/stats?stream=true", encode_path(&name));
    if let Ok(answer) = client.open(Method::GET, &path, None).await {
        let mut body = answer.into_body();
        let mut pending = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            pending.extend(frame.data_ref().into_iter().flatten());
            let mut values = serde_json::Deserializer::from_slice(&pending).into_iter::<Value>();
            let mut used = 0;
            while let Some(Ok(sample)) = values.next() {
                used = values.byte_offset();
                set(Some(sample));
            }
            pending.drain(..used);
        }
    }
    samples.borrow_mut().retain(|(n, _)| *n != name);
}
