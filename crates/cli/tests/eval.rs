//! `eval`: scripts in a fresh service-worker global scope.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{failure, run};

fn script(source: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".js").tempfile().unwrap();
    std::fs::write(file.path(), source).unwrap();
    file
}

#[test]
fn scripts_share_one_scope_and_their_console_is_printed() {
    let first = script("var answer = 42; console.log('first', this instanceof ServiceWorkerGlobalScope)");
    let second = script(
        "console.log('second', answer); onactivate = () => console.log('activated'); console.warn('careful')",
    );
    let output = run([first.path(), second.path()].iter().fold(vec!["eval".into()], |mut args, path| {
        args.push(path.as_os_str().to_owned());
        args
    }));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "first true\nsecond 42\nactivated\n");
    assert_eq!(errors, "careful\n");
}

#[test]
fn what_goes_wrong_gives_status_1() {
    for (source, word) in [
        ("throw new TypeError('broken')", "broken"),
        ("function (", "SyntaxError"),
        ("setTimeout(() => { throw new Error('later') }, 1)", "later"),
        ("Promise.reject(new Error('unhandled'))", "unhandled"),
        ("oninstall = (e) => e.waitUntil(Promise.reject(new Error('not ready')))", "not ready"),
    ] {
        let file = script(source);
        let output = run(["eval".as_ref(), file.path().as_os_str()]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{source}: {errors}");
        assert_eq!(errors.matches(word).count(), 1, "{source}: {errors}");
    }
    let message = failure(["eval", "/no/such/file.js"]);
    assert!(message.contains("/no/such/file.js"), "{message}");
}

#[test]
fn a_script_that_never_ends_is_given_up() {
    for source in
        ["for (;;) {}", "oninstall = (e) => e.waitUntil(new Promise(() => {}))", "setInterval(() => {}, 5)"]
    {
        let file = script(source);
        let output = run(["eval", file.path().to_str().unwrap(), "--timeout", "300ms"]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{source}: {errors}");
        assert!(errors.contains("within 0.3 s") && errors.contains("--timeout"), "{source}: {errors}");
    }
}
