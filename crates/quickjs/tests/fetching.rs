//! `fetch` in workers, and `fetch` events (Fetch standard; R146).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::mpsc::channel;
use support::{Answer, Server, World};
use wakeworker_core::{AttemptOutcome, Config, FailureReason, SyncKind};
use wakeworker_quickjs::{FetchEventRequest, FetchEventResult, RuntimeConfig};

/// A worker that does what a message says and prints the result.
const RUNNER: &str = "onmessage = (event) => event.waitUntil((async () => {
    try { console.log(String(await eval('(async () => { ' + event.data + ' })()'))) } catch (e) { console.log(e.name + ': ' + e.message) }
})())";

fn world() -> World {
    world_with(RuntimeConfig::default())
}

fn world_with(limits: RuntimeConfig) -> World {
    let server = Server::with_worker(RUNNER);
    server
        .put("/data", Answer::new(200, "text/plain", "hello").header("X-A", "1").header("Set-Cookie", "a=b"));
    server.put("/moved", Answer::new(302, "text/plain", "").header("Location", "/data"));
    server.put("/circle", Answer::new(302, "text/plain", "").header("Location", "/circle"));
    server.put("/big", Answer::new(200, "text/plain", &"x".repeat(3 << 20)));
    server.handle(|request| {
        let path = request.path.split('?').next()?;
        match (path, request.method.as_str()) {
            ("/echo", _) => {
                let body = String::from_utf8_lossy(&request.body).into_owned();
                Some(Answer::new(200, "text/plain", &format!("{} {body}", request.method)))
            }
            _ => None,
        }
    });
    World::with(server, limits, Config::default())
}

#[test]
fn responses_have_status_headers_url_and_body() {
    let world = world();
    let (_, worker) = world.activate("sw.js");
    let answer = world.ask(
        worker,
        "const r = await fetch('/data'); return [r.status, r.ok, r.type, r.redirected, r.url.endsWith('/data'), r.headers.get('x-a'), r.headers.has('set-cookie'), await r.text()]",
    );
    assert_eq!(answer, "200,true,basic,false,true,1,false,hello");
    let sent = &world.server.requests("/data")[0].headers;
    assert!(sent["user-agent"].starts_with("WakeWorker/"), "{sent:?}");
    assert_eq!(
        world.ask(worker, "const r = await fetch('/echo', { method: 'POST', body: 'ä' }); return r.text()"),
        "POST ä"
    );
    assert_eq!(world.server.requests("/echo")[0].headers["origin"], world.server.origin());
    assert_eq!(world.ask(worker, "return (await fetch('/nothing')).status"), "404");
    let big =
        "const r = await fetch('/big'); let n = 0; for await (const c of r.body) n += c.length; return n";
    assert_eq!(world.ask(worker, big), (3 << 20).to_string());
}

#[test]
fn redirects_follow_fail_or_stay_hidden_as_asked() {
    let world = world();
    let (_, worker) = world.activate("sw.js");
    assert_eq!(
        world.ask(
            worker,
            "const r = await fetch('/moved'); return [r.redirected, r.url.endsWith('/data'), await r.text()]"
        ),
        "true,true,hello"
    );
    assert!(world.ask(worker, "await fetch('/moved', { redirect: 'error' })").starts_with("TypeError"));
    assert_eq!(
        world.ask(
            worker,
            "const r = await fetch('/moved', { redirect: 'manual' }); return [r.type, r.status]"
        ),
        "opaqueredirect,0"
    );
    assert!(world.ask(worker, "await fetch('/circle')").starts_with("TypeError"));
}

#[test] // R146
fn plain_http_beyond_this_machine_is_refused_without_a_connection() {
    let world = world();
    let (_, worker) = world.activate("sw.js");
    let refused = world.ask(worker, "await fetch('http://192.0.2.1/')");
    assert!(refused.starts_with("TypeError") && refused.contains("https"), "{refused}");
}

#[test] // R146
fn plain_http_fails_a_sync_event_also_behind_a_redirect_and_loopback_does_not() {
    let server = Server::with_worker(
        "onsync = onperiodicsync = (event) => event.waitUntil(fetch(event.tag).then((response) => console.log(response.status)))",
    );
    server.put("/near", Answer::new(200, "text/plain", "here"));
    server.put("/far", Answer::new(302, "text/plain", "").header("Location", "http://192.0.2.1/"));
    let world = World::new(server);
    let (id, _) = world.activate("sw.js");
    let fire = |kind, url: &str| world.host.dispatch_event(id, kind, url.into(), false).wait().unwrap();
    for kind in [SyncKind::BackgroundSync, SyncKind::PeriodicSync] {
        for refused in ["http://192.0.2.1/", "http://site.invalid/", "/far"] {
            let AttemptOutcome::Failed { reason: FailureReason::Rejected, message } = fire(kind, refused)
            else {
                panic!("{refused} was not refused");
            };
            assert!(message.unwrap().contains("TypeError"), "{refused}");
        }
        let loopback = world.server.url("/near").to_string();
        assert_eq!(fire(kind, &loopback), AttemptOutcome::Succeeded { handled: true });
    }
    assert_eq!(world.console.all(), ["200", "200"]);
}

