//! WebSocket over a real server. The sections cited are the WebSockets standard's, or RFC 6455's where it says so.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use support::{Peer, Server, World};
use wakeworker_core::{Config, WorkerId};
use wakeworker_quickjs::{EvalOptions, PrivateNetwork, Runtime, RuntimeConfig};

/// Evaluates its messages, `PEER` being the server; `next(target, type)` waits for an event, `ended(socket)` tells how it ended.
const RUNNER: &str = "
    const next = (target, type) => new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));
    const open = async (url, ...rest) => { const socket = new WebSocket(url, ...rest); await next(socket, 'open'); return socket; };
    const ended = (socket) => new Promise((resolve) => {
        let errors = 0;
        socket.addEventListener('error', () => { errors += socket.readyState === 3 ? 1 : 10; });
        socket.addEventListener('close', (e) => resolve([e.wasClean, e.code, e.reason, errors, e.isTrusted, socket.readyState].join()));
    });
    const thrown = (f) => { try { f(); return 'nothing'; } catch (e) { return e.name; } };
    onmessage = (event) => event.waitUntil((async () => {
        try { console.log('= ' + await eval('(async () => { ' + event.data + ' })()')) } catch (e) { console.log('= ' + e.name + ': ' + e.message) }
    })())";

struct Scene {
    world: World,
    worker: WorkerId,
    peer: Peer,
}

impl Scene {
    fn new() -> Scene {
        Scene::with(RuntimeConfig::default())
    }

    fn with(limits: RuntimeConfig) -> Scene {
        let world = World::with(Server::with_worker(RUNNER), limits, Config::default());
        let (_, worker) = world.activate("sw.js");
        Scene { world, worker, peer: Peer::start() }
    }

    /// What a script gives; lines on the console before that are left out.
    fn eval(&self, code: &str) -> String {
        let before = self.world.console.len();
        self.world.ask(self.worker, &code.replace("PEER", &self.peer.base()));
        let answer = |line: &String| line.strip_prefix("= ").map(str::to_owned);
        self.world.console.wait_after(before, answer)
    }

    fn expect(&self, code: &str, answer: &str) {
        assert_eq!(self.eval(code), answer, "{code}");
    }

    /// The last line that a failed connection left on the console.
    fn complaint(&self) -> String {
        self.world.console.all().into_iter().rev().find(|line| line.starts_with("WebSocket: ")).unwrap()
    }
}

#[test] // 3.1, "The WebSocket interface"; 4, "Feedback from the protocol"
fn a_connection_from_its_making_to_its_end() {
    let scene = Scene::new();
    let code = "
        const s = new WebSocket('PEER/echo?a'); const seen = [s.readyState, s.url === 'PEER/echo?a', s.protocol, s.extensions, s.binaryType];
        seen.push(thrown(() => s.send('x')), s.bufferedAmount);
        await next(s, 'open'); seen.push(s.readyState);
        const answer = next(s, 'message'); s.send('hé\\ud800llo'); seen.push(s.bufferedAmount);
        const e = await answer; seen.push(e.data, e.origin === 'PEER', s.bufferedAmount, e.isTrusted, e instanceof MessageEvent);
        const end = ended(s); s.close(3001, 'enough'); s.close(); seen.push(s.readyState);
        s.send('lost'); seen.push(s.bufferedAmount);
        return seen.concat(await end, s.bufferedAmount).join(' ');";
    scene.expect(
        code,
        "0 true   blob InvalidStateError 0 1 9 hé\u{fffd}llo true 0 true true 2 4 true,3001,enough,0,true,3 4",
    );
    scene.peer.wait_for("close 3001 enough");
}

#[test] // 3.1, constructor
fn the_constructor_checks_url_and_protocols() {
    let scene = Scene::new();
    for arguments in [
        "'http://['",
        "'ftp://a/'",
        "'ws://a/#'",
        "'ws://a/#x'",
        "'data:,x'",
        "'ws://a/', ''",
        "'ws://a/', 'a b'",
        "'ws://a/', 'a,b'",
        "'ws://a/', ['x', 'x']",
        "'ws://a/', ['x', '']",
        "'ws://a/', 'é'",
    ] {
        scene.expect(&format!("return thrown(() => new WebSocket({arguments}))"), "SyntaxError");
    }
    scene.expect(
        "return thrown(() => new WebSocket()) + thrown(() => WebSocket('ws://a/'))",
        "TypeErrorTypeError",
    );
    let code = "const url = (text) => { const s = new WebSocket(text); s.close(); return s.url; };
        return [url('/x?y').replace(location.host, 'H'), url('//a.example:81/'), url('https://A.example'), url('wss://a.example:443/%41')].join()";
    scene.expect(code, "ws://H/x?y,ws://a.example:81/,wss://a.example/,wss://a.example/%41");
    scene.expect(
        "return [WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.prototype.CLOSED].join()",
        "0,1,2,3",
    );
}

