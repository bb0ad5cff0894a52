//! `fetch` as the Fetch standard has it: what is sent, what is refused, what a script gets to see. The sections cited are the
//! standard's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use support::{Answer, Request, Server, World};
use wakeworker_core::{Config, WorkerId};
use wakeworker_quickjs::{PrivateNetwork, RuntimeConfig};

const RUNNER: &str = "onmessage = (event) => event.waitUntil((async () => {
    try { console.log(String(await eval('(async () => { ' + event.data + ' })()'))) } catch (e) { console.log(e.name + ': ' + e.message) }
})())";

/// A worker of one origin, and a server of another one.
struct Scene {
    world: World,
    worker: WorkerId,
    other: Arc<Server>,
}

impl Scene {
    fn new() -> Scene {
        Scene::with(RuntimeConfig::default())
    }

    fn with(limits: RuntimeConfig) -> Scene {
        let server = Server::with_worker(RUNNER);
        let other = Arc::new(Server::start());
        let elsewhere = other.origin();
        server.handle(move |request| echo(request, &elsewhere));
        let origin = server.origin();
        other.handle(move |request| echo(request, &origin));
        let world = World::with(server, limits, Config::default());
        let (_, worker) = world.activate("sw.js");
        Scene { world, worker, other }
    }

    /// What a script gets; `OWN` and `OTHER` stand for the two origins.
    fn eval(&self, code: &str) -> String {
        let code = code.replace("OWN", &self.world.server.origin()).replace("OTHER", &self.other.origin());
        self.world.ask(self.worker, &code)
    }

    fn refused(&self, code: &str, why: &str) {
        let answer = self.eval(code);
        assert!(answer.starts_with("TypeError") && answer.contains(why), "{code}: {answer}");
    }

    /// The last request for a path, at either server.
    fn sent(&self, path: &str) -> Request {
        let of = |server: &Server| server.requests(path).into_iter().next_back();
        of(&self.world.server)
            .or_else(|| of(&self.other))
            .unwrap_or_else(|| panic!("nobody asked for {path}"))
    }
}

/// `/to?code,URL` redirects, `/set?cookie` sets a cookie, `/allow` allows everything, the rest says what it was asked. `$`
/// stands for the other server.
fn echo(request: &Request, other: &str) -> Option<Answer> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let query = percent_decoded(query).replace('$', other);
    let origin = request.headers.get("origin").cloned().unwrap_or_default();
    let answer = match path {
        "/to" => {
            let (code, location) = query.split_once(',')?;
            Answer::new(code.parse().ok()?, "text/plain", "").header("Location", location)
        }
        "/to-policy" => Answer::new(302, "text/plain", "")
            .header("Location", &query)
            .header("Referrer-Policy", "no-referrer"),
        "/set" => Answer::new(200, "text/plain", "set").header("Set-Cookie", &query),
        "/corp" => Answer::new(200, "text/plain", "").header("Cross-Origin-Resource-Policy", &query),
        "/echo" | "/allow" => {
            let mut names: Vec<_> = request.headers.iter().map(|(n, v)| format!("{n}={v}")).collect();
            names.sort();
            let body = String::from_utf8_lossy(&request.body);
            Answer::new(200, "text/plain", &format!("{} [{body}] {}", request.method, names.join("|")))
        }
        _ => return None,
    };
    if path == "/corp" {
        return Some(answer);
    }
    Some(
        answer
            .header("Access-Control-Allow-Origin", &origin)
            .header("Access-Control-Allow-Credentials", "true")
            .header("Access-Control-Allow-Methods", "PUT, DELETE")
            .header("Access-Control-Allow-Headers", "x-own, authorization, content-type")
            .header("Access-Control-Max-Age", "600"),
    )
}

fn percent_decoded(query: &str) -> String {
    url::form_urlencoded::parse(format!("q={}", query.replace('+', "%2B")).as_bytes())
        .next()
        .unwrap()
        .1
        .into_owned()
}

