//! Handlers that take their time.

use super::super::exchange::{Answer, Broken, Request};
use super::super::stash::Stash;
use super::value;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// The longest wait that a test can ask for.
const PAUSE_MAX_MS: f64 = 60_000.0;

/// Waits for so many milliseconds.
pub(super) async fn pause(ms: f64) {
    if ms > 0.0 {
        tokio::time::sleep(Duration::from_secs_f64(ms.min(PAUSE_MAX_MS) / 1000.0)).await;
    }
}

/// `common/slow.py`.
pub(super) async fn silent(request: &Request) -> Answer {
    pause(request.number("delay").unwrap_or(2000.0)).await;
    Answer::new(200)
}

/// `xhr/resources/delay.py`.
pub(super) async fn delayed(request: &Request) -> Answer {
    pause(request.number("ms").unwrap_or(500.0)).await;
    Answer::text(200, "TEST_DELAY").header("Access-Control-Allow-Origin", "*")
}

/// `trickle.py`: parts with pauses between them.
pub(super) async fn trickle(request: &Request) -> Answer {
    let (ms, count) = (request.number("ms").unwrap_or(500.0), request.number("count").unwrap_or(50));
    pause(ms).await;
    let answer = Answer::streamed(200, async move |mut sender| {
        for _ in 0..count {
            pause(ms).await;
            if sender.send_data(Bytes::from_static(b"TEST_TRICKLE\n")).await.is_err() {
                return;
            }
        }
    });
    if request.parameter("notype").is_some() { answer } else { answer.header("Content-Type", "text/plain") }
}

/// `fetch/api/resources/bad-chunk-encoding.py`: a body that breaks off after some good parts.
pub(super) async fn broken_off(request: &Request) -> Answer {
    let (ms, count) = (request.number("ms").unwrap_or(1000.0), request.number("count").unwrap_or(50));
    pause(ms).await;
    Answer::streamed(200, async move |mut sender| {
        for _ in 0..count {
            pause(ms).await;
            if sender.send_data(Bytes::from_static(b"TEST_CHUNK")).await.is_err() {
                return;
            }
        }
        pause(ms).await;
        sender.abort(Broken);
    })
}

/// `fetch/api/resources/infinite-slow-response.py`: a body without end, until the client goes or a later request says
/// stop. What became of it is left for `stash-take.py`.
pub(super) fn infinite(request: &Request, stash: &Arc<Stash>) -> Answer {
    let key = |name| String::from_utf8_lossy(&value(request, name)).into_owned();
    let (state, abort) = (key("stateKey"), key("abortKey"));
    let (directory, stash) = (request.directory().to_owned(), stash.clone());
    if !state.is_empty() {
        stash.put(&directory, &state, b"open".to_vec());
    }
    Answer::streamed(200, async move |mut sender| {
        let mut part = Bytes::from(vec![b'.'; 2048]);
        while sender.send_data(part).await.is_ok() {
            if !abort.is_empty() && stash.take(&directory, &abort).is_some() {
                break;
            }
            pause(10.0).await;
            part = Bytes::from_static(b".");
        }
        if !state.is_empty() {
            stash.put(&directory, &state, b"closed".to_vec());
        }
    })
    .header("Content-Type", "text/plain")
}
