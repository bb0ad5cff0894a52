//! Messages whose data is malformed: a page, or whatever speaks for it, may send anything.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Server, World, clone_of};
use wakeworker_quickjs::MessageSource;

const WORKER: &str = "
onmessage = (event) => console.log(`message ${typeof event.data}`);
onmessageerror = (event) => console.log(`messageerror ${event instanceof ExtendableMessageEvent} ${event.data}`);
";

#[test]
fn malformed_data_is_a_messageerror_and_the_worker_goes_on() {
    let world = World::new(Server::with_worker(WORKER));
    let (_, worker) = world.activate("sw.js");
    let deep = format!("[1,{}{}]", r#"["a","#.repeat(100_000), "]".repeat(100_000));
    let malformed = [
        "",
        "null",
        "[",
        "5",
        "[2,null]",
        "[1]",
        "[1,[]]",
        r#"[1,["?"]]"#,
        r#"[1,["r",0]]"#,
        r#"[1,["r",-1]]"#,
        r#"[1,["i","x"]]"#,
        r#"[1,["x","(","g"]]"#,
        r#"[1,["A",-1]]"#,
        r#"[1,["ab","%"]]"#,
        r#"[1,["ab","AAAA",1]]"#,
        r#"[1,["ta","Function",["ab","AAAA"],0,1]]"#,
        r#"[1,["ta","Uint8Array",["ab","AAAA"],2,9]]"#,
        r#"[1,["ta","Uint8Array",["u"],0,0]]"#,
        r#"[1,["bl","t",5]]"#,
        deep.as_str(),
    ];
    for data in malformed {
        let before = world.console.len();
        world.runtime.post_message(worker, data.to_owned(), MessageSource::Host);
        let line = world.console.wait_after(before, |line| Some(line.clone()));
        assert_eq!(line, "messageerror true null", "{}", &data[..data.len().min(60)]);
    }
    let before = world.console.len();
    world.runtime.post_message(worker, clone_of("fine"), MessageSource::Host);
    assert_eq!(world.console.wait_after(before, |line| Some(line.clone())), "message string");
}