#[test] // 4.4, "HTTP-redirect fetch"
fn redirects_rewrite_methods_strip_headers_and_hide_who_asked() {
    let scene = Scene::new();
    let post = |code: u16| {
        scene.eval(&format!(
            "return (await fetch('/to?{code},/echo', {{ method: 'POST', body: 'b', headers: {{ 'content-type': 'a/b', 'x-own': '1' }} }})).text()"
        ))
    };
    for code in [301, 302, 303] {
        let answer = post(code);
        assert!(answer.starts_with("GET [] ") && !answer.contains("content-type"), "{code}: {answer}");
        assert!(answer.contains("x-own=1"), "{code}: {answer}");
    }
    for code in [307, 308] {
        let answer = post(code);
        assert!(answer.starts_with("POST [b] ") && answer.contains("content-type=a/b"), "{code}: {answer}");
    }
    let put = scene.eval("return (await fetch('/to?303,/echo', { method: 'PUT', body: 'b' })).text()");
    assert!(put.starts_with("GET [] "), "{put}");
    let put = scene.eval("return (await fetch('/to?301,/echo', { method: 'PUT', body: 'b' })).text()");
    assert!(put.starts_with("PUT [b] "), "{put}");

    scene.eval("return (await fetch('/to?302,$/allow', { headers: { authorization: 'secret' } })).text()");
    assert!(!scene.other.requests("/allow").iter().any(|sent| sent.headers.contains_key("authorization")));
    assert_eq!(scene.sent("/allow").headers["origin"], scene.world.server.origin());
    // Away and back: the second server may not learn who asked the first one.
    scene.eval("return (await fetch('/to?302,$/to%3F302,%2524/echo')).text()");
    assert_eq!(scene.world.server.requests("/echo").pop().unwrap().headers["origin"], "null");

    scene.refused("return fetch('/to?302,data:,x')", "neither http nor https");
    scene.refused("return fetch('/to?302,http://user:pw@localhost:1/')", "credentials");
    scene.refused("return fetch('/to?302,http://[/')", "no URL");
    scene.refused(
        "return fetch('/to?302,/to%3F302,/echo', { redirect: 'error' })",
        "redirect mode is `error`",
    );
    let kept = "const r = await fetch('/to?302,/echo', { redirect: 'manual' }); return [r.type, r.status, r.headers.get('location'), await r.text()]";
    assert_eq!(scene.eval(kept), "opaqueredirect,0,,");
    assert_eq!(
        scene.eval("return (await fetch('/to?302,/echo%23b#a')).url"),
        scene.world.server.url("/echo").to_string()
    );
}

#[test] // 4.1, "main fetch"; 3.7, "cross-origin resource policy check"
fn modes_decide_whom_a_script_may_ask_and_what_it_sees() {
    let scene = Scene::new();
    scene.refused("return fetch('OTHER/echo', { mode: 'same-origin' })", "same-origin");
    scene.refused("return fetch('/to?302,$/echo', { mode: 'same-origin' })", "same-origin");
    scene.refused(
        "return fetch('OTHER/echo', { mode: 'no-cors', redirect: 'manual' })",
        "must follow redirects",
    );
    scene.refused("return fetch('OTHER/nothing')", "Access-Control-Allow-Origin");
    scene.refused("return fetch('http://localhost:6667/')", "blocked");
    scene.refused("return fetch('ftp://localhost/')", "not supported");
    scene.refused(
        "return fetch('OTHER/corp?same-origin', { mode: 'no-cors' })",
        "Cross-Origin-Resource-Policy",
    );
    let opaque = "const r = await fetch('OTHER/corp?same-site', { mode: 'no-cors' }); return [r.type, r.status, r.url, r.ok, r.body, [...r.headers].length]";
    assert_eq!(scene.eval(opaque), "opaque,0,,false,,0");
    assert_eq!(scene.eval("return (await fetch('/echo', { mode: 'no-cors' })).type"), "basic");
    assert_eq!(scene.eval("return (await fetch('OTHER/echo')).type"), "cors");
}

#[test] // 4.2, "scheme fetch"
fn data_urls_need_no_server_and_blob_urls_find_nothing() {
    let scene = Scene::new();
    let data = "const r = await fetch('data:text/x;charset=utf-8,%C3%A4#f'); return [r.type, r.status, r.statusText, r.headers.get('content-type'), r.url, await r.text()]";
    assert_eq!(scene.eval(data), "basic,200,OK,text/x;charset=utf-8,data:text/x;charset=utf-8,%C3%A4,ä");
    assert_eq!(scene.eval("return (await fetch('data:,', { mode: 'same-origin' })).status"), "200");
    scene.refused("return fetch('data:nothing')", "data: URL");
    scene.refused("return fetch('blob:OWN/5e2b')", "blob:");
    assert_eq!(scene.eval("return typeof URL.createObjectURL"), "undefined");
    // 4.1, "main fetch", step 12: it is of another origin and its scheme is not HTTP(S).
    scene.refused("return fetch('about:blank')", "about:");
}

