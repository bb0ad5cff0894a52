//! `Runtime::evaluate`: what `wakeworker eval` and the JavaScript test files run on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;
use wakeworker_quickjs::{EvalOptions, EvalOutcome, Runtime, RuntimeConfig};

fn evaluate(source: &str) -> (EvalOutcome, Vec<String>) {
    evaluate_with(RuntimeConfig::default(), source)
}

fn evaluate_with(config: RuntimeConfig, source: &str) -> (EvalOutcome, Vec<String>) {
    let mut lines = Vec::new();
    let scripts = vec![("test.js".to_owned(), source.to_owned())];
    let options = EvalOptions { config, timeout: Duration::from_secs(120), ..EvalOptions::default() };
    let outcome = Runtime::evaluate(options, scripts, |line| lines.push(line.text)).unwrap();
    (outcome, lines)
}

#[test]
fn install_and_activate_run_and_the_console_is_heard() {
    let (outcome, lines) = evaluate(
        "console.log('a', 1);
         oninstall = (event) => event.waitUntil(new Promise((done) => setTimeout(done, 5)).then(() => console.log('installed')));
         onactivate = () => setTimeout(() => console.log('later'), 10);",
    );
    assert_eq!(outcome, EvalOutcome::default());
    assert_eq!(lines, ["a 1", "installed", "later"]);
}

#[test]
fn scripts_that_go_on_outside_of_events_are_no_idle_worker() {
    let mut config = RuntimeConfig::default();
    config.idle_stop_ms = 10;
    let (outcome, lines) = evaluate_with(config, "setTimeout(() => console.log('later'), 200)");
    assert_eq!((outcome, lines), (EvalOutcome::default(), vec!["later".to_owned()]));
}

#[test]
fn errors_name_file_and_line() {
    let (outcome, _) = evaluate("\n\nnull.x");
    assert!(
        outcome.errors[0].contains("TypeError") && outcome.errors[0].contains("test.js:3"),
        "{outcome:?}"
    );
    let (outcome, _) = evaluate("let = = 1");
    assert!(
        outcome.errors[0].contains("SyntaxError") && outcome.errors[0].contains("test.js:1"),
        "{outcome:?}"
    );
    let (outcome, _) = evaluate("\nsetTimeout(() => { throw new RangeError('late') })");
    assert!(outcome.errors[0].contains("RangeError: late"), "{outcome:?}");
    let (outcome, _) = evaluate("Promise.reject(new Error('lost'))");
    assert!(outcome.errors[0].contains("lost"), "{outcome:?}");
    let (outcome, _) = evaluate("let p = Promise.reject(1); p.catch(() => {})");
    assert_eq!(outcome.errors, Vec::<String>::new());
    let (outcome, _) = evaluate("oninstall = (event) => event.waitUntil(Promise.reject(new Error('no')))");
    assert!(outcome.errors.iter().any(|error| error.contains("install event failed")), "{outcome:?}");
}

#[test] // R90
fn hostile_scripts_are_stopped() {
    let mut config = RuntimeConfig::default();
    config.task_cpu_ms_max = 50;
    config.memory_bytes_max = 16 << 20;
    for source in [
        "for (;;) {}",
        "for (;;) try { for (;;); } catch {}",
        "function f() { try { f() } finally { f() } } f()",
        "(function f() { Promise.resolve().then(f) })()",
        "(async () => { for (;;) await 0 })()",
        "let a = []; for (;;) a.push(new Uint8Array(100000))",
        "let s = 'x'; try { for (;;) s += s } catch {} for (;;) {}",
        "let s = 'x'.repeat(1 << 20), a = []; for (;;) try { a.push(s + a.length) } catch {}",
        "/(a+)+$/.test('a'.repeat(40) + 'b')",
        "let m = new Map(); for (let i = 0;; i++) m.set(i, {})",
        "queueMicrotask(function f() { queueMicrotask(f) })",
    ] {
        let (outcome, _) = evaluate_with(config.clone(), source);
        assert!(!outcome.timed_out, "{source}");
        assert!(
            outcome.errors.iter().any(|error| error.contains("stopped because")),
            "{source}: {outcome:?}"
        );
    }
}

#[test]
fn deep_recursion_is_an_exception_that_the_script_can_catch() {
    let (outcome, lines) = evaluate(
        "function f(n) { return f(n + 1) + 1 }
         try { f(0) } catch (e) { console.log(e instanceof RangeError) }
         try { JSON.parse('['.repeat(1e5)) } catch (e) { console.log(true) }
         console.log('alive')",
    );
    assert_eq!(outcome, EvalOutcome::default());
    assert_eq!(lines, ["true", "true", "alive"]);
}

#[test] // R24, R59
fn a_sync_that_is_registered_comes_after_its_promise() {
    let (outcome, lines) = evaluate(
        "onactivate = (event) => event.waitUntil((async () => {
             await registration.sync.register('a\\ud800');
             console.log('registered', (await registration.sync.getTags())[0] === 'a\\ud800');
         })());
         onsync = (event) => event.waitUntil((async () => console.log('sync', event.tag === 'a\\ud800', event.lastChance))());",
    );
    assert_eq!(outcome, EvalOutcome::default());
    assert_eq!(lines.last().unwrap(), "sync true false");
}
