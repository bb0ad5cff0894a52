//! EventSource over a real server (HTML, section 9.2). The sections cited are the standard's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::channel;
use support::{Answer, Log, Server, World, wait};
use wakeworker_core::{Config, WorkerId};
use wakeworker_quickjs::RuntimeConfig;

/// Evaluates its messages and prints what comes of them; `next(source, type)` waits for an event.
const RUNNER: &str = "
    const next = (source, type) => new Promise((resolve) => source.addEventListener(type, resolve, { once: true }));
    onmessage = (event) => event.waitUntil((async () => {
        try { console.log(String(await eval('(async () => { ' + event.data + ' })()'))) } catch (e) { console.log(e.name + ': ' + e.message) }
    })())";

struct Scene {
    world: World,
    worker: WorkerId,
}

impl Scene {
    fn new(server: Server, limits: RuntimeConfig) -> Scene {
        server.put("/sw.js", Answer::script(RUNNER));
        let world = World::with(server, limits, Config::default());
        let (_, worker) = world.activate("sw.js");
        Scene { world, worker }
    }

    fn expect(&self, code: &str, answer: &str) {
        assert_eq!(self.world.ask(self.worker, code), answer, "{code}");
    }
}

/// A stream that ends after this text.
fn stream(text: &str) -> Answer {
    Answer::new(200, "text/event-stream", text)
}

/// A stream that is written by hand.
fn streamed(write: impl Fn(&mut dyn Write) -> std::io::Result<()> + Send + Sync + 'static) -> Answer {
    Answer { headers: stream("").headers, ..Answer::streamed(write) }
}

/// Ends when the event `end` comes; gives all others as `type|data|id` and with what `readyState` the source ended.
const COLLECT: &str = "
    const seen = [];
    const source = new EventSource('/stream');
    for (const type of ['message', 'add', 'open', ' spaced']) source.addEventListener(type, (e) => seen.push([e.type, e.data, e.lastEventId].join('|')));
    await next(source, 'end'); source.close();
    return JSON.stringify(seen) + source.readyState;";

#[test] // 9.2.6
fn streams_are_taken_apart_however_they_are_cut() {
    let text = "\u{feff}data: first\n\n:a comment\r\rdata:a\rdata: b\r\ndata:  c\n\nevent: add\r\nid: 7\r\ndata\r\n\r\ndata\ndata\n\n\
        id: no\0\ndata: é€🎈\n\nid\nevent:  spaced\ndata:x:y\nunknown: z\n retry: 5\n\nevent: add\n\ndata: last\n\nevent: end\ndata:\n\n\
        data: cut off";
    let expected = r#"["open||","message|first|","message|a\nb\n c|","add||7","message|\n|7","message|é€🎈|7"," spaced|x:y|","message|last|"]2"#;
    for part in [1, 2, 3, 7, 4096] {
        let bytes = text.as_bytes().to_vec();
        let server = Server::start();
        server
            .put("/stream", streamed(move |out| bytes.chunks(part).try_for_each(|part| out.write_all(part))));
        Scene::new(server, RuntimeConfig::default()).expect(COLLECT, expected);
    }
}

#[test] // 9.2.3, 9.2.4
fn a_source_comes_back_with_the_last_id_that_it_has_seen() {
    let server = Server::start();
    server.handle(|request| match request.headers.get("last-event-id").map(String::as_str) {
        _ if request.path != "/stream" => None,
        None => Some(stream("retry: 100\nid: ä1\ndata: one\n\n")),
        // The ID stays although this stream names none.
        Some("Ã¤1") | Some("ä1") => Some(stream("data: two\n\nid: 2\n\n")),
        Some("2") => Some(stream("event: end\ndata: three\n\n")),
        Some(other) => panic!("{other:?}"),
    });
    let scene = Scene::new(server, RuntimeConfig::default());
    let code = "
        const source = new EventSource('/stream'); const seen = [source.readyState];
        source.onopen = () => seen.push('open' + source.readyState);
        source.onerror = (e) => seen.push('error' + source.readyState + e.isTrusted);
        source.onmessage = (e) => seen.push([e.data, e.lastEventId, e.origin === origin, e.isTrusted].join());
        const { lastEventId } = await next(source, 'end'); source.close();
        return seen.concat(lastEventId).join(' ');";
    scene.expect(code, "0 open1 one,ä1,true,true error0true open1 two,ä1,true,true error0true open1 2");
    let asked = scene.world.server.requests("/stream");
    assert_eq!(asked.len(), 3);
    for request in asked {
        assert_eq!(request.headers["accept"], "text/event-stream");
        assert_eq!(request.headers["cache-control"], "no-cache");
    }
}

