//! Servers and scripts that attack through connections: each ends within its limits, and a neighbour of the same runtime
//! notices nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Answer, Peer, Server, World};
use wakeworker_core::{AttemptOutcome, Config, WorkerId, WorkerRegistrationId};
use wakeworker_quickjs::RuntimeConfig;

const RUNNER: &str = "
    const next = (target, type) => new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));
    const ended = (socket) => new Promise((resolve) => { socket.onclose = (e) => resolve([e.wasClean, e.code].join()); });
    onmessage = (event) => event.waitUntil((async () => {
        try { console.log('= ' + await eval('(async () => { ' + event.data + ' })()')) } catch (e) { console.log('= ' + e.name + ': ' + e.message) }
    })())";

/// Does a round trip through its own WebSocket in each event.
const NEIGHBOUR: &str = "
    onsync = (event) => event.waitUntil(new Promise((done, fail) => {
        const socket = new WebSocket('PEER/echo');
        socket.onopen = () => socket.send(event.tag);
        socket.onmessage = (message) => { socket.close(); if (message.data === event.tag) done(); else fail(message.data); };
        socket.onerror = fail;
    }));";

struct Scene {
    world: World,
    attacker: WorkerId,
    neighbour: WorkerRegistrationId,
    peer: Peer,
}

impl Scene {
    fn new(limits: RuntimeConfig) -> Scene {
        let peer = Peer::start();
        let server = Server::start();
        server.put("/attack/sw.js", Answer::script(RUNNER));
        server.put("/neighbour/sw.js", Answer::script(&NEIGHBOUR.replace("PEER", &peer.base())));
        let world = World::with(server, limits, Config::default());
        let attacker = world.activate("attack/sw.js").1;
        let neighbour = world.activate("neighbour/sw.js").0;
        Scene { world, attacker, neighbour, peer }
    }

    /// What the attack gives, while the neighbour works before, while and after it.
    fn attack(&self, code: &str) -> String {
        self.neighbour_works("before");
        let before = self.world.console.len();
        self.world.ask(
            self.attacker,
            &format!("console.log('begun'); {}", code.replace("PEER", &self.peer.base())),
        );
        self.neighbour_works("during");
        let answer = self.world.console.wait_after(before, |line| line.strip_prefix("= ").map(str::to_owned));
        self.neighbour_works("after");
        answer
    }

    fn neighbour_works(&self, when: &str) {
        assert_eq!(
            self.world.sync(self.neighbour, when),
            AttemptOutcome::Succeeded { handled: true },
            "{when}"
        );
    }

    /// The last line that a failed connection left on the console.
    fn complaint(&self) -> String {
        self.world.console.all().into_iter().rev().find(|line| line.starts_with("WebSocket: ")).unwrap()
    }

    /// The attack ends its connection without a goodbye, and the console says why.
    fn fails(&self, path: &str, why: &str) {
        assert_eq!(
            self.attack(&format!("return ended(new WebSocket('PEER{path}'))")),
            "false,1006",
            "{path}"
        );
        assert!(self.complaint().contains(why), "{path}: {}", self.complaint());
    }
}

#[test] // RFC 6455, 5.2, 7.4.1 and 8.1
fn frames_that_break_the_protocol_end_the_connection() {
    let scene = Scene::new(RuntimeConfig::default());
    scene.fails("/utf8", "utf-8");
    scene.peer.wait_for("close 1007");
    scene.fails("/reserved", "eserved bits");
    scene.peer.wait_for("close 1002");
}

#[test] // messages that are too large: by what the server says of them, and part by part
fn messages_are_limited_before_they_are_whole() {
    let mut limits = RuntimeConfig::default();
    limits.connection_message_bytes_max = 100_000;
    let scene = Scene::new(limits);
    scene.fails("/announced", "connection_message_bytes_max");
    scene.peer.wait_for("close 1009");
    scene.fails("/parts", "connection_message_bytes_max");
}

