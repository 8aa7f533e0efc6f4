//! Registries that lie, break off, throttle, redirect and ask for tokens, played by the test.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use common::image::{Image, OCI, pull, pull_as, quick, run};
use common::server::{Reply, Request, serve};
use common::{Tar, image, root_or_skip, store};
use slipway_images::registry::{Credentials, LoginError, PushOptions};
use slipway_images::{Digest, Reference};

/// Counts what it is asked about one thing.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn from_range(request: &Request) -> Option<usize> {
    request.header("range").strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_was() {
    if !root_or_skip() {
        return;
    }
    let image = Image::new(2, 400_000);
    let (count, ranges) = (Count::default(), Arc::new(Mutex::new(Vec::new())));
    let (served, seen, counted) = (image.clone(), Arc::clone(&ranges), count.clone());
    let host = serve(move |request| {
        if !served.is_layer(1, request) {
            return served.answer(request);
        }
        let blob = &served.layers[1];
        let from = from_range(request).unwrap_or(0);
        seen.lock().unwrap().push(from);
        let reply = match from {
            0 => Reply::new(200, blob.clone()),
            from => Reply::new(206, &blob[from..])
                .with("Content-Range", format!("bytes {from}-{}/{}", blob.len() - 1, blob.len())),
        };
        if counted.next() < 2 { reply.cut(150_000) } else { reply }
    });
    let (_dir, store) = store();
    let store = Arc::new(store);
    let (result, said) = pull(&quick(), &store, &format!("{host}/tool"));
    assert_eq!(result.unwrap(), image.digest());
    assert_eq!(*ranges.lock().unwrap(), [0, 150_000, 300_000]);
    let id = Digest::of(&image.layers[1]).short();
    let waits: Vec<&String> = said.iter().filter(|line| line.contains("Retrying")).collect();
    assert_eq!(
        waits,
        [
            &format!("{id}: Retrying in 1 second"),
            &format!("{id}: Retrying in 2 seconds"),
            &format!("{id}: Retrying in 1 second")
        ]
    );
}

#[test]
fn a_registry_without_ranges_and_one_that_mixes_bodies_are_asked_for_the_whole() {
    if !root_or_skip() {
        return;
    }
    for mixes in [false, true] {
        let image = Image::new(1, 300_000);
        let count = Count::default();
        let (served, counted) = (image.clone(), count.clone());
        let host = serve(move |request| {
            if !served.is_layer(0, request) {
                return served.answer(request);
            }
            let blob = &served.layers[0];
            match (counted.next(), from_range(request)) {
                (0, _) => Reply::new(200, blob.clone()).cut(100_000),
                (1, Some(from)) if mixes => Reply::new(206, vec![b'x'; blob.len() - from])
                    .with("Content-Range", format!("bytes {from}-{}/{}", blob.len() - 1, blob.len())),
                _ => Reply::new(200, blob.clone()),
            }
        });
        let (_dir, store) = store();
        let (result, _) = pull(&quick(), &Arc::new(store), &format!("{host}/tool"));
        assert_eq!(result.unwrap(), image.digest());
        assert_eq!(count.get(), if mixes { 3 } else { 2 });
    }
}

#[test]
fn a_registry_in_trouble_is_asked_again_but_not_for_ever() {
    if !root_or_skip() {
        return;
    }
    for (failures, good) in [(3, true), (99, false)] {
        let image = Image::new(1, 1000);
        let count = Count::default();
        let (served, counted) = (image.clone(), count.clone());
        let host = serve(move |request| {
            if served.is_layer(0, request) && counted.next() < failures {
                return Reply::new(503, "busy");
            }
            served.answer(request)
        });
        let (_dir, store) = store();
        let store = Arc::new(store);
        let (result, _) = pull(&quick(), &store, &format!("{host}/tool"));
        if good {
            assert_eq!(result.unwrap(), image.digest());
        } else {
            let error = result.unwrap_err().to_string();
            assert_eq!(error, "received unexpected HTTP status: 503 Service Unavailable");
            assert!(store.images().is_empty());
        }
        assert_eq!(count.get(), if good { 4 } else { 5 });
    }
}

