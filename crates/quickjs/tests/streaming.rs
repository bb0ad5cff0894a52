//! Bodies in parts: through `fetch`, through `fetch` events, in both directions, with back-pressure and an end on both sides
//! (Fetch standard, sections 2.2.4, 4.6 and 5.6; Service Workers, "Handle Fetch").

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bytes::Bytes;
use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::task::{Context, Poll, Wake, Waker};
use support::{Answer, Log, Server, World};
use wakeworker_core::{Config, WorkerId, WorkerRegistrationId};
use wakeworker_quickjs::{
    BodyReceiver, BodySender, FetchEventHandle, FetchEventRequest, FetchEventResult, RequestBody,
    RuntimeConfig, body_channel,
};

const WORKER: &str = r#"
    let letGo;
    const told = new Promise((resolve) => { letGo = resolve; });
    onmessage = (event) => event.waitUntil((async () => {
        if (event.data === 'go') return letGo();
        try { console.log(String(await eval('(async () => { ' + event.data + ' })()'))) } catch (e) { console.log(e.name + ': ' + e.message) }
    })());
    const through = (stream) => stream.pipeThrough(new TransformStream({ transform(part, to) { to.enqueue(part) } }));
    self.kept = new AbortController();
    onfetch = (event) => {
        const url = new URL(event.request.url);
        const { request } = event;
        request.signal.addEventListener('abort', () => console.log('signal: ' + request.signal.reason.name));
        switch (url.pathname) {
            case '/pass': return event.respondWith(fetch(url.searchParams.get('to')));
            case '/kept': return event.respondWith(fetch('/big', { signal: kept.signal }));
            case '/script': return event.respondWith((async () => {
                const response = await fetch(url.searchParams.get('to'));
                return new Response(through(response.body), response);
            })());
            case '/never-ends': return event.respondWith(new Response(new ReadableStream({
                pull(to) { return new Promise(() => {}) },
                cancel(reason) { console.log('cancelled: ' + reason.name) },
            })));
            case '/never-answers': return event.respondWith(fetch(url.searchParams.get('to'), { signal: request.signal, mode: 'no-cors' }));
            case '/upload': return event.respondWith(fetch(request));
            case '/send-script': return event.respondWith(told.then(() =>
                fetch('/upload', { method: 'POST', body: through(request.body), duplex: 'half' })));
            case '/peek': return event.waitUntil(request.body.getReader().read());
            case '/read': return event.waitUntil(request.text().then((text) => console.log('read ' + text.length)));
            case '/take': return event.waitUntil(fetch(request));
        }
    };
"#;

/// As many bytes as `big` gives.
const BIG: usize = 8 << 20;

struct Scene {
    world: World,
    registration: WorkerRegistrationId,
    worker: WorkerId,
    /// Bytes that the server has got rid of.
    written: Arc<AtomicUsize>,
    /// Clients that went away while the server wrote.
    gone: Arc<Log<()>>,
}

impl Scene {
    fn new() -> Scene {
        Scene::with(RuntimeConfig::default())
    }

    fn with(limits: RuntimeConfig) -> Scene {
        let server = Server::with_worker(WORKER);
        let written = Arc::new(AtomicUsize::new(0));
        let gone = Arc::new(Log::default());
        let (count, told) = (written.clone(), gone.clone());
        server.put(
            "/big",
            Answer::streamed(move |out| {
                for n in 0..BIG / 65_536 {
                    let part = vec![u8::try_from(n % 251).unwrap(); 65_536];
                    out.write_all(&part).inspect_err(|_| told.push(()))?;
                    count.fetch_add(part.len(), Ordering::AcqRel);
                }
                Ok(())
            }),
        );
        let told = gone.clone();
        server.put(
            "/silent",
            Answer::streamed(move |out| {
                // Writes only to learn that the client has gone; what it writes is no complete answer.
                loop {
                    out.write_all(&[0; 65_536]).inspect_err(|_| told.push(()))?;
                }
            }),
        );
        let mut cut = Answer::new(200, "text/plain", &"x".repeat(100_000));
        cut.cut_after = Some(70_000);
        server.put("/cut", cut);
        server.put("/data", Answer::new(200, "text/plain", "data"));
        server.put("/moved", Answer::new(307, "text/plain", "").header("Location", "/upload"));
        server.handle(|request| {
            (request.path == "/upload").then(|| {
                let sum: u64 = request.body.iter().map(|&byte| u64::from(byte)).sum();
                Answer::new(200, "text/plain", &format!("{} {sum}", request.body.len()))
            })
        });
        let world = World::with(server, limits, Config::default());
        let (registration, worker) = world.activate("sw.js");
        Scene { world, registration, worker, written, gone }
    }

