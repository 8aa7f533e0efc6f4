//! `docker logs` and `docker events`.

use super::Context;
use crate::client::{encode_path, query};
use crate::error::Failure;
use crate::{output, stream};
use engine_wasm::cli::format::events::Format;
use engine_wasm::cli::when::{filters, timestamp};
use http::Method;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio_util::io::StreamReader;

fn time(context: &Context, flag: &str) -> Result<String, String> {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_nanos());
    let now = i128::try_from(now).unwrap_or_default();
    timestamp(context.args.text_or_empty(flag), now)
}

/// `docker logs`.
pub(crate) async fn logs(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let container = context.client.get(&format!("/containers/{}/json", encode_path(context.first()))).await?;
    let on = |flag: &str| if args.switch(flag) { "1" } else { "" };
    let named =
        |flag: &str| time(context, flag).map_err(|e| Failure::new(format!("invalid value for \"{flag}\": {e}")));
    let query = query(&[
        ("details", on("details")),
        ("follow", on("follow")),
        ("since", &named("since")?),
        ("stderr", "1"),
        ("stdout", "1"),
        ("tail", args.text("tail").unwrap_or("all")),
        ("timestamps", on("timestamps")),
        ("until", &named("until")?),
    ]);
    let path = format!("/containers/{}/logs{query}", container["Id"].as_str().unwrap_or_default());
    let body = context.client.open(Method::GET, &path, None).await?.into_body();
    let mut reader = StreamReader::new(body.into_data_stream().map_err_io());
    let copied = if container["Config"]["Tty"] == true {
        stream::copy_raw(&mut reader).await
    } else {
        stream::copy_frames(&mut reader).await
    };
    copied.map(|()| 0).map_err(Failure::new)
}

/// hyper's errors as I/O errors, which readers want.
trait MapErrIo: Sized {
    fn map_err_io(self) -> impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> + Unpin;
}

impl<S: futures_util::Stream<Item = Result<bytes::Bytes, hyper::Error>> + Unpin> MapErrIo for S {
    fn map_err_io(self) -> impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> + Unpin {
        futures_util::StreamExt::map(self, |item| item.map_err(std::io::Error::other))
    }
}

/// `docker events`.
pub(crate) async fn events(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let format = Format::new(args.text_or_empty("format")).map_err(|message| Failure { message, code: 64 })?;
    let filter = filters(&args.list("filter"));
    let at = |flag: &str| time(context, flag).map_err(Failure::new);
    let path = format!("/events{}", query(&[("filters", &filter), ("since", &at("since")?), ("until", &at("until")?)]));
    let mut body = context.client.open(Method::GET, &path, None).await?.into_body();
    let mut pending = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Failure::new(e.to_string()))?;
        // A record separator may stand before each object (json-seq).
        pending.extend(frame.data_ref().into_iter().flatten().filter(|b| **b != 0x1e));
        let mut values = serde_json::Deserializer::from_slice(&pending).into_iter::<Value>();
        let mut used = 0;
        while let Some(Ok(event)) = values.next() {
            used = values.byte_offset();
            output::print(&format.line(&event).map_err(Failure::new)?);
        }
        pending.drain(..used);
    }
    Ok(0)
}
