//! BroadcastChannel between the workers of an origin.

mod support;

use support::{Answer, Server, World};
use wakeworker_core::AttemptOutcome;

#[test]
fn a_broadcast_reaches_the_running_workers_of_the_origin_that_listen() {
    let listener = "const channel = new BroadcastChannel('news');
                    channel.onmessage = (event) => console.log('heard', event.data.text, event.origin === self.origin);
                    onsync = () => {};";
    let server = Server::start();
    server.put("/listener/sw.js", Answer::script(listener));
    server.put(
        "/speaker/sw.js",
        Answer::script(
            "onsync = (event) => { new BroadcastChannel('news').postMessage({ text: event.tag }) }",
        ),
    );
    server
        .put("/deaf/sw.js", Answer::script("onsync = () => {}; onmessage = () => console.log('deaf heard')"));
    let world = World::new(server);
    for name in ["listener", "deaf"] {
        world.activate(&format!("{name}/sw.js"));
    }
    let (speaker, _) = world.activate("speaker/sw.js");
    let said = world.sync(speaker, "hello");
    assert_eq!(said, AttemptOutcome::Succeeded { handled: true });
    assert_eq!(world.console.wait_for(|line| Some(line.clone())), "heard hello true");
    assert_eq!(world.console.len(), 1);
}