    fn ask(&self, path: &str, body: RequestBody) -> (Receiver<FetchEventResult>, FetchEventHandle) {
        let request = FetchEventRequest {
            method: if body.is_empty() { "GET" } else { "POST" }.to_owned(),
            url: self.world.server.url(path).to_string(),
            mode: "cors".to_owned(),
            credentials: "same-origin".to_owned(),
            redirect: "follow".to_owned(),
            body,
            ..FetchEventRequest::default()
        };
        let (sender, receiver) = channel();
        let handle = self.world.runtime.fetch_event(self.registration, request, move |result| {
            // A test that aborts has gone.
            let _ = sender.send(result);
        });
        (receiver, handle)
    }

    fn get(&self, path: &str) -> BodyReceiver {
        match support::wait(&self.ask(path, RequestBody::default()).0) {
            FetchEventResult::Response { body, .. } => body,
            other => panic!("{path}: {other:?}"),
        }
    }

    fn post(&self, path: &str, body: RequestBody) -> FetchEventResult {
        support::wait(&self.ask(path, body).0)
    }

    fn eval(&self, code: &str) -> String {
        self.world.ask(self.worker, code)
    }

    fn line(&self, wanted: &str) {
        self.world.console.wait_for(|line| (line == wanted).then_some(()));
    }
}

/// Reads everything; gives how much it was, and the most that waited at any time.
fn drain(mut body: BodyReceiver) -> (Vec<u8>, usize) {
    let (mut bytes, mut most) = (Vec::new(), 0);
    loop {
        most = most.max(body.held_bytes());
        match body.blocking_recv() {
            Some(Ok(part)) => bytes.extend_from_slice(&part),
            Some(Err(problem)) => panic!("the body broke off: {problem}"),
            None => return (bytes, most),
        }
    }
}

fn text(result: FetchEventResult) -> String {
    match result {
        FetchEventResult::Response { body, .. } => String::from_utf8(drain(body).0).unwrap(),
        other => panic!("{other:?}"),
    }
}

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

fn has_room(sender: &BodySender) -> bool {
    sender.poll_ready(&mut Context::from_waker(&Waker::from(Arc::new(Nobody)))) == Poll::Ready(true)
}

fn write_all(sender: BodySender, bytes: usize) {
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    tokio.block_on(async {
        for _ in 0..bytes / 4096 {
            assert!(sender.ready().await, "nobody reads");
            sender.write(Bytes::from(vec![1; 4096]));
        }
    });
    sender.end();
}

#[test]
fn a_page_that_reads_slowly_holds_the_server_back() {
    let scene = Scene::new();
    let window = RuntimeConfig::default().response_window_bytes;
    for path in ["/pass?to=/big", "/script?to=/big"] {
        scene.written.store(0, Ordering::Release);
        let body = scene.get(path);
        // Nothing is read for as long as another request takes; by then a server that is not held back is done.
        assert_eq!(text(scene.post("/pass?to=/data", RequestBody::default())), "data");
        assert!(body.held_bytes() <= window + (512 << 10), "{path}: {} bytes wait", body.held_bytes());
        let (bytes, most) = drain(body);
        assert_eq!(bytes.len(), BIG, "{path}");
        assert!(bytes.iter().enumerate().all(|(at, &byte)| usize::from(byte) == at / 65_536 % 251), "{path}");
        // The window, and what one read from the network gives at most.
        assert!(most <= window + (512 << 10), "{path}: {most} bytes waited");
    }
}