#[test]
fn a_throttled_pull_waits_as_long_as_it_is_told_to() {
    if !root_or_skip() {
        return;
    }
    for (header, tries) in [(Some("3"), 2), (None, 1), (Some("86400"), 1)] {
        let image = Image::new(1, 1000);
        let count = Count::default();
        let (served, counted) = (image.clone(), count.clone());
        let host = serve(move |request| {
            if served.is_layer(0, request) && counted.next() == 0 {
                let reply = Reply::refusal(429, "TOOMANYREQUESTS", "slow down");
                return match header {
                    Some(seconds) => reply.with("Retry-After", seconds),
                    None => reply,
                };
            }
            served.answer(request)
        });
        let (_dir, store) = store();
        let (result, said) = pull(&quick(), &Arc::new(store), &format!("{host}/tool"));
        assert_eq!(count.get(), tries);
        match result {
            Ok(digest) => {
                assert_eq!(digest, image.digest());
                assert!(said.iter().any(|line| line.ends_with("Retrying in 3 seconds")));
            }
            Err(error) => {
                assert_eq!(error.to_string(), "toomanyrequests: slow down");
                assert_eq!(tries, 1);
            }
        }
    }
}

#[test]
fn manifests_that_are_too_large_or_others_than_promised_are_refused() {
    if !root_or_skip() {
        return;
    }
    let image = Image::new(1, 1000);
    let digest = image.digest();
    let other = Image::new(2, 1000).manifest;
    for (body, expected) in [
        (vec![b' '; 5 << 20], "the answer is longer than 4194304 bytes".to_owned()),
        (other, format!("manifest verification failed for digest {digest}")),
    ] {
        let served = image.clone();
        let host = serve(move |request| {
            if request.method == "GET" && request.target.contains("/manifests/") {
                return Reply::new(200, body.clone()).with("Content-Type", OCI);
            }
            served.answer(request)
        });
        let (_dir, store) = store();
        let store = Arc::new(store);
        for name in [format!("{host}/tool"), format!("{host}/tool@{digest}")] {
            let error = pull(&quick(), &store, &name).0.unwrap_err().to_string();
            assert!(error.contains(&expected), "{error}");
        }
        assert!(store.images().is_empty());
    }
}

#[test]
fn a_redirect_elsewhere_does_not_take_the_credentials_along() {
    if !root_or_skip() {
        return;
    }
    let image = Image::new(1, 1000);
    for scheme in ["http:", ""] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (served, noted) = (image.clone(), Arc::clone(&seen));
        let elsewhere = serve(move |request| {
            noted.lock().unwrap().push(request.header("authorization").to_owned());
            // Once more, from there to there.
            match request.target.strip_prefix("/v2/tool/blobs/") {
                Some(digest) => Reply::new(302, "").with("Location", format!("../other/{digest}")),
                None => served.answer(&Request { target: request.target.replace("other", "blobs"), ..request.clone() }),
            }
        });
        let served = image.clone();
        let host = serve(move |request| {
            if request.header("authorization").is_empty() {
                return Reply::refusal(401, "UNAUTHORIZED", "authentication required")
                    .with("WWW-Authenticate", "Basic realm=\"here\"");
            }
            if served.is_layer(0, request) {
                return Reply::new(307, "").with("Location", format!("{scheme}//{elsewhere}{}", request.target));
            }
            served.answer(request)
        });
        let (_dir, store) = store();
        let janet = Credentials { username: "janet".into(), password: "secret".into(), ..Credentials::default() };
        let (result, _) = pull_as(&quick(), &Arc::new(store), &format!("{host}/tool"), janet);
        assert_eq!(result.unwrap(), image.digest());
        assert_eq!(*seen.lock().unwrap(), ["", ""], "{scheme}");
    }
}