#[test] // 9.2.3, "processResponse"
fn what_is_no_event_stream_ends_the_source_for_good() {
    let server = Server::start();
    server.handle(|request| match request.path.as_str() {
        "/204" => Some(Answer::new(204, "text/event-stream", "")),
        "/404" => Some(Answer::new(404, "text/event-stream", "data: x\n\n")),
        "/html" => Some(Answer::new(200, "text/html", "data: x\n\n")),
        "/fine" => Some(Answer::new(200, "Text/Event-Stream; charset=utf-8", "data: x\n\n")),
        _ => None,
    });
    let scene = Scene::new(server, RuntimeConfig::default());
    for (path, why) in [("/204", "the server answered 204"), ("/404", "answered 404"), ("/html", "text/html")]
    {
        let before = scene.world.console.len();
        let code = format!(
            "const s = new EventSource('{path}'); s.onmessage = s.onopen = () => console.log('no'); await next(s, 'error'); return s.readyState"
        );
        scene.world.ask(scene.worker, &code);
        scene.world.console.wait_after(before + 1, |line| (line == "2").then_some(()));
        let lines = scene.world.console.all();
        assert!(lines[before].contains(why), "{lines:?}");
        assert_eq!(scene.world.server.requests(path).len(), 1);
    }
    scene.expect(
        "const s = new EventSource('/fine'); const e = await next(s, 'message'); s.close(); return e.data",
        "x",
    );
}

#[test] // 9.2.2
fn the_constructor_and_its_attributes() {
    let scene = Scene::new(Server::start(), RuntimeConfig::default());
    scene.expect(
        "return new EventSource('http://[')",
        "SyntaxError: EventSource: \"http://[\" is not a valid URL",
    );
    scene
        .expect("try { new EventSource('http://[') } catch (e) { return e instanceof DOMException }", "true");
    let code = "
        const s = new EventSource('a/../x?y#z', { withCredentials: 1 }); s.close(); s.close();
        return [s.url.replace(origin, ''), s.withCredentials, new EventSource('/').withCredentials, s.readyState, EventSource.CLOSED, s.OPEN].join()";
    scene.expect(code, "/x?y#z,true,false,2,2,1");
}

#[test] // 9.2.3: the request is a potential-CORS one whose headers the layer chose: no preflight
fn another_origin_must_allow_and_sees_cookies_only_if_asked() {
    let other = Arc::new(Server::start());
    let server = Server::start();
    let own = server.origin();
    other.handle(move |request| {
        let answer = match request.path.as_str() {
            "/set" => Answer::new(200, "text/plain", "").header("Set-Cookie", "a=b"),
            "/closed" => return Some(stream("data: secret\n\n")),
            _ => {
                let cookie = request.headers.get("cookie").cloned().unwrap_or_default();
                stream(&format!("retry: 1\nid: 1\ndata: [{cookie}]\n\n"))
            }
        };
        Some(
            answer
                .header("Access-Control-Allow-Origin", &own)
                .header("Access-Control-Allow-Credentials", "true"),
        )
    });
    let scene = Scene::new(server, RuntimeConfig::default());
    let eval = |code: &str| scene.world.ask(scene.worker, &code.replace("OTHER", &other.origin()));
    eval("await fetch('OTHER/set', { credentials: 'include' }); return 1");
    let twice = |init: &str| {
        format!(
            "const s = new EventSource('OTHER/open', {init}); await next(s, 'message'); const e = await next(s, 'message'); s.close(); return e.data + (e.origin === 'OTHER')"
        )
    };
    assert_eq!(eval(&twice("{}")), "[]true");
    assert_eq!(eval(&twice("{ withCredentials: true }")), "[a=b]true");
    assert!(other.requests("/open").iter().all(|request| request.method == "GET"));
    assert_eq!(
        eval(
            "const s = new EventSource('OTHER/closed'); s.onmessage = () => console.log('leak'); await next(s, 'error'); s.close(); return 'refused'"
        ),
        "refused"
    );
}

