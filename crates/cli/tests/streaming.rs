//! Large bodies and many requests through a worker in the gateway.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

mod support;

use futures_util::future::join_all;
use support::{Page, Serve, Site, http};

const WORKER: &str = "
    oninstall = () => skipWaiting();
    onactivate = (event) => event.waitUntil(clients.claim());
    onfetch = (event) => {
        const path = new URL(event.request.url).pathname;
        if (path === '/through') event.respondWith(fetch('/big.bin'));
        if (path === '/script') event.respondWith(fetch('/big.bin').then((response) => new Response(
            response.body.pipeThrough(new TransformStream()), response)));
        if (path === '/small') event.respondWith(new Response('small'));
        if (path === '/count') event.respondWith((async () => {
            let bytes = 0;
            for await (const part of event.request.body) bytes += part.length;
            return new Response(String(bytes));
        })());
    };
";

/// Bytes of the file that goes through the worker.
const BIG: usize = 48 << 20;

async fn served(files: &[(&str, &str)]) -> (Site, Serve) {
    let site = Site::new(files);
    site.put("index.html", "<!doctype html><title>x</title>");
    site.put("sw.js", WORKER);
    let serve = site.serve(&[]);
    let mut page = Page::open(&serve, "/").await;
    page.activate("sw.js").await;
    page.wait_for(|m| m["type"] == "controller").await;
    (site, serve)
}

fn get(serve: &Serve, path: &str) -> reqwest::RequestBuilder {
    http().get(serve.url(path)).header("referer", serve.url("/")).header("sec-fetch-mode", "cors")
}

#[tokio::test]
async fn a_large_response_goes_through_a_worker_with_little_memory() {
    let big = "0123456789abcdef".repeat(BIG / 16);
    let (_site, serve) = served(&[("big.bin", &big)]).await;
    drop(big);
    let before = serve.peak_memory_kib();
    for path in ["/through", "/script"] {
        let mut response = get(&serve, path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let mut bytes = 0;
        while let Some(part) = response.chunk().await.unwrap() {
            bytes += part.len();
        }
        assert_eq!(bytes, BIG, "{path}");
        // The peak of the whole process counts, a debug build's allocator with its arenas included.
        let grown = serve.peak_memory_kib().saturating_sub(before);
        assert!(grown < 24 * 1024, "{path}: {grown} KiB more than at rest");
    }
}

#[tokio::test]
async fn a_large_request_streams_into_a_worker_and_a_browser_may_leave_at_any_time() {
    let (_site, serve) = served(&[("big.bin", &"x".repeat(4 << 20))]).await;
    let before = serve.peak_memory_kib();
    let parts = futures_util::stream::iter((0..512).map(|_| Ok::<_, std::io::Error>(vec![1u8; 65_536])));
    let request = http().post(serve.url("/count")).header("referer", serve.url("/"));
    let answer = request.body(reqwest::Body::wrap_stream(parts)).send().await.unwrap().text().await.unwrap();
    assert_eq!(answer, (512 * 65_536).to_string());
    let grown = serve.peak_memory_kib().saturating_sub(before);
    assert!(grown < 20 * 1024, "{grown} KiB more than at rest");
    for path in ["/through", "/script"] {
        drop(get(&serve, path).send().await.unwrap());
    }
    assert_eq!(get(&serve, "/small").send().await.unwrap().text().await.unwrap(), "small");
}

#[tokio::test]
async fn two_hundred_requests_at_once_through_one_worker_all_answer() {
    let (_site, serve) = served(&[("big.bin", "from the network")]).await;
    let answers = join_all((0..200).map(|n| {
        let request = get(&serve, if n % 2 == 0 { "/small" } else { "/through" });
        async move { request.send().await.unwrap().text().await.unwrap() }
    }));
    let answers = answers.await;
    assert_eq!(answers.iter().filter(|text| *text == "small").count(), 100);
    assert_eq!(answers.iter().filter(|text| *text == "from the network").count(), 100);
}
