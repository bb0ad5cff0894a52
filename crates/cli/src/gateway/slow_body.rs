//! Request bodies that stop coming: a sender who sends nothing for too long is not waited for.

use axum::body::Body;
use futures_util::{StreamExt, stream};
use http_body::Body as _;
use std::io;
use std::time::Duration;

/// How long the next part of a body may take.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// The body, which fails when its sender falls silent. A body that is known to be empty stays what it is.
pub(super) fn limited(body: Body) -> Body {
    if body.size_hint().exact() == Some(0) {
        return body;
    }
    let parts = stream::unfold(Some(body.into_data_stream()), |parts| async move {
        let mut parts = parts?;
        match tokio::time::timeout(SILENCE_MAX, parts.next()).await {
            Ok(part) => part.map(|part| (part.map_err(io::Error::other), Some(parts))),
            Err(_) => {
                let text = format!("nothing came for {} s", SILENCE_MAX.as_secs());
                Some((Err(io::Error::new(io::ErrorKind::TimedOut, text)), None))
            }
        }
    });
    Body::from_stream(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[tokio::test(start_paused = true)]
    async fn a_silent_sender_is_given_up_and_a_slow_one_is_not() {
        let parts = |gap| {
            stream::unfold(0, move |n| async move {
                tokio::time::sleep(gap).await;
                (n < 5).then(|| (Ok::<_, io::Error>(Bytes::from_static(b"x")), n + 1))
            })
        };
        let slow = limited(Body::from_stream(parts(SILENCE_MAX / 2)));
        assert_eq!(axum::body::to_bytes(slow, 100).await.unwrap(), "xxxxx");
        let silent = limited(Body::from_stream(parts(SILENCE_MAX * 2)));
        assert!(axum::body::to_bytes(silent, 100).await.is_err());
        assert_eq!(limited(Body::empty()).size_hint().exact(), Some(0));
    }
}