#[test]
fn a_list_of_tags_is_read_page_by_page_and_must_end() {
    if !root_or_skip() {
        return;
    }
    let image = Image::new(1, 1000);
    for endless in [false, true] {
        let served = image.clone();
        let host = serve(move |request| {
            let page = |tags: &str, next: Option<&str>| {
                let reply = Reply::new(200, format!("{{\"name\":\"tool\",\"tags\":[{tags}]}}"));
                match next {
                    Some(next) => reply.with("Link", format!("<{next}>; rel=\"next\"")),
                    None => reply,
                }
            };
            match request.target.as_str() {
                "/v2/tool/tags/list" => page("\"a\",\"b\"", Some("/v2/tool/tags/list?n=2&last=b")),
                "/v2/tool/tags/list?n=2&last=b" if endless => page("\"c\"", Some("/v2/tool/tags/list?n=2&last=b")),
                "/v2/tool/tags/list?n=2&last=b" => page("\"c\"", None),
                target if target.starts_with("/v2/tool/manifests/") => {
                    let target = "/v2/tool/manifests/latest".to_owned();
                    served.answer(&Request { target, ..request.clone() })
                }
                _ => served.answer(request),
            }
        });
        let (_dir, store) = store();
        let store = Arc::new(store);
        let wanted = slipway_images::registry::Wanted {
            all_tags: true,
            ..slipway_images::registry::Wanted::new(slipway_images::Reference::parse(&format!("{host}/tool")).unwrap())
        };
        let registries = quick();
        let (result, said) = common::image::run(|tell| registries.pull(Arc::clone(&store), &wanted, tell));
        if endless {
            assert!(result.unwrap_err().to_string().contains("does not end"));
            continue;
        }
        result.unwrap();
        let heads: Vec<&String> = said.iter().filter(|line| line.contains("Pulling from")).collect();
        assert_eq!(heads, ["a: Pulling from tool", "b: Pulling from tool", "c: Pulling from tool"]);
        assert_eq!(said.last().unwrap(), &format!("Status: Downloaded newer image for {host}/tool"));
        assert_eq!(store.images()[0].tags.len(), 3);
    }
}

/// A registry with a token server; every `lasting` requests its tokens end.
fn with_tokens(image: &Image, lasting: usize, tokens: Count, asked: Arc<Mutex<Vec<Request>>>) -> String {
    let granted = tokens.clone();
    let realm = serve(move |request| {
        asked.lock().unwrap().push(request.clone());
        let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode("janet:secret"));
        let known = ["", basic.as_str()].contains(&request.header("authorization"));
        let refreshed = !request.body.is_empty();
        if !known || (refreshed && !String::from_utf8_lossy(&request.body).contains("refresh_token=refresh-me")) {
            return Reply::new(401, r#"{"details":"incorrect username or password"}"#);
        }
        let mut answer = serde_json::json!({"token": format!("token-{}", granted.next() + 1), "expires_in": 300});
        if request.target.contains("offline_token=true") {
            answer["refresh_token"] = "refresh-me".into();
        }
        Reply::new(200, answer.to_string())
    });
    let (image, used) = (image.clone(), Count::default());
    serve(move |request| {
        let good = request.header("authorization") == format!("Bearer token-{}", tokens.get()) && tokens.get() > 0;
        if !good || used.next() % lasting == lasting - 1 {
            let challenge =
                format!("Bearer realm=\"http://{realm}/token\",service=\"lab\",scope=\"repository:tool:pull\"");
            return Reply::refusal(401, "UNAUTHORIZED", "authentication required").with("WWW-Authenticate", challenge);
        }
        image.answer(request)
    })
}