#[test]
fn a_page_that_goes_away_aborts_the_worker_and_its_server() {
    let scene = Scene::new();
    // While the worker waits for its server: before there is an answer.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let path = format!("/never-answers?to=http://{}/", silent.local_addr().unwrap());
    let (_, handle) = scene.ask(&path, RequestBody::default());
    let mut connection = silent.accept().unwrap().0;
    let mut start = [0; 6];
    connection.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"GET / ");
    handle.abort();
    scene.line("signal: AbortError");
    // Ends when the client has closed its side.
    connection.read_to_end(&mut Vec::new()).unwrap();
    // In the middle of a body that passes by the script.
    let before = scene.gone.len();
    let mut body = scene.get("/pass?to=/silent");
    assert!(matches!(body.blocking_recv(), Some(Ok(_))));
    drop(body);
    scene.gone.wait_after(before, |()| Some(()));
    // In the middle of one that the script writes.
    let before = scene.gone.len();
    let mut body = scene.get("/script?to=/silent");
    assert!(matches!(body.blocking_recv(), Some(Ok(_))));
    drop(body);
    scene.gone.wait_after(before, |()| Some(()));
    // While the script waits for a part of its own.
    drop(scene.get("/never-ends"));
    scene.line("cancelled: AbortError");
}

#[test]
fn a_body_that_breaks_off_breaks_off_for_the_page_too() {
    let scene = Scene::new();
    for path in ["/pass?to=/cut", "/script?to=/cut"] {
        let mut body = scene.get(path);
        let mut bytes = 0;
        let problem = loop {
            match body.blocking_recv() {
                Some(Ok(part)) => bytes += part.len(),
                Some(Err(problem)) => break problem,
                None => panic!("{path}: {bytes} bytes and no error"),
            }
        };
        assert!(bytes <= 70_000 && !problem.is_empty(), "{path}: {bytes} {problem}");
    }
    let mut body = scene.get("/kept");
    assert!(matches!(body.blocking_recv(), Some(Ok(_))));
    assert_eq!(scene.eval("kept.abort(); return 'done'"), "done");
    let broken = std::iter::from_fn(|| body.blocking_recv()).any(|part| part.is_err());
    assert!(broken, "the script's abort reaches a body that passes by it");
    // Fetch, "abort": also for a body that the script reads itself.
    let aborted = "const c = new AbortController(); const r = await fetch('/big', { signal: c.signal });
        const reader = r.body.getReader(); await reader.read(); c.abort(new RangeError('enough'));
        for (;;) { const { done } = await reader.read(); if (done) return 'no error' }";
    assert_eq!(scene.eval(aborted), "RangeError: enough");
    assert!(scene.eval("return (await fetch('/cut')).text()").starts_with("TypeError"));
}

#[test]
fn a_request_body_is_read_no_faster_than_the_worker_sends_it_on() {
    let scene = Scene::new();
    let (sender, receiver) = body_channel(65_536);
    let (answer, _handle) = scene.ask("/send-script", RequestBody::Stream(receiver));
    let mut written = 0;
    while has_room(&sender) {
        sender.write(Bytes::from(vec![1; 4096]));
        written += 4096;
    }
    assert!(written <= 65_536 + 4096, "{written} bytes were taken before anybody wanted them");
    assert_eq!(scene.eval("return 'the worker has the event'"), "the worker has the event");
    assert!(!has_room(&sender));
    scene.world.runtime.post_message(
        scene.worker,
        support::clone_of("go"),
        wakeworker_quickjs::MessageSource::Host,
    );
    write_all(sender, 1 << 20);
    let bytes = written + (1 << 20);
    assert_eq!(text(support::wait(&answer)), format!("{bytes} {bytes}"));

    let (sender, receiver) = body_channel(65_536);
    let (answer, _handle) = scene.ask("/upload", RequestBody::Stream(receiver.with_length(4 << 20)));
    write_all(sender, 4 << 20);
    assert_eq!(text(support::wait(&answer)), format!("{0} {0}", 4 << 20));
    let sent = scene.world.server.requests("/upload");
    assert_eq!(sent[0].headers.get("transfer-encoding").map(String::as_str), Some("chunked"));
    assert_eq!(sent[1].headers.get("content-length").map(String::as_str), Some("4194304"));
}