#[test]
fn other_origins_need_cors_and_a_preflight_for_what_is_not_simple() {
    let world = world();
    let other = Server::start();
    other.put("/closed", Answer::new(200, "text/plain", "secret"));
    other.put(
        "/open",
        Answer::new(200, "text/plain", "open")
            .header("Access-Control-Allow-Origin", "*")
            .header("Access-Control-Allow-Methods", "PUT")
            .header("Access-Control-Allow-Headers", "x-a")
            .header("X-Hidden", "1"),
    );
    let (_, worker) = world.activate("sw.js");
    let url = |path: &str| other.url(path).to_string();
    let ask = |code: String| world.ask(worker, &code);
    assert!(ask(format!("await fetch('{}')", url("/closed"))).starts_with("TypeError"));
    assert_eq!(
        ask(format!(
            "const r = await fetch('{}', {{ mode: 'no-cors' }}); return [r.type, r.status, await r.text()]",
            url("/closed")
        )),
        "opaque,0,"
    );
    assert_eq!(
        ask(format!(
            "const r = await fetch('{}'); return [r.type, r.headers.has('x-hidden'), await r.text()]",
            url("/open")
        )),
        "cors,false,open"
    );
    assert_eq!(other.requests("/open").len(), 1);
    let put = |header: &str, method: &str| {
        format!(
            "const r = await fetch('{}', {{ method: '{method}', headers: {{ '{header}': '1' }} }}); return r.status",
            url("/open")
        )
    };
    assert_eq!(ask(put("x-a", "PUT")), "200");
    let methods: Vec<_> = other.requests("/open").iter().map(|request| request.method.clone()).collect();
    assert_eq!(methods, ["GET", "OPTIONS", "PUT"]);
    assert!(ask(put("x-b", "PUT")).starts_with("TypeError"));
    assert!(ask(put("x-a", "DELETE")).starts_with("TypeError"));
    assert!(other.requests("/open").iter().all(|request| request.method != "DELETE"));
}

#[test]
fn aborts_failures_and_limits_reject_and_never_hang() {
    let mut limits = RuntimeConfig::default();
    limits.response_bytes_max = 1 << 20;
    limits.response_idle_timeout_ms = 200;
    let world = world_with(limits);
    let mut cut = Answer::new(200, "text/plain", "0123456789");
    cut.cut_after = Some(4);
    world.server.put("/cut", cut);
    let hang = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}/", hang.local_addr().unwrap());
    let (_, worker) = world.activate("sw.js");
    let ask = |code: &str| world.ask(worker, code);
    assert!(ask("await fetch('/cut').then((r) => r.text())").starts_with("TypeError"));
    assert!(ask("await fetch('/big').then((r) => r.text())").starts_with("TypeError"));
    assert!(ask("const a = new AbortController(); setTimeout(() => a.abort(), 5); await fetch(SILENT, { signal: a.signal, mode: 'no-cors' })"
        .replace("SILENT", &format!("'{silent}'")).as_str()).starts_with("AbortError"));
    assert!(ask(&format!("await fetch('{silent}', {{ mode: 'no-cors' }})")).starts_with("TypeError"));
    world.runtime.set_online(false);
    assert!(ask("await fetch('/data')").starts_with("TypeError"));
    assert_eq!(ask("return navigator.onLine"), "false");
    world.runtime.set_online(true);
    assert_eq!(ask("return (await fetch('/data')).status"), "200");
}

fn request(world: &World, path: &str) -> FetchEventRequest {
    FetchEventRequest {
        method: "POST".to_owned(),
        url: world.server.url(path).to_string(),
        headers: vec![("x-a".to_owned(), "1".to_owned())],
        mode: "cors".to_owned(),
        credentials: "same-origin".to_owned(),
        redirect: "follow".to_owned(),
        client_id: "page".to_owned(),
        body: "body".into(),
        ..FetchEventRequest::default()
    }
}