#[test]
fn tokens_are_fetched_shared_and_renewed_when_they_end() {
    if !root_or_skip() {
        return;
    }
    let image = Image::new(2, 1000);
    for (lasting, most) in [(1000, 1), (3, 6)] {
        let (tokens, asked) = (Count::default(), Arc::new(Mutex::new(Vec::new())));
        let host = with_tokens(&image, lasting, tokens.clone(), Arc::clone(&asked));
        let (_dir, store) = store();
        let (result, _) = pull(&quick(), &Arc::new(store), &format!("{host}/tool"));
        assert_eq!(result.unwrap(), image.digest());
        assert!((1..=most).contains(&tokens.get()), "{}", tokens.get());
        let first = asked.lock().unwrap()[0].clone();
        assert_eq!(first.target, "/token?service=lab&scope=repository%3Atool%3Apull");
        assert_eq!(first.header("authorization"), "");
    }
    // One that never takes a token is not asked for ever.
    let (tokens, asked) = (Count::default(), Arc::new(Mutex::new(Vec::new())));
    let host = with_tokens(&image, 1, tokens.clone(), asked);
    let (_dir, store) = store();
    let error = pull(&quick(), &Arc::new(store), &format!("{host}/tool")).0.unwrap_err().to_string();
    assert_eq!(error, "unauthorized: authentication required");
    assert!(tokens.get() <= 4, "{}", tokens.get());
}

#[test]
fn a_login_is_tried_at_the_token_server_and_may_bring_a_token_to_keep() {
    let image = Image::new(1, 1000);
    let (tokens, asked) = (Count::default(), Arc::new(Mutex::new(Vec::new())));
    let host = with_tokens(&image, 1000, tokens, Arc::clone(&asked));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let janet = |password: &str| Credentials {
        username: "janet".into(),
        password: password.into(),
        server_address: host.clone(),
        ..Credentials::default()
    };
    let login = runtime.block_on(quick().login(&janet("secret"))).unwrap();
    assert_eq!(login.identity_token, "refresh-me");
    assert!(asked.lock().unwrap()[0].target.contains("account=janet"));
    let error = runtime.block_on(quick().login(&janet("wrong"))).unwrap_err();
    let text = format!("Get \"http://{host}/v2/\": unauthorized: incorrect username or password");
    assert_eq!(error, LoginError::Unauthorized(text));
    if !root_or_skip() {
        return;
    }
    let (_dir, store) = store();
    let store = Arc::new(store);
    let kept = Credentials { identity_token: login.identity_token, ..Credentials::default() };
    pull_as(&quick(), &store, &format!("{host}/tool"), kept).0.unwrap();
    let last = asked.lock().unwrap().last().unwrap().clone();
    assert_eq!(last.method, "POST");
    let form = String::from_utf8(last.body).unwrap();
    assert!(
        form.starts_with("grant_type=refresh_token&service=lab&client_id=docker&refresh_token=refresh-me"),
        "{form}"
    );
    let bad = Credentials { identity_token: "old".into(), ..Credentials::default() };
    let error = pull_as(&quick(), &store, &format!("{host}/tool"), bad).0.unwrap_err().to_string();
    assert!(error.ends_with("unauthorized: incorrect username or password"), "{error}");
}