#[test] // 4.7, "HTTP-network fetch": the stream of a body that has ended is closed, and an abort comes too late for it
fn an_empty_body_has_ended_when_its_response_comes() {
    let scene = Scene::new();
    let code = "const c = new AbortController(); const r = await fetch('/corp?same-origin', { signal: c.signal }); \
                const reader = r.body.getReader(); await reader.closed; c.abort(); return (await reader.read()).done";
    assert_eq!(scene.eval(code), "true");
}

#[test] // 4.8 and 4.9
fn a_preflight_is_asked_once_and_remembered_for_what_it_allowed() {
    let scene = Scene::new();
    let put = "return (await fetch('OTHER/allow', { method: 'PUT', headers: { 'x-own': '1' } })).status";
    assert_eq!(scene.eval(put), "200");
    assert_eq!(scene.eval(put), "200");
    let methods =
        |path: &str| scene.other.requests(path).iter().map(|r| r.method.clone()).collect::<Vec<_>>();
    assert_eq!(methods("/allow"), ["OPTIONS", "PUT", "PUT"]);
    let preflight = &scene.other.requests("/allow")[0].headers;
    assert_eq!(preflight["access-control-request-method"], "PUT");
    assert_eq!(preflight["access-control-request-headers"], "x-own");
    assert_eq!(preflight["origin"], scene.world.server.origin());
    assert!(!preflight.contains_key("x-own") && !preflight.contains_key("cookie"));
    // Another header, method or credentials mode is another question.
    assert_eq!(
        scene
            .eval("return (await fetch('OTHER/allow', { method: 'DELETE', credentials: 'include' })).status"),
        "200"
    );
    assert_eq!(methods("/allow").len(), 5);
    scene.refused("return fetch('OTHER/allow', { method: 'PATCH' })", "PATCH");
    scene.refused("return fetch('OTHER/allow', { headers: { 'x-other': '1' } })", "x-other");
    assert!(!methods("/allow").contains(&"PATCH".to_owned()), "it was never sent");
    // A stream cannot be sent twice, so its server is always asked first.
    let stream = "return (await fetch('OTHER/echo', { method: 'POST', duplex: 'half', body: new ReadableStream({ start(c) { c.enqueue(new Uint8Array(2)); c.close() } }) })).status";
    assert_eq!(scene.eval(stream), "200");
    assert_eq!(methods("/echo"), ["OPTIONS", "POST"]);
}

#[test] // 4.5; RFC 6265bis; R163
fn cookies_are_kept_sent_and_cleared_and_never_shown() {
    let scene = Scene::new();
    let hidden = "const r = await fetch('/set?a=1;Max-Age=600;HttpOnly'); return [r.headers.has('set-cookie'), r.headers.getSetCookie().length]";
    assert_eq!(scene.eval(hidden), "false,0");
    scene.eval("return fetch('/set?session=2').then(() => 0)");
    let cookies = |scene: &Scene, code: &str| {
        let text = scene.eval(code);
        text.split('|')
            .find_map(|pair| pair.split_once("cookie=").map(|(_, value)| value.to_owned()))
            .unwrap_or_default()
    };
    assert_eq!(cookies(&scene, "return (await fetch('/echo')).text()"), "a=1; session=2");
    assert_eq!(cookies(&scene, "return (await fetch('/echo', { credentials: 'omit' })).text()"), "");
    assert_eq!(
        cookies(&scene, "return (await fetch('/echo', { headers: { cookie: 'own=1' } })).text()"),
        "a=1; session=2"
    );
    // Another port is another origin of the same site: only asked for.
    assert_eq!(cookies(&scene, "return (await fetch('OTHER/echo')).text()"), "");
    assert_eq!(
        cookies(&scene, "return (await fetch('OTHER/echo', { credentials: 'include' })).text()"),
        "a=1; session=2"
    );
    scene.eval("return fetch('/set?no=1', { credentials: 'omit' }).then(() => 0)");
    scene.eval("return fetch('OTHER/set?no=1').then(() => 0)");
    // A redirect sets cookies too.
    scene.world.server.put(
        "/login",
        Answer::new(302, "text/plain", "")
            .header("Location", "/echo")
            .header("Set-Cookie", "b=3;Max-Age=600"),
    );
    assert_eq!(cookies(&scene, "return (await fetch('/login')).text()"), "a=1; session=2; b=3");
    let names = scene.eval("return [...(await fetch('/echo')).headers.keys()].join()");
    assert!(!names.contains("cookie"), "{names}");

    let Scene { world, other, .. } = scene;
    let world = world.reopen();
    let registration = world.runtime.match_registration(&world.key(), &world.server.url("/")).unwrap();
    let worker = registration.active.unwrap().id;
    let scene = Scene { world, worker, other };
    assert_eq!(cookies(&scene, "return (await fetch('/echo')).text()"), "a=1; b=3", "those that last, last");
    let (sender, receiver) = std::sync::mpsc::channel();
    scene.world.runtime.clear_storage(&scene.world.key(), move |result| sender.send(result).unwrap());
    support::wait(&receiver).unwrap();
    let (_, worker) = scene.world.activate("sw.js");
    let scene = Scene { worker, ..scene };
    assert_eq!(cookies(&scene, "return (await fetch('/echo')).text()"), "");
}

