//! The hostile site, and a stranger who attacks the gateway's port.

use crate::Soak;
use crate::hosts::HostProcess;
use crate::page::{Page, PageError};
use crate::random::SplitMix;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A worker whose events are attacks on its host, by tag.
pub(crate) const WORKER: &str = r"
oninstall = () => skipWaiting();
onactivate = (event) => event.waitUntil(clients.claim());
const attacks = {
    cpu() { for (;;); },
    async promises() { for (;;) await 0; },
    memory() { const held = []; for (;;) held.push(new Uint8Array(1 << 20), 'x'.repeat(held.length + 1), {}); },
    recursion() { (function deeper(n) { return deeper(n + 1) + 1 })(0); },
    regex() { /(a+)+$/.test('a'.repeat(40) + 'b'); },
    timers() { for (let n = 0; n < 1e5; n++) setTimeout(() => {}, n % 100); },
    console() { for (let n = 0; n < 1e5; n++) console.log('flood'.repeat(100), n); },
    forever() { return new Promise(() => {}); },
    async registrations() { for (let n = 0; n < 50; n++) await registration.sync.register('flood-' + n); },
    async storage() {
        const cache = await caches.open('flood');
        for (let n = 0; n < 20; n++) await cache.put('/' + n, new Response(new Uint8Array(1 << 20)));
        await caches.delete('flood');
    },
    async messages() {
        for (const client of await clients.matchAll()) for (let n = 0; n < 5000; n++) client.postMessage('x'.repeat(100));
    },
    tamper() {
        Array.prototype[Symbol.iterator] = Promise.prototype.then = Object.prototype.toString = () => { throw 1 };
        Object.defineProperty(Object.prototype, 'then', { get() { for (;;); } });
        return registration.sync.getTags();
    },
    async requests() { await Promise.all(Array.from({ length: 200 }, () => fetch('/journal/ping').then((r) => r.text()))); },
};
onsync = (event) => {
    const attack = attacks[event.tag];
    if (attack) event.waitUntil(Promise.resolve(attack()));
};
";

const EVENTS: [&str; 13] = [
    "cpu",
    "promises",
    "memory",
    "recursion",
    "regex",
    "timers",
    "console",
    "forever",
    "registrations",
    "storage",
    "messages",
    "tamper",
    "requests",
];

/// Attacks until the end, one after the other.
pub(crate) async fn run(soak: Arc<Soak>, host: Arc<HostProcess>, url: String, mut random: SplitMix) {
    while Instant::now() < soak.end {
        // What an attack meets is not the question; whether the neighbours notice is what is measured.
        match random.below(3) {
            0 => drop(attack_by_event(&url, &mut random).await),
            1 => drop(attack_by_page(&url, &mut random).await),
            _ => drop(attack_port(host.port(), &mut random).await),
        }
        host.attacks.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(random.pause(500, 4_000)).await;
    }
}

async fn attack_by_event(url: &str, random: &mut SplitMix) -> Result<(), PageError> {
    let mut page = Page::open(url).await?;
    let registration = page.register_worker("attack.js").await?;
    let event = EVENTS[random.below(EVENTS.len() as u64) as usize];
    let tag: Vec<u16> = event.encode_utf16().collect();
    page.call("register", "sync.register", json!({ "registration": registration, "tag": tag })).await?;
    tokio::time::sleep(random.pause(1_000, 12_000)).await;
    Ok(())
}

async fn attack_by_page(url: &str, random: &mut SplitMix) -> Result<(), PageError> {
    let mut page = Page::open(url).await?;
    let registration = page.register_worker("attack.js").await?;
    match random.below(3) {
        0 => {
            for n in 0..500 {
                let tag: Vec<u16> = format!("flood-{}", n % 50).encode_utf16().collect();
                page.call("flood", "sync.register", json!({ "registration": registration, "tag": tag }))
                    .await?;
            }
        }
        1 => {
            let tag = vec![0x78_u16; 3 << 20];
            page.call("giant tag", "sync.register", json!({ "registration": registration, "tag": tag }))
                .await?;
        }
        _ => {
            let pages = (0..30).map(|_| Page::open(url));
            futures_util::future::join_all(pages).await;
        }
    }
    Ok(())
}

/// What a stranger on the same machine can send.
async fn attack_port(port: u16, random: &mut SplitMix) -> std::io::Result<()> {
    let host = format!("Host: 127.0.0.1:{port}\r\n");
    match random.below(5) {
        0 => {
            // Slow loris: requests that never end.
            let mut open = Vec::new();
            for _ in 0..50 {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
                stream.write_all(format!("GET / HTTP/1.1\r\n{host}X-A: ").as_bytes()).await?;
                open.push(stream);
            }
            for _ in 0..15 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                for stream in &mut open {
                    stream.write_all(b"a").await?;
                }
            }
        }
        1 => drop(exchange(port, format!("GET /../../etc/passwd HTTP/1.1\r\n{host}\r\n").as_bytes()).await?),
        2 => {
            let long = "a".repeat(1 << 20);
            drop(exchange(port, format!("GET /{long} HTTP/1.1\r\n{host}\r\n").as_bytes()).await?);
        }
        3 => {
            for guess in 0..100 {
                let request = format!(
                    "GET /.wakeworker/api/registrations HTTP/1.1\r\n{host}Authorization: Bearer {guess}\r\nConnection: close\r\n\r\n"
                );
                exchange(port, request.as_bytes()).await?;
            }
        }
        _ => {
            let noise: Vec<u8> = (0..4_096).map(|_| random.below(256) as u8).collect();
            drop(exchange(port, &noise).await?);
        }
    }
    Ok(())
}

async fn exchange(port: u16, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(request).await?;
    let mut answer = vec![0; 1 << 16];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await;
    answer.truncate(read.unwrap_or(Ok(0))?);
    Ok(answer)
}