#[test]
fn search_asks_the_first_version_of_the_api() {
    let host = serve(|request| match request.target.as_str() {
        "/v1/_ping" => Reply::new(200, "{}"),
        "/v1/search?q=some+tool&n=7" => Reply::new(
            200,
            r#"{"num_results":1,"results":[{"name":"some/tool","description":"d","star_count":4,"is_official":true,"is_automated":true}]}"#,
        ),
        _ => Reply::new(404, ""),
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let search = |term: String, limit| runtime.block_on(quick().search(&term, limit, &Credentials::default()));
    let found = search(format!("{host}/some tool"), 7).unwrap();
    assert_eq!((found[0].name.as_str(), found[0].star_count, found[0].is_official), ("some/tool", 4, true));
    assert!(!found[0].is_automated);
    assert_eq!(search(format!("{host}/x"), 0).unwrap_err().to_string(), "Unexpected status code 404");
    assert_eq!(search("x".into(), 101).unwrap_err().to_string(), "limit 101 is outside the range of [1, 100]");
    assert!(search("http://x".into(), 1).unwrap_err().to_string().contains("should not have a scheme"));
}

/// A registry that takes pushes and notes the layers it has; every request of the kinds in `refused` is refused once, as if its token had ended.
fn with_ending_tokens(refused: &'static [&'static str], taken: Arc<Mutex<Vec<Digest>>>) -> String {
    let tokens = Count::default();
    let granted = tokens.clone();
    let realm = serve(move |_| Reply::new(200, format!(r#"{{"token":"token-{}"}}"#, granted.next() + 1)));
    let (ended, sent) = (Mutex::new(Vec::<(String, String)>::new()), Mutex::new(Digest::of(b"")));
    serve(move |request| {
        let kind = match (request.method.as_str(), request.target.contains("/manifests/")) {
            ("PUT", true) => "manifest",
            (method, _) => method,
        };
        let token = request.header("authorization").to_owned();
        let known = (1..=tokens.get()).any(|number| token == format!("Bearer token-{number}"));
        let mut ended = ended.lock().unwrap();
        let ends = known && refused.contains(&kind) && !ended.iter().any(|(other, _)| *other == kind);
        if ends {
            ended.push((kind.to_owned(), token.clone()));
        }
        if !known || ended.iter().any(|(_, old)| *old == token) {
            let challenge = format!("Bearer realm=\"http://{realm}/token\",service=\"lab\"");
            return Reply::refusal(401, "UNAUTHORIZED", "authentication required").with("WWW-Authenticate", challenge);
        }
        match kind {
            "GET" => Reply::new(200, "{}"),
            "HEAD" => match taken.lock().unwrap().iter().any(|blob| request.target.ends_with(&blob.to_string())) {
                true => Reply::new(200, "x"),
                false => Reply::new(404, ""),
            },
            "PATCH" => {
                *sent.lock().unwrap() = Digest::of(&request.body);
                Reply::new(202, "").with("Location", request.target.clone())
            }
            "POST" => Reply::new(202, "").with("Location", "/v2/tool/blobs/uploads/one"),
            "PUT" => {
                let sent = if request.body.is_empty() { *sent.lock().unwrap() } else { Digest::of(&request.body) };
                if !request.target.ends_with(&format!("digest={sent}")) {
                    return Reply::refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
                }
                taken.lock().unwrap().push(sent);
                Reply::new(201, "")
            }
            _ => Reply::new(201, ""),
        }
    })
}

#[test]
fn a_push_goes_on_when_its_token_ends_whatever_it_is_doing() {
    if !root_or_skip() {
        return;
    }
    let (_dir, store) = store();
    let store = Arc::new(store);
    let noise: Vec<u8> = (0..400_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 7).to_le_bytes()).collect();
    let (registries, id) = (quick(), image(&store, &[Tar::new().file("noise", &noise).end()], "pushed"));
    for refused in
        [&["HEAD"][..], &["POST"], &["PATCH"], &["PUT"], &["manifest"], &["POST", "PATCH", "PUT", "manifest"]]
    {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let name =
            Reference::parse(&format!("{}/tool:latest", with_ending_tokens(refused, Arc::clone(&taken)))).unwrap();
        store.tag(&name, &id).unwrap();
        let options = PushOptions { reference: name, credentials: Credentials::default(), platform: None };
        let (result, said) = run(|tell| registries.push(Arc::clone(&store), &options, tell));
        result.unwrap_or_else(|error| panic!("{refused:?}: {error}; {said:?}"));
        assert!(!said.iter().any(|line| line.contains("Retrying")), "{refused:?}: {said:?}");
        assert_eq!(taken.lock().unwrap().len(), 2, "{refused:?}: a layer and the configuration");
    }
}