#[test]
fn a_request_that_is_not_answered_keeps_its_whole_body_for_the_network() {
    let mut limits = RuntimeConfig::default();
    limits.request_replay_bytes_max = 20_000;
    let scene = Scene::with(limits);
    let streamed = |bytes: usize| {
        let (sender, receiver) = body_channel(usize::MAX);
        for part in vec![7; bytes].chunks(4096) {
            sender.write(Bytes::copy_from_slice(part));
        }
        sender.end();
        RequestBody::Stream(receiver)
    };
    for path in ["/untouched", "/peek", "/read"] {
        match scene.post(path, streamed(10_000)) {
            FetchEventResult::NotHandled { body } => {
                assert_eq!(drain(body.into_receiver()).0, [7; 10_000], "{path}");
            }
            other => panic!("{path}: {other:?}"),
        }
    }
    assert!(matches!(scene.post("/untouched", streamed(30_000)), FetchEventResult::NotHandled { .. }));
    let taken = scene.post("/take", streamed(10));
    assert!(matches!(&taken, FetchEventResult::NetworkError(why) if why.contains("sent")), "{taken:?}");
    match scene.post("/read", RequestBody::from(vec![1u8; 300])) {
        FetchEventResult::NotHandled { body: RequestBody::Bytes(bytes) } => assert_eq!(bytes.len(), 300),
        other => panic!("{other:?}"),
    }
}

#[test] // Fetch, "HTTP-redirect fetch", step 11; "incrementally transmit a request body"
fn a_script_uploads_a_stream_once_and_its_failure_fails_the_request() {
    let scene = Scene::new();
    let stream = "new ReadableStream({ async pull(to) {
        self.n = (self.n ?? 0) + 1;
        if (self.n > 5) { self.n = 0; to.close() } else to.enqueue(new Uint8Array(1000).fill(self.n)) } })";
    let send = |url: &str, body: &str| {
        scene.eval(&format!(
            "return (await fetch('{url}', {{ method: 'POST', body: {body}, duplex: 'half' }})).text()"
        ))
    };
    assert_eq!(send("/upload", stream), "5000 15000");
    let moved = send("/moved", stream);
    assert!(moved.starts_with("TypeError") && moved.contains("stream"), "{moved}");
    let broken = send("/upload", "new ReadableStream({ pull(to) { to.error(new Error('no more')) } })");
    assert!(broken.starts_with("TypeError"), "{broken}");
    assert!(
        send("/upload", "new ReadableStream({ pull(to) { to.enqueue('text') } })").starts_with("TypeError")
    );
    let mut limits = RuntimeConfig::default();
    limits.request_stream_bytes_max = 4_000;
    let scene = Scene::with(limits);
    let refused = scene.eval(&format!(
        "return (await fetch('/upload', {{ method: 'POST', body: {stream}, duplex: 'half' }})).text()"
    ));
    assert!(refused.starts_with("TypeError"), "{refused}");
}

#[test]
fn two_hundred_requests_at_a_time_and_unread_responses_are_all_answered() {
    let scene = Scene::new();
    let waiting: Vec<_> = (0..200).map(|_| scene.ask("/pass?to=/data", RequestBody::default())).collect();
    for (answer, _handle) in &waiting {
        assert_eq!(text(support::wait(answer)), "data");
    }
    let mut limits = RuntimeConfig::default();
    limits.fetches_max = 4;
    limits.fetches_waiting_max = 20;
    let scene = Scene::with(limits);
    let unread = "for (let n = 0; n < 30; n += 1) await fetch('/big'); return (await fetch('/data')).text()";
    assert_eq!(scene.eval(unread), "data", "responses that nobody holds give their exchange back");
    let held = "self.held = []; for (let n = 0; n < 4; n += 1) held.push(await fetch('/silent'));
        const late = Array.from({ length: 21 }, () => fetch('/data').then((r) => r.text(), (e) => e.name));
        held.pop().body.cancel(); return (await Promise.all(late)).filter((text) => text === 'data').length";
    assert_eq!(scene.eval(held), "20", "the rest wait for their turn, up to the limit");
}

#[test]
fn a_worker_that_never_reads_its_answers_does_not_grow() {
    let scene = Scene::new();
    let ask = "for (let n = 0; n < 150; n += 1) await fetch('/data?' + n, { method: 'POST', body: 'x' }); return 'done'";
    let bytes_after = || {
        assert_eq!(scene.eval(ask), "done");
        scene.world.runtime.worker_memory_bytes(scene.worker).unwrap()
    };
    // What only the collector frees comes and goes; what stays is seen where it is lowest.
    let lowest_of_four = || (0..4).map(|_| bytes_after()).min().unwrap();
    let (first, last) = (lowest_of_four(), lowest_of_four());
    assert!(
        last < first + (150 << 10),
        "{first} bytes grew to {last}: more than a quarter of a KiB for each of 600 requests"
    );
}