#[test] // 9.2.2, close()
fn a_closed_source_is_silent_and_its_server_hears_of_it() {
    let (gone, heard) = channel();
    let gone = std::sync::Mutex::new(gone);
    let server = Server::start();
    server.put(
        "/stream",
        streamed(move |out| {
            let ended = (0..).try_for_each(|n: u64| write!(out, "data: {n}\n\n"));
            gone.lock().unwrap().send(()).unwrap();
            ended
        }),
    );
    let scene = Scene::new(server, RuntimeConfig::default());
    let code = "
        const s = new EventSource('/stream'); let after = 0, closed = false;
        s.onmessage = (e) => { if (closed) after += 1; if (e.data === '50') { s.close(); closed = true; s.dispatchEvent(new Event('closed')); } };
        await next(s, 'closed'); await new Promise((r) => setTimeout(r, 20)); return after";
    scene.expect(code, "0");
    wait(&heard);
    assert_eq!(scene.world.server.requests("/stream").len(), 1);
}

#[test] // 9.2.3; R146
fn without_a_network_or_over_plain_http_a_source_goes_on_trying() {
    let server = Server::start();
    server.put("/stream", stream("data: back\n\n"));
    let scene = Scene::new(server, RuntimeConfig::default());
    scene.world.runtime.set_online(false);
    scene.expect(
        "self.source = new EventSource('/stream'); await next(source, 'error'); return source.readyState",
        "0",
    );
    assert!(scene.world.server.requests("/stream").is_empty());
    scene.world.runtime.set_online(true);
    scene.expect("const e = await next(source, 'message'); source.close(); return e.data", "back");
    scene.expect(
        "const s = new EventSource('http://site.example/'); await next(s, 'error'); s.close(); return 'refused'",
        "refused",
    );
}

#[test] // hostile: a line without an end, and an event without an end
fn what_is_too_long_ends_the_source_and_not_the_worker() {
    let mut limits = RuntimeConfig::default();
    limits.connection_message_bytes_max = 100_000;
    let server = Server::start();
    server.put(
        "/line",
        streamed(|out| {
            loop {
                out.write_all(&[b'a'; 4096])?
            }
        }),
    );
    server.put(
        "/event",
        streamed(|out| {
            loop {
                out.write_all(b"data: a\n")?
            }
        }),
    );
    server.put("/fine", stream(&format!("data: {}\n\n", "a".repeat(99_000))));
    let scene = Scene::new(server, limits);
    for path in ["/line", "/event"] {
        let before = scene.world.console.len();
        let code =
            format!("const s = new EventSource('{path}'); await next(s, 'error'); return s.readyState");
        let told = scene.world.ask(scene.worker, &code);
        assert!(told.contains("connection_message_bytes_max"), "{told}");
        scene.world.console.wait_after(before, |line| (line == "2").then_some(()));
    }
    scene.expect("const s = new EventSource('/fine'); const e = await next(s, 'message'); s.close(); return e.data.length", "99000");
}

#[test] // hostile: a server that says more than a worker takes is held back, and the worker's other work goes on
fn a_flood_of_events_is_held_back() {
    let written = Arc::new(Log::default());
    let counted = written.clone();
    let server = Server::start();
    server.put(
        "/stream",
        streamed(move |out| {
            for _ in 0..40_000 {
                out.write_all(&[b"data: ", [b'x'; 1000].as_slice(), b"\n\n"].concat())?;
            }
            counted.push(());
            Ok(())
        }),
    );
    let scene = Scene::new(server, RuntimeConfig::default());
    let code = "
        self.s = new EventSource('/stream'); self.count = 0;
        s.onmessage = () => { if (count === 0) { const until = performance.now() + 300; while (performance.now() < until); } count += 1; };
        await next(s, 'message'); return 'begun'";
    scene.expect(code, "begun");
    // 40 MB do not fit into the sockets' buffers and the window.
    assert_eq!(written.len(), 0, "nobody held the server back");
    scene.expect("return (await (await fetch('/sw.js')).text()).includes('onmessage')", "true");
    scene.expect("s.close(); return count > 0", "true");
}