#[test]
fn fetch_events_are_answered_streamed_refused_or_left_to_the_network() {
    let server = Server::with_worker(
        "onfetch = (event) => {
             const path = new URL(event.request.url).pathname;
             if (path === '/network') return;
             if (path === '/settled') return event.respondWith(new Response('at once'));
             event.respondWith((async () => {
                 if (path === '/fail') throw new Error('no');
                 if (path === '/stream') return new Response(new ReadableStream({
                     async start(c) { for (const part of ['a', 'b', 'c']) { c.enqueue(new TextEncoder().encode(part)); await new Promise((done) => setTimeout(done, 1)) } c.close() }
                 }));
                 if (path === '/proxy') return fetch('/data');
                 const text = [event.request.method, event.request.headers.get('x-a'), await event.request.text(), event.clientId];
                 return new Response(text.join(), { status: 201, headers: { 'x-b': '2' } });
             })());
         }",
    );
    server.put("/data", Answer::new(200, "text/plain", "from the network"));
    server.put("/none/sw.js", Answer::script("// no listener"));
    let world = World::new(server);
    let (id, worker) = world.activate("sw.js");
    let ask = |id, path: &str| {
        let (sender, receiver) = channel();
        world.runtime.fetch_event(id, request(&world, path), move |result| sender.send(result).unwrap());
        support::wait(&receiver)
    };
    let body = |result: FetchEventResult| match result {
        FetchEventResult::Response { status, headers, mut body, .. } => {
            let mut bytes = Vec::new();
            while let Some(part) = body.blocking_recv() {
                bytes.extend_from_slice(&part.unwrap());
            }
            (status, headers, String::from_utf8(bytes).unwrap())
        }
        other => panic!("no response: {other:?}"),
    };
    let (status, headers, text) = body(ask(id, "/direct"));
    assert_eq!((status, text.as_str()), (201, "POST,1,body,page"));
    assert!(headers.contains(&("x-b".to_owned(), "2".to_owned())), "{headers:?}");
    assert_eq!(body(ask(id, "/settled")).2, "at once");
    assert_eq!(body(ask(id, "/stream")).2, "abc");
    assert_eq!(body(ask(id, "/proxy")).2, "from the network");
    assert!(matches!(ask(id, "/network"), FetchEventResult::NotHandled { .. }));
    assert!(matches!(ask(id, "/fail"), FetchEventResult::NetworkError(_)));
    // A stopped worker starts for it.
    world.runtime.stop_worker(worker);
    assert_eq!(body(ask(id, "/direct")).0, 201);
    let (none, _) = world.activate("none/sw.js");
    assert!(matches!(ask(none, "/direct"), FetchEventResult::NotHandled { .. }));
    assert!(matches!(
        ask(wakeworker_core::WorkerRegistrationId(999), "/x"),
        FetchEventResult::NotHandled { .. }
    ));
    assert_eq!(world.sync(id, "t"), AttemptOutcome::Succeeded { handled: false });
}

/// Service worker specification, "handled": asked for before the answer or long after it, the promise says the same.
#[test]
fn the_handled_promise_says_how_the_event_was_answered_whenever_it_is_asked_for() {
    let server = Server::with_worker(
        "const told = [];
         const tell = (path, event) => event.handled.then(() => path + ' resolved', (error) => path + ' ' + error.name);
         onfetch = (event) => {
             const path = new URL(event.request.url).pathname;
             if (path === '/told') return event.respondWith(Promise.all(told).then((all) => new Response(all.join())));
             const late = path.startsWith('/late/');
             told.push(late ? new Promise((done) => setTimeout(done, 1)).then(() => tell(path, event)) : tell(path, event));
             event.waitUntil(told.at(-1));
             if (path.endsWith('answered')) event.respondWith(new Response('x'));
             if (path.endsWith('failed')) event.respondWith(Promise.reject(new Error('no')));
         }",
    );
    let world = World::new(server);
    let (id, _) = world.activate("sw.js");
    let ask = |path: &str| {
        let (sender, receiver) = channel();
        world.runtime.fetch_event(id, request(&world, path), move |result| sender.send(result).unwrap());
        support::wait(&receiver)
    };
    for path in
        ["/early/answered", "/early/left", "/early/failed", "/late/answered", "/late/left", "/late/failed"]
    {
        ask(path);
    }
    let FetchEventResult::Response { mut body, .. } = ask("/told") else { panic!("no response") };
    assert_eq!(
        body.blocking_recv().unwrap().unwrap(),
        "/early/answered resolved,/early/left resolved,/early/failed TypeError,/late/answered resolved,/late/left \
         resolved,/late/failed TypeError"
    );
}
