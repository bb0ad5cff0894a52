//! Bytes on the gateway's port, up to the decision who is let in.

use crate::host_check::{OwnHosts, check_initiator, require_same_origin};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use tokio::io::AsyncWriteExt;

const PORT: u16 = 8080;
const ROOM_BYTES: usize = 4_096;

/// Whoever is let in has named this gateway, and only this gateway, and is not a page of another origin.
pub fn http_request(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        // As large as everything that is said, so that nobody waits: an answer is not longer than the shortest request.
        let (mut client, server) = tokio::io::duplex(ROOM_BYTES + 64 * bytes.len());
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        // How hyper refuses what is no request is its own matter.
        let _ = http1::Builder::new()
            .max_buf_size(64 * 1024)
            .serve_connection(TokioIo::new(server), service_fn(decide))
            .await;
    });
}

async fn decide(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let own = OwnHosts::new(PORT);
    if let Ok(origin) = own.origin_of(request.headers(), request.uri()) {
        assert!(own.origins().contains(&origin), "{origin} is not this gateway");
        assert_eq!(request.headers().get_all("host").iter().count(), 1);
        let same = require_same_origin(request.headers(), &origin).is_ok();
        if check_initiator(request.method(), request.headers(), &origin).is_ok()
            && let Some(initiator) = request.headers().get("origin")
        {
            assert_eq!(initiator.as_bytes(), origin.as_bytes());
            assert!(same);
        }
    }
    Ok(Response::new(Empty::new()))
}