#[test] // 2.2.6, SRI
fn integrity_is_checked_before_a_script_sees_a_byte() {
    let mut limits = RuntimeConfig::default();
    limits.integrity_bytes_max = 1000;
    let scene = Scene::with(limits);
    scene.world.server.put("/hello", Answer::new(200, "text/plain", "hello"));
    scene.world.server.put("/large", Answer::new(200, "text/plain", &"x".repeat(1001)));
    let good = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    assert_eq!(
        scene.eval(&format!("return (await fetch('/hello', {{ integrity: '{good}' }})).text()")),
        "hello"
    );
    assert_eq!(
        scene.eval(&format!("return (await fetch('data:,hello', {{ integrity: '{good}' }})).text()")),
        "hello"
    );
    scene.refused("return fetch('/hello', { integrity: 'sha256-AAAA' })", "integrity");
    scene.refused("return fetch('data:,x', { integrity: 'sha256-AAAA' })", "integrity");
    scene.refused(&format!("return fetch('/large', {{ integrity: '{good}' }})"), "1000 bytes");
    scene.refused(
        &format!("return fetch('OTHER/echo', {{ mode: 'no-cors', integrity: '{good}' }})"),
        "integrity",
    );
    assert_eq!(scene.eval("return (await fetch('/hello', { integrity: 'unknown' })).text()"), "hello");
}

#[test] // Referrer Policy, 8; Fetch, 3.2 and 2.2.2; Fetch Metadata, 2
fn requests_say_who_asks_and_no_more() {
    let scene = Scene::new();
    let headers = |code: &str| scene.eval(&format!("return ({code}).then((r) => r.text())"));
    let script = scene.world.server.url("/sw.js").to_string();
    let here = headers("fetch('/echo')");
    for part in [
        &format!("referer={script}"),
        "sec-fetch-site=same-origin",
        "sec-fetch-mode=cors",
        "sec-fetch-dest=empty",
        "accept-language=en",
        "accept-encoding=",
    ] {
        assert!(here.contains(part), "{part}: {here}");
    }
    let there = headers("fetch('OTHER/echo')");
    assert!(there.contains(&format!("referer={}/|", scene.world.server.origin())), "{there}");
    assert!(there.contains("sec-fetch-site=same-site"), "{there}");
    assert!(!headers("fetch('/echo', { referrerPolicy: 'no-referrer' })").contains("referer="));
    assert!(!headers("fetch('/echo', { referrer: '' })").contains("referer="));
    assert!(headers("fetch('/echo', { referrer: '/page?q' })").contains("/page?q"));
    assert!(headers("fetch('OTHER/echo', { referrerPolicy: 'unsafe-url' })").contains("/sw.js"));
    assert!(!headers("fetch('/to-policy?/echo')").contains("referer="), "a redirect may change the policy");
    let post = headers("fetch('/echo', { method: 'POST', referrerPolicy: 'no-referrer' })");
    assert!(post.contains("origin=null"), "{post}");
    let forbidden = headers(
        "fetch('/echo', { headers: { host: 'x', 'sec-fetch-site': 'none', 'proxy-x': '1', 'accept-encoding': 'x', referer: 'x', via: 'x', 'x-method-override': 'TRACE' } })",
    );
    for part in [
        "host=x",
        "sec-fetch-site=none",
        "proxy-x",
        "accept-encoding=x",
        "referer=x",
        "via",
        "x-method-override",
    ] {
        assert!(!forbidden.contains(part), "{part}: {forbidden}");
    }
}