#[test] // 3.1, close()
fn close_takes_some_codes_and_short_reasons() {
    let scene = Scene::new();
    let code = |call: &str| {
        format!(
            "const s = await open('PEER/echo'); const r = thrown(() => s.close({call})); s.close(); return r + (await ended(s))"
        )
    };
    for call in ["999", "1001", "1005", "2999", "5000", "0", "NaN", "null", "-1", "70000"] {
        scene.expect(&code(call), "InvalidAccessErrortrue,1005,,0,true,3");
    }
    scene.expect(&code("1000, 'é'.repeat(62)"), "SyntaxErrortrue,1005,,0,true,3");
    scene.expect(&code("1000, 'a'.repeat(123)"), &format!("nothingtrue,1000,{},0,true,3", "a".repeat(123)));
    scene.expect(&code("undefined, 'why'"), "nothingtrue,1000,why,0,true,3");
    scene.expect(&code("4999.4"), "nothingtrue,4999,,0,true,3");
}

#[test] // 3.1, close(), "if the WebSocket connection is not yet established"
fn closing_what_is_not_open_yet_fails_it() {
    let scene = Scene::new();
    scene.expect("const s = new WebSocket('PEER/hang'); s.close(); s.onopen = () => console.log('= opened'); return s.readyState + await ended(s)", "2false,1006,,1,true,3");
    assert!(scene.complaint().contains("before it was open"), "{}", scene.complaint());
}

#[test] // 3.1, send() and binaryType
fn every_kind_of_data_comes_back_as_it_went() {
    let scene = Scene::new();
    let code = "
        const s = await open('PEER/echo'); const seen = [];
        const back = async (data) => { const answer = next(s, 'message'); s.send(data); return (await answer).data; };
        const bytes = new Uint8Array([0, 1, 2, 255]);
        const blob = await back(bytes.subarray(1, 3)); seen.push(blob instanceof Blob, blob.size, blob.type, String(await blob.bytes()));
        s.binaryType = 'arraybuffer'; s.binaryType = 'other';
        for (const data of [bytes, bytes.buffer, new DataView(bytes.buffer, 3), new Blob(['ab', bytes]), new Uint8Array(0)]) {
            const buffer = await back(data); seen.push(buffer instanceof ArrayBuffer, String(new Uint8Array(buffer)));
        }
        seen.push(await back(''), await back(12), await back(null), await back('\\0é🎈'), (await back('x'.repeat(200000))).length);
        s.close(); return seen.concat(s.binaryType).join(' ');";
    scene.expect(
        code,
        "true 2  1,2 true 0,1,2,255 true 0,1,2,255 true 255 true 97,98,0,1,2,255 true   12 null \0é🎈 200000 arraybuffer",
    );
}

#[test] // 2.2, "establish a WebSocket connection"; RFC 6455, 4.1
fn the_handshake_says_who_asks_and_believes_only_a_right_answer() {
    let scene = Scene::new();
    let headers = scene.eval(
        "const s = await open('PEER/headers'); const e = await next(s, 'message'); s.close(); return e.data",
    );
    let origin = scene.world.server.origin();
    for header in [
        &format!("origin={origin}"),
        "cache-control=no-cache",
        "sec-websocket-version=13",
        "user-agent=WakeWorker/",
        "sec-fetch-mode=websocket",
    ] {
        assert!(headers.contains(header), "{header}: {headers}");
    }
    assert!(!headers.contains("cookie="), "{headers}");
    // The profile's jar takes cookies, and gives them.
    scene.eval("const s = await open('PEER/cookie'); s.close(); await ended(s); return 1");
    let headers = scene.eval(
        "const s = await open('PEER/headers'); const e = await next(s, 'message'); s.close(); return e.data",
    );
    assert!(headers.contains("cookie=socket=yes"), "{headers}");

    scene.expect("const s = await open('PEER/protocol?b', ['a', 'b']); s.close(); return s.protocol", "b");
    for (url, why) in [
        ("'PEER/protocol?c', ['a', 'b']", "ubprotocol"),
        ("'PEER/protocol?a'", "ubprotocol"),
        ("'PEER/echo', 'a'", "ubprotocol"),
        ("'PEER/extension'", "extensions `permessage-deflate`"),
        ("'PEER/wrong-key'", "Key"),
        ("'PEER/redirect'", "answered 302"),
        ("'PEER/missing'", "answered 404"),
        ("'PEER/plain'", "answered 200"),
        ("'ws://127.0.0.1:1/'", "port 1 is blocked"),
    ] {
        scene.expect(&format!("return ended(new WebSocket({url}))"), "false,1006,,1,true,3");
        assert!(scene.complaint().contains(why), "{url}: {}", scene.complaint());
    }
}

#[test] // 4, "When the WebSocket connection is closed"; RFC 6455, 7.1.5
fn the_servers_goodbye_reaches_the_script() {
    let scene = Scene::new();
    for (path, answer) in [
        ("close?1000,bye", "true,1000,bye,0,true,3"),
        ("close?4321,a%20reason", "true,4321,a%20reason,0,true,3"),
        ("close?", "true,1005,,0,true,3"),
        ("drop", "false,1006,,1,true,3"),
    ] {
        scene.expect(&format!("return ended(new WebSocket('PEER/{path}'))"), answer);
    }
    assert!(scene.complaint().contains("without a goodbye"), "{}", scene.complaint());
}

