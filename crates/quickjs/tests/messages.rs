//! Messages whose data is malformed: a page, or whatever speaks for it, may send anything.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use support::{Server, World, clone_of};
use wakeworker_quickjs::MessageSource;
use wakeworker_structured_clone::{BlobContent, DEPTH_MAX, Token, ViewType, Writer};

const WORKER: &str = "
onmessage = (event) => console.log(`message ${typeof event.data}`);
onmessageerror = (event) => console.log(`messageerror ${event instanceof ExtendableMessageEvent} ${event.data}`);
";

#[test]
fn malformed_data_is_a_messageerror_and_the_worker_goes_on() {
    let world = World::new(Server::with_worker(WORKER));
    let (_, worker) = world.activate("sw.js");
    // The reader's own tests have every malformed token; here are those that only building the value finds, and texts.
    let view_of_nothing = clone(&[
        Token::View { view: ViewType::BigInt64Array, byte_offset: 8, length: None },
        Token::ArrayBuffer { bytes: &[0; 4], byte_length_max: Some(64) },
    ]);
    let nested = clone(&[Token::Array { length: 1 }; DEPTH_MAX + 1]);
    let malformed = [
        String::new(),
        "null".to_owned(),
        "%".to_owned(),
        "[1,null]".to_owned(),
        clone(&[]),
        clone(&[Token::Reference(0)]),
        clone(&[Token::RegExp { source: b"(", flags: b"g" }]),
        clone(&[Token::RegExp { source: b"x", flags: b"gg" }]),
        clone(&[Token::ArrayBuffer { bytes: b"", byte_length_max: Some(1 << 60) }]),
        clone(&[Token::Transferred(0)]),
        clone(&[Token::Platform { interface: b"Function" }, Token::Null, Token::End]),
        clone(&[Token::Platform { interface: b"DOMException" }, Token::Null, Token::End]),
        clone(&[Token::Platform { interface: b"Blob" }, Token::Undefined, Token::End]),
        clone(&[Token::Blob {
            file: None,
            media_type: b"",
            content: BlobContent::Outside { number: 1, bytes: 5 },
        }]),
        view_of_nothing,
        nested,
    ];
    for (position, data) in malformed.into_iter().enumerate() {
        let before = world.console.len();
        world.runtime.post_message(worker, data, MessageSource::Host);
        let line = world.console.wait_after(before, |line| Some(line.clone()));
        assert_eq!(line, "messageerror true null", "number {position}");
    }
    let before = world.console.len();
    world.runtime.post_message(worker, clone_of("fine"), MessageSource::Host);
    assert_eq!(world.console.wait_after(before, |line| Some(line.clone())), "message string");
}

fn clone(tokens: &[Token<'_>]) -> String {
    let mut writer = Writer::new(1 << 20);
    tokens.iter().for_each(|token| writer.write(token).unwrap());
    STANDARD.encode(writer.finish())
}