#[test] // many connections that each hold half of a message
fn halves_of_messages_are_counted_together() {
    let mut limits = RuntimeConfig::default();
    limits.connections_received_bytes_max = 500_000;
    let scene = Scene::new(limits);
    let code = "const all = Array.from({ length: 20 }, () => new WebSocket('PEER/half'));
        const first = await Promise.race(all.map(ended)); for (const s of all) s.close(); return first";
    assert_eq!(scene.attack(code), "false,1006");
    let told = scene.world.console.all();
    assert!(told.iter().any(|line| line.contains("connections_received_bytes_max")), "{told:?}");
}

#[test] // a flood of connections
fn a_worker_has_a_limited_number_of_connections() {
    let mut limits = RuntimeConfig::default();
    limits.connections_max = 10;
    let scene = Scene::new(limits);
    let code = "
        let opened = 0; const all = Array.from({ length: 500 }, () => new WebSocket('PEER/echo'));
        await Promise.all(all.map((s) => new Promise((done) => { s.onopen = () => { opened += 1; done(); }; s.onclose = done; })));
        for (const s of all.slice(0, 10)) s.close();
        await Promise.all(all.map((s) => s.readyState === 3 ? 0 : next(s, 'close')));
        const again = new WebSocket('PEER/echo'); await next(again, 'open'); again.close();
        return opened";
    assert_eq!(scene.attack(code), "10");
    assert!(scene.complaint().contains("`connections_max`"), "{}", scene.complaint());
}

#[test] // connections that are given up at once leave their places
fn making_and_dropping_connections_fast_harms_nobody() {
    let scene = Scene::new(RuntimeConfig::default());
    let code = "
        for (let i = 0; i < 300; i += 1) { const s = new WebSocket('PEER/hang'); const end = ended(s); s.close(); await end; }
        const s = new WebSocket('PEER/echo'); await next(s, 'open'); s.close(); return ended(s)";
    assert_eq!(scene.attack(code), "true,1005");
}

#[test] // back-pressure: the server waits when the worker does not take its messages
fn a_flood_of_messages_is_held_back() {
    let scene = Scene::new(RuntimeConfig::default());
    let code = "
        self.s = new WebSocket('PEER/flood'); self.count = 0;
        s.onmessage = () => { if (count === 0) { const until = performance.now() + 300; while (performance.now() < until); } count += 1; };
        await next(s, 'message'); return (await (await fetch('sw.js')).text()).length > 0";
    assert_eq!(scene.attack(code), "true");
    // 40 MB do not fit into the sockets' buffers and the window.
    let flooded = |scene: &Scene| scene.peer.seen.all().iter().any(|entry| entry == "flooded");
    assert!(!flooded(&scene), "nobody held the server back");
    assert_eq!(scene.attack("s.close(); await next(s, 'close'); return count > 0"), "true");
}

#[test] // RFC 6455, 5.5.2
fn a_flood_of_pings_harms_nobody() {
    let scene = Scene::new(RuntimeConfig::default());
    let code = "const s = new WebSocket('PEER/pings'); await next(s, 'open'); await new Promise((done) => setTimeout(done, 200));
        const state = s.readyState; s.close(); return state";
    assert_eq!(scene.attack(code), "1");
}

#[test] // 3.1, send(), "if the data cannot be sent … because the buffer is full"
fn what_a_deaf_server_does_not_take_is_limited() {
    let mut limits = RuntimeConfig::default();
    limits.connections_sending_bytes_max = 1_000_000;
    let scene = Scene::new(limits);
    let code = "
        const s = new WebSocket('PEER/deaf'); await next(s, 'open'); const end = ended(s); let errors = 0; s.onerror = () => { errors += 1; };
        const part = 'x'.repeat(100_000);
        for (let i = 0; i < 500 && s.readyState === 1; i += 1) s.send(part);
        return [s.readyState, s.bufferedAmount > 900_000, await end, errors].join()";
    assert_eq!(scene.attack(code), "2,true,false,1006,1");
    assert!(scene.complaint().contains("connections_sending_bytes_max"), "{}", scene.complaint());
}

