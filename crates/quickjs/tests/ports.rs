//! Message ports and BroadcastChannels whose other ends are in other workers and in pages (HTML, sections 9.4.4 and 9.5).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use support::{Answer, Log, Server, World, clone_of, shown};
use wakeworker_quickjs::{MessageSource, PortHolder, PortId, PortNotice, PostedMessage};

/// A page as far as ports are concerned: what its ports are told.
struct Page {
    holder: Arc<PortHolder>,
    heard: Arc<Log<String>>,
}

impl Page {
    fn open(world: &World) -> Page {
        let heard = Arc::new(Log::default());
        let log = heard.clone();
        let holder = world.runtime.port_holder(move |notice| {
            log.push(match notice {
                PortNotice::Message { port, message } => {
                    format!("{} {} +{}", port.0, shown(&message.data), message.ports.len())
                }
                PortNotice::Closed { port } => format!("{} closed", port.0),
                _ => "something new".to_owned(),
            });
        });
        Page { holder: Arc::new(holder), heard }
    }

    /// Sends a message with a port to a worker; gives the other end.
    fn send(&self, world: &World, worker: wakeworker_core::WorkerId, text: &str) -> PortId {
        let (near, far) = self.holder.channel().unwrap();
        let far = self.holder.release(far).unwrap();
        let message = PostedMessage::new(clone_of(text), vec![far]);
        world.runtime.post_message(worker, message, MessageSource::Host);
        near
    }

    fn wait_for(&self, line: String) {
        self.heard.wait_for(|heard| (*heard == line).then_some(()));
    }
}

#[test] // `messageSW()` of workbox-window does this
fn a_worker_answers_through_the_port_that_came_with_a_message() {
    let world = World::new(Server::with_worker(
        "onmessage = (event) => {
             const [port] = event.ports;
             console.log(event.ports.length, port instanceof MessagePort, Object.isFrozen(event.ports));
             port.postMessage('got ' + event.data);
             port.onmessage = ({ data, ports }) => port.postMessage('again ' + data, [...ports]);
         };",
    ));
    let (_, worker) = world.activate("sw.js");
    let page = Page::open(&world);
    let near = page.send(&world, worker, "hello");
    world.console.wait_for(|line| (line == "1 true true").then_some(()));
    assert_eq!(page.heard.len(), 0, "the page's port is not started");
    page.holder.start(near);
    page.wait_for(format!("{} \"got hello\" +0", near.0));
    // A port goes to the worker and comes back.
    let (_, far) = page.holder.channel().unwrap();
    let cargo = page.holder.release(far).unwrap();
    page.holder.post(near, PostedMessage::new(clone_of("x"), vec![cargo]));
    page.wait_for(format!("{} \"again x\" +1", near.0));
    // A worker that ends takes its ports with it.
    world.runtime.stop_worker(worker);
    page.wait_for(format!("{} closed", near.0));
}

#[test]
fn a_worker_sends_ports_to_a_page_with_what_waited_in_them() {
    let world = World::new(Server::with_worker(
        "onmessage = async () => {
             const [client] = await clients.matchAll({ includeUncontrolled: true });
             const { port1, port2 } = new MessageChannel();
             port1.postMessage('early');
             port1.addEventListener('close', () => console.log('closed'));
             port1.onmessage = ({ data }) => console.log('from the page: ' + data);
             client.postMessage('port', { transfer: [port2] });
             try { client.postMessage('again', [port2]); } catch (error) { console.log(error.name); }
             port1.postMessage('late');
         };",
    ));
    let (_, worker) = world.activate("sw.js");
    world.clients.open("page", &world.server.url("/page"), None);
    assert_eq!(world.ask(worker, "go"), "DataCloneError");
    world.clients.messages.wait_for(|(to, data)| (to == "page" && shown(data) == "\"port\"").then_some(()));
    let page = Page::open(&world);
    let port = world.clients.ports.lock().unwrap().pop().unwrap();
    let port = page.holder.adopt(port).unwrap();
    page.holder.start(port);
    page.wait_for(format!("{} \"late\" +0", port.0));
    assert_eq!(page.heard.all()[0], format!("{} \"early\" +0", port.0));
    page.holder.post(port, clone_of("hi").into());
    world.console.wait_for(|line| (line == "from the page: hi").then_some(()));
    drop(page);
    world.console.wait_for(|line| (line == "closed").then_some(()));
}

#[test]
fn two_versions_of_a_worker_talk_through_a_port() {
    let server = Server::with_worker(
        "onmessage = (event) => { event.ports[0].onmessage = ({ data, target }) => target.postMessage(data * 2) };",
    );
    let world = World::new(server);
    let (id, _) = world.activate("sw.js");
    world.server.put(
        "/sw.js",
        Answer::script(
            "oninstall = (event) => event.waitUntil(new Promise((resolve) => {
                 const { port1, port2 } = new MessageChannel();
                 port1.onmessage = ({ data }) => { console.log('old says', data); resolve(); };
                 registration.active.postMessage(null, [port2]);
                 port1.postMessage(21);
             }));",
        ),
    );
    world.update(id).unwrap();
    assert_eq!(world.console.wait_for(|line| Some(line.clone())), "old says 42");
}

#[test]
fn what_floods_a_port_is_dropped_and_nobody_else_notices() {
    let server = Server::with_worker("onmessage = (event) => { event.ports[0].onmessage = () => {}; };");
    let mut limits = wakeworker_quickjs::RuntimeConfig::default();
    limits.queued_messages_max = 50;
    let world = World::with(server, limits, Default::default());
    let (id, worker) = world.activate("sw.js");
    let page = Page::open(&world);
    let near = page.send(&world, worker, "x");
    let megabyte = clone_of(&"x".repeat(1 << 19));
    for _ in 0..2_000 {
        page.holder.post(near, megabyte.clone().into());
    }
    assert_eq!(world.sync(id, "t"), wakeworker_core::AttemptOutcome::Succeeded { handled: false });
    assert!(
        world.runtime.is_worker_running(worker),
        "a gigabyte of messages did not count against its limit"
    );
}

#[test]
fn broadcasts_go_to_the_pages_and_come_from_them() {
    let world = World::new(Server::with_worker(
        "const channel = new BroadcastChannel('n\\ud800');
         channel.onmessage = ({ data }) => { console.log('heard', data); channel.postMessage('answer to ' + data) };",
    ));
    let (_, worker) = world.activate("sw.js");
    world.runtime.broadcast(&world.key(), "\"other\"", &clone_of("not for it"));
    world.runtime.broadcast(&world.key(), "no name", &clone_of("nor this"));
    world.runtime.broadcast(&world.key(), "\"n\\ud800\"", &clone_of("page"));
    assert_eq!(world.console.wait_for(|line| Some(line.clone())), "heard page");
    let answer = world.clients.broadcasts.wait_for(|found| Some(found.clone()));
    assert_eq!((answer.0.as_str(), shown(&answer.1).as_str()), ("\"n\\ud800\"", "\"answer to page\""));
    assert!(world.runtime.is_worker_running(worker));
}