#[test] // 3.2, CloseEvent
fn close_events_can_be_made() {
    let scene = Scene::new();
    let code = "const e = new CloseEvent('close', { code: 65537, reason: 'r\\ud800', wasClean: 1, bubbles: true }); const d = new CloseEvent('x');
        return [e.code, e.reason, e.wasClean, e.bubbles, d.code, d.reason, d.wasClean, e instanceof Event].join()";
    scene.expect(code, "1,r\u{fffd},true,true,0,,false,true");
}

#[test] // R146
fn without_a_network_and_over_plain_ws_there_is_no_connection() {
    let scene = Scene::new();
    scene.expect("return ended(new WebSocket('ws://site.example/'))", "false,1006,,1,true,3");
    assert!(scene.complaint().contains("use wss:"), "{}", scene.complaint());
    scene.world.runtime.set_online(false);
    scene.expect("return ended(new WebSocket('PEER/echo'))", "false,1006,,1,true,3");
    assert!(scene.complaint().contains("there is no network"), "{}", scene.complaint());
    scene.world.runtime.set_online(true);
    assert_eq!(scene.peer.seen.len(), 0);
    scene.expect("const s = await open('PEER/echo'); s.close(); return s.readyState", "2");
}

#[test] // Private Network Access
fn a_public_site_reaches_no_private_address_unless_the_host_allows_it() {
    let peer = Peer::start();
    let port = peer.port();
    let evaluate = |rule: PrivateNetwork| {
        let script = format!(
            "for (const host of ['127.0.0.1', 'localhost', 'app.localhost']) {{
                const socket = new WebSocket(`ws://${{host}}:{port}/echo`);
                socket.onopen = () => {{ console.log('open'); socket.close(); }};
            }}"
        );
        support::lines_of_public_site(rule, script)
    };
    let refused = evaluate(PrivateNetwork::Refuse);
    assert_eq!(refused.len(), 3, "{refused:?}");
    assert!(refused.iter().all(|line| line.contains("may not reach this machine")), "{refused:?}");
    assert_eq!(peer.seen.len(), 0);
    let allowed = evaluate(PrivateNetwork::AllowFor(vec!["https://public.example".to_owned()]));
    assert_eq!(allowed, ["open", "open", "open"]);
}

#[test] // R150, R151; RFC 6455, 7.4.1
fn a_connection_keeps_no_worker_running_and_says_goodbye_when_it_stops() {
    let mut limits = RuntimeConfig::default();
    limits.idle_stop_ms = 50;
    let scene = Scene::with(limits);
    scene.expect("await open('PEER/echo'); return 1", "1");
    scene.peer.wait_for("close 1001 the worker was stopped");
}

#[test] // 4, messages of a connection come in order and one a task
fn messages_come_in_order_with_other_tasks_between_them() {
    let scene = Scene::new();
    let code = "
        const s = await open('PEER/echo'); const seen = []; let micro = 0;
        s.onmessage = (e) => { if (micro !== 0) seen.push('!'); micro += 1; queueMicrotask(() => { micro -= 1; }); seen.push(e.data); };
        for (let i = 0; i < 500; i += 1) s.send(i);
        const e = next(s, 'close'); s.close(); await e;
        const t = await open('PEER/echo'); t.onmessage = s.onmessage;
        for (let i = 0; i < 500; i += 1) t.send(i);
        while (seen.length < 500) await next(t, 'message');
        t.close(); return seen.every((data, i) => data === String(i)) + ' ' + seen.length;";
    scene.expect(code, "true 500");
    // What was sent before the goodbye left before it.
    scene.peer.wait_for("text 499");
}

#[test] // a host whose transport has no WebSockets
fn a_transport_without_web_sockets_fails_them_and_says_so() {
    struct Nothing;
    impl wakeworker_quickjs::Fetcher for Nothing {
        fn fetch(
            &self,
            _: wakeworker_quickjs::FetchRequest,
            sink: wakeworker_quickjs::ResponseSink,
        ) -> wakeworker_quickjs::AbortHandle {
            sink.error("nothing".to_owned());
            wakeworker_quickjs::AbortHandle::ended()
        }
    }
    let options = EvalOptions { fetcher: Some(Arc::new(Nothing)), ..EvalOptions::default() };
    let script =
        "const s = new WebSocket('wss://a.example/'); s.onclose = (e) => console.log(e.code, e.wasClean)"
            .to_owned();
    let mut lines = Vec::new();
    Runtime::evaluate(options, vec![("sw.js".to_owned(), script)], |line| lines.push(line.text)).unwrap();
    assert!(lines[0].contains("has no WebSockets (`Fetcher::connect`)"), "{lines:?}");
    assert_eq!(lines[1], "1006 false");
}