#[test] // the same with messages that have no bytes
fn empty_messages_take_room_as_well() {
    let mut limits = RuntimeConfig::default();
    limits.connections_sending_bytes_max = 20_000_000;
    let scene = Scene::new(limits);
    // What the sockets' own buffers do not take stands before the empty ones.
    let code = "
        const s = new WebSocket('PEER/deaf'); await next(s, 'open'); const end = ended(s); let sent = 0;
        s.send('x'.repeat(16_000_000));
        while (s.readyState === 1 && sent < 100_000) { s.send(''); sent += 1; }
        return sent + ' ' + await end";
    assert_eq!(scene.attack(code), "31250 false,1006");
}

#[test] // handshakes and goodbyes that never end
fn a_server_that_never_answers_runs_into_the_time_limits() {
    let mut limits = RuntimeConfig::default();
    limits.connect_timeout_ms = 300;
    limits.connection_close_ms_max = 200;
    let scene = Scene::new(limits);
    scene.fails("/hang", "connect_timeout_ms");
    let code = "const s = new WebSocket('PEER/deaf'); await next(s, 'open'); s.onerror = () => console.log('= error'); s.close(1000); return ended(s)";
    assert_eq!(scene.attack(code), "false,1006");
}

#[test] // R67, R90: connections end with a worker that is stopped by force
fn the_connections_of_a_worker_that_loops_end_with_it() {
    let mut limits = RuntimeConfig::default();
    limits.task_cpu_ms_max = 200;
    let scene = Scene::new(limits);
    let code = "const s = new WebSocket('PEER/echo'); await next(s, 'open'); console.log('= open'); s.onmessage = () => { for (;;); }; s.send('x'); return new Promise(() => {})";
    assert_eq!(scene.attack(code), "open");
    scene.peer.wait_for("close 1001");
}

#[test] // a server that does not read cannot hold the connection of a worker that has stopped
fn the_connections_of_a_stopped_worker_end_although_their_servers_take_nothing() {
    let mut limits = RuntimeConfig::default();
    limits.idle_stop_ms = 100;
    limits.connection_close_ms_max = 200;
    let scene = Scene::new(limits);
    let code = "const s = new WebSocket('PEER/pings'); await next(s, 'open'); s.send('x'.repeat(16_000_000)); return s.readyState";
    assert_eq!(scene.attack(code), "1");
    scene.peer.wait_for("gone /pings");
}

#[test] // R67, R90: also with one whose thread never comes back
fn the_connections_of_a_worker_that_cannot_be_interrupted_end_when_it_is_given_up() {
    let mut limits = RuntimeConfig::default();
    limits.unresponsive_ms_max = 1_000;
    let scene = Scene::new(limits);
    let code = "const s = new WebSocket('PEER/silent'); await next(s, 'open'); console.log('= open'); setTimeout(() => [].reverse.call({ length: 2 ** 53 - 1 }), 0); return new Promise(() => {})";
    assert_eq!(scene.attack(code), "open");
    scene.world.console.wait_for(|line| line.contains("cannot be interrupted").then_some(()));
    scene.peer.wait_for("gone /silent");
}

#[test] // a script that replaces what the layer might use harms its own connections at most
fn tampering_stays_with_the_worker_that_does_it() {
    let scene = Scene::new(RuntimeConfig::default());
    let code = "
        const evil = () => { throw new Error('tampered'); };
        const s = new WebSocket('PEER/echo'); await next(s, 'open');
        for (const [object, names] of [[Map.prototype, ['get', 'set', 'delete']], [WebSocket.prototype, ['dispatchEvent']], [EventTarget.prototype, ['dispatchEvent']],
            [Event.prototype, ['preventDefault']], [JSON, ['stringify', 'parse']], [Object, ['getPrototypeOf']]]) for (const name of names) object[name] = evil;
        Object.defineProperty(WebSocket.prototype, 'readyState', { get: evil });
        self.MessageEvent = self.CloseEvent = self.Blob = evil;
        const got = await new Promise((done) => { s.onmessage = (e) => done(e.data); s.send('still there'); });
        const end = ended(s); s.close(); return got + ' ' + await end";
    assert_eq!(scene.attack(code), "still there true,1005");
}
