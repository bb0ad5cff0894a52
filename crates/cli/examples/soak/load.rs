//! Ordinary sites: pages that come and go, register, talk to their worker and load things through it.

use crate::Soak;
use crate::hosts::HostProcess;
use crate::page::{Page, PageError};
use crate::random::SplitMix;
use serde_json::json;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// An ordinary worker: each event writes to IndexedDB and the cache, reports, and tells the pages.
const WORKER: &str = r"
const open = () => new Promise((done, failed) => {
    const request = indexedDB.open('soak', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('work');
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
});
const change = async (work) => {
    const db = await open();
    await new Promise((done, failed) => {
        const transaction = db.transaction('work', 'readwrite');
        work(transaction.objectStore('work'));
        transaction.oncomplete = done;
        transaction.onabort = () => failed(transaction.error);
    });
    db.close();
};
oninstall = () => skipWaiting();
onactivate = (event) => event.waitUntil(clients.claim());
onsync = (event) => event.waitUntil((async () => {
    await change((store) => store.put({ since: Date.now(), text: 'x'.repeat(1000) }, event.tag));
    const response = await fetch('/journal/' + event.tag, { method: 'POST', body: 'done' });
    if (!response.ok) throw new Error('status ' + response.status);
    await change((store) => store.delete(event.tag));
    const cache = await caches.open('latest');
    await cache.put('/latest', new Response(event.tag));
    for (const client of await clients.matchAll()) client.postMessage(event.tag);
})());
onmessage = (event) => event.source?.postMessage(event.data);
onfetch = (event) => {
    const { pathname } = new URL(event.request.url);
    if (pathname === '/latest') event.respondWith(caches.match('/latest').then((found) => found ?? new Response('')));
    if (pathname === '/echo') event.respondWith(event.request.text().then((text) => new Response(text)));
};
";

/// Writes the sites that the processes serve.
pub(crate) fn write_sites(folder: &Path) -> io::Result<()> {
    let site = folder.join("site");
    std::fs::create_dir_all(&site)?;
    std::fs::write(site.join("index.html"), "<!doctype html><title>soak</title><p>soak")?;
    std::fs::write(site.join("sw.js"), WORKER)?;
    std::fs::write(site.join("attack.js"), crate::attacks::WORKER)
}

/// One ordinary site until the end.
pub(crate) async fn run(
    soak: Arc<Soak>,
    host: Arc<HostProcess>,
    origin: usize,
    url: String,
    mut random: SplitMix,
) {
    let mut serial = 0;
    while Instant::now() < soak.end {
        let visited = visit(&soak, &host, origin, &url, &mut serial, &mut random).await;
        if let Err(error) = visited {
            // A process that is being killed breaks its connections; anything else is told at the end.
            host.note_page_error(&error.to_string());
        }
        tokio::time::sleep(random.pause(200, 3_000)).await;
    }
}

/// One visit: a page is opened, works for a while, and is closed.
async fn visit(
    soak: &Soak,
    host: &HostProcess,
    origin: usize,
    url: &str,
    serial: &mut u64,
    random: &mut SplitMix,
) -> Result<(), PageError> {
    let mut page = Page::open(url).await?;
    let registration = page.register_worker("sw.js").await?;
    page.controlled().await?;
    for _ in 0..random.below(20) {
        if Instant::now() >= soak.end {
            break;
        }
        *serial += 1;
        let fails = Instant::now() < soak.last_failure && random.below(20) == 0;
        let tag = format!("o{origin}-{serial}");
        soak.journal.expect(&tag, host.number, fails);
        let begin = Instant::now();
        let units: Vec<u16> = tag.encode_utf16().collect();
        page.call("register a sync", "sync.register", json!({ "registration": registration, "tag": units }))
            .await?;
        soak.journal.acknowledge(&tag);
        host.note_answer(begin.elapsed());
        if random.below(4) == 0 {
            page.post("/echo", &json!({ "text": "y".repeat(2_000) })).await?;
            host.requests.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(random.pause(800, 3_200)).await;
    }
    tokio::time::timeout(Duration::from_secs(5), page.close()).await.unwrap_or(Ok(()))
}