#[test] // 4.5, "HTTP-network-or-cache fetch", with no HTTP cache
fn cache_modes_speak_to_the_caches_on_the_way() {
    let scene = Scene::new();
    for (mode, expected) in [
        ("default", None),
        ("force-cache", None),
        ("no-store", Some("no-cache")),
        ("reload", Some("no-cache")),
        ("no-cache", Some("max-age=0")),
    ] {
        scene.eval(&format!("return (await fetch('/echo', {{ cache: '{mode}' }})).text()"));
        assert_eq!(scene.sent("/echo").headers.get("cache-control").map(String::as_str), expected, "{mode}");
    }
    scene
        .refused("return fetch('/echo', { cache: 'only-if-cached', mode: 'same-origin' })", "only-if-cached");
    scene.eval("return (await fetch('/echo', { headers: { 'if-none-match': '\"a\"' } })).text()");
    assert_eq!(scene.sent("/echo").headers["cache-control"], "no-cache");
}

#[test] // RFC 9110, 8.4
fn responses_are_decoded_whatever_the_server_chose() {
    let scene = Scene::new();
    let coded: [(&str, &[u8]); 3] = [
        (
            "gzip",
            &[31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 203, 72, 205, 201, 201, 7, 0, 134, 166, 16, 54, 5, 0, 0, 0],
        ),
        ("br", &[11, 2, 128, 104, 101, 108, 108, 111, 3]),
        ("zstd", &[40, 181, 47, 253, 0, 88, 41, 0, 0, 104, 101, 108, 108, 111]),
    ];
    for (name, bytes) in coded {
        let mut answer = Answer::new(200, "text/plain", "").header("Content-Encoding", name);
        answer.body = bytes.to_vec();
        scene.world.server.put("/coded", answer);
        assert_eq!(scene.eval("return (await fetch('/coded')).text()"), "hello", "{name}");
    }
    let offered = &scene.sent("/coded").headers["accept-encoding"];
    for name in ["gzip", "br", "zstd", "deflate"] {
        assert!(offered.contains(name), "{offered}");
    }
}

#[test] // Private Network Access, 3.2; R146
fn a_public_site_does_not_reach_this_machine_unless_the_host_lets_it() {
    let server = Server::start();
    server
        .put("/secret", Answer::new(200, "text/plain", "secret").header("Access-Control-Allow-Origin", "*"));
    let port = server.port();
    let near = format!("'http://127.0.0.1:{port}/secret', 'http://x.localhost:{port}/secret'");
    let evaluate = |private_network: PrivateNetwork, urls: &str| {
        let script = format!(
            "addEventListener('activate', (event) => event.waitUntil((async () => {{
                for (const url of [{urls}]) {{
                    console.log(await fetch(url).then((r) => r.text(), (e) => e.message));
                }}
            }})()))"
        );
        support::lines_of_public_site(private_network, script)
    };
    let private = "'https://10.0.0.1/', 'https://[::ffff:192.168.0.1]/'";
    let refused = evaluate(PrivateNetwork::Refuse, &format!("{near}, {private}"));
    assert_eq!(refused.len(), 4);
    assert!(refused.iter().all(|line| line.contains("may not reach")), "{refused:?}");
    assert!(server.requests("/secret").is_empty());
    let elsewhere = evaluate(PrivateNetwork::AllowFor(vec!["https://other.example".to_owned()]), &near);
    assert!(elsewhere[0].contains("may not reach this machine"), "{elsewhere:?}");
    let allowed = evaluate(PrivateNetwork::AllowFor(vec!["https://public.example".to_owned()]), &near);
    assert_eq!(allowed, ["secret", "secret"]);
    // The gateway's own app is on this machine and reaches it.
    let scene = Scene::new();
    assert_eq!(scene.eval("return (await fetch('OTHER/echo')).status"), "200");
}
