//! The runner with the real harness: own tests in a checkout that each test makes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../quickjs/tests/support/npm.rs"]
#[allow(dead_code, reason = "only the installation is needed here")]
mod npm;

use std::fs;
use std::path::Path;
use wakeworker_wpt::{Expectations, FileStatus, Manifest, Options, Report, SubtestStatus, TestResult, run};

/// A checkout with the real harness and these files.
struct Checkout(tempfile::TempDir);

impl Checkout {
    fn with(files: &[(&str, &str)]) -> Checkout {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/harness");
        npm::install(&project);
        let harness = project.join("node_modules/wpt-runner/testharness/testharness.js");
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("resources")).unwrap();
        fs::copy(harness, root.path().join("resources/testharness.js")).unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Checkout(root)
    }

    fn run_with(&self, change: impl FnOnce(&mut Options)) -> Report {
        let mut options = Options::new(self.0.path());
        change(&mut options);
        run(&options, Manifest::read(self.0.path(), &[]).unwrap(), |_, _| {}).unwrap()
    }

    fn run(&self) -> Report {
        self.run_with(|_| {})
    }
}

/// A checkout with one test file, run.
fn result_of(name: &str, source: &str) -> TestResult {
    let report = Checkout::with(&[(name, source)]).run();
    assert_eq!(report.results.len(), 1, "{report:#?}");
    report.results.into_iter().next().unwrap()
}

/// All tests of the file passed.
fn check_passes(name: &str, source: &str) {
    let result = result_of(name, source);
    let failed: Vec<_> = result.subtests.iter().filter(|test| test.status != SubtestStatus::Pass).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!((result.status, &result.message), (FileStatus::Ok, &None));
    assert!(!result.subtests.is_empty());
}

#[test]
fn results_have_names_statuses_and_messages() {
    let result = result_of(
        "a/x.any.js",
        r#"// META: global=window,worker
        test(() => assert_equals(1, 1), "equal");
        test(() => assert_equals(1, 2, "numbers"), "different");
        promise_test(async () => assert_true(await Promise.resolve(true)), "later");
        async_test((t) => { setTimeout(t.step_func_done(() => assert_unreached("here"))); }, "callback");
        "#,
    );
    assert_eq!(result.test, "/a/x.any.serviceworker.html");
    assert_eq!((result.status, &result.message), (FileStatus::Ok, &None));
    let found: Vec<_> = result
        .subtests
        .iter()
        .map(|test| (test.name.as_str(), test.status, test.message.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(
        found,
        [
            ("equal", SubtestStatus::Pass, ""),
            ("different", SubtestStatus::Fail, "assert_equals: numbers expected 2 but got 1"),
            ("later", SubtestStatus::Pass, ""),
            ("callback", SubtestStatus::Fail, "assert_unreached: here Reached unreachable code"),
        ]
    );
}

#[test]
fn scripts_and_variants_of_meta_are_loaded() {
    let checkout = Checkout::with(&[
        ("a/one.js", "self.one = 1;"),
        ("common/two.sub.js", "self.two = '{{GET[x]}} {{ports[http][0]}}';"),
        (
            "a/x.any.js",
            "// META: title=A title\n// META: script=one.js\n// META: script=/common/two.sub.js?x=2\n\
             // META: variant=?first\n// META: variant=?second\n\
             test(() => { assert_equals(one, 1); assert_equals(two, `2 ${location.port}`); \
             assert_equals(META_TITLE, 'A title'); }, location.search);",
        ),
    ]);
    let report = checkout.run();
    let found: Vec<_> =
        report.results.iter().map(|result| (&*result.test, &*result.subtests[0].name)).collect();
    assert_eq!(found, [("/a/x.any.worker.html?first", "?first"), ("/a/x.any.worker.html?second", "?second")]);
    assert_eq!(report.counts().subtests_passed, 2, "{report:#?}");
}

#[test]
fn modules_and_files_with_their_own_imports_run_too() {
    check_passes(
        "a/x.any.js",
        "// META: global=serviceworker-module\nlet strict = (function () { return !this; })();\ntest(() => assert_true(strict));",
    );
    check_passes(
        "a/y.worker.js",
        "importScripts('/resources/testharness.js');\ntest(() => assert_true(self instanceof ServiceWorkerGlobalScope));\ndone();",
    );
}

#[test]
fn origins_are_apart_and_cors_joins_them() {
    let source = r#"// META: script=/common/hosts.sub.js
        promise_test((t) => promise_rejects_js(t, TypeError, fetch(other + "/a/x.txt")), "without");
        promise_test(async () => {
            const response = await fetch(other + "/a/x.txt?pipe=header(Access-Control-Allow-Origin,*)");
            assert_equals(response.type, "cors");
            assert_equals(await response.text(), "text");
        }, "with");
        promise_test(async () => {
            const url = other + "/fetch/api/resources/preflight.py?token=" + crypto.randomUUID()
                + "&allow_methods=PUT&allow_headers=x-test&control_request_headers";
            const response = await fetch(url, { method: "PUT", headers: { "X-Test": "1" } });
            assert_equals(response.headers.get("x-did-preflight"), "1");
            assert_equals(response.headers.get("x-control-request-headers"), "x-test");
            assert_equals(response.headers.get("x-origin"), location.origin);
        }, "preflight");
        promise_test((t) => promise_rejects_js(t, TypeError, fetch(nowhere)), "nowhere");
    "#;
    let hosts = "const port = location.protocol === 'https:' ? '{{ports[https][0]}}' : '{{ports[http][0]}}';\n\
                 const other = `${location.protocol}//{{hosts[alt][]}}:${port}`;\n\
                 const nowhere = `${location.protocol}//{{domains[nonexistent]}}:${port}/a/x.txt`;";
    let checkout = Checkout::with(&[
        ("a/x.txt", "text"),
        ("common/hosts.sub.js", hosts),
        ("a/plain.any.js", source),
        ("a/secure.https.any.js", source),
    ]);
    let report = checkout.run();
    assert_eq!((report.counts().files_passed, report.counts().subtests_passed), (2, 8), "{report:#?}");
}

#[test]
fn handlers_have_stand_ins() {
    check_passes(
        "fetch/api/basic/x.any.js",
        r#"
        const resources = "../resources/";
        promise_test(async () => {
            const count = await fetch(resources + "redirect.py?token=" + crypto.randomUUID()
                + "&max_count=4&redirect_status=307&location=redirect.py");
            assert_equals(await count.text(), "4");
            assert_true(count.redirected);
        }, "redirect");
        promise_test(async () => {
            const response = await fetch(resources + "method.py", { method: "POST", body: "sent" });
            assert_equals(response.headers.get("x-request-method"), "POST");
            assert_equals(await response.text(), "sent");
        }, "method");
        promise_test(async () => {
            const response = await fetch(resources + "inspect-headers.py?headers=x-a|x-b", { headers: { "x-a": "1" } });
            assert_equals(response.headers.get("x-request-x-a"), "1");
            assert_equals(response.headers.get("x-request-x-b"), null);
        }, "headers");
        promise_test(async () => {
            const response = await fetch(resources + "status.py?code=299&text=Fine&content=c&type=a/b");
            assert_equals(`${response.status} ${response.statusText} ${await response.text()}`, "299 Fine c");
        }, "status");
        promise_test(async () => {
            const keys = { state: crypto.randomUUID(), abort: crypto.randomUUID() };
            const controller = new AbortController();
            const url = `${resources}infinite-slow-response.py?stateKey=${keys.state}&abortKey=${keys.abort}`;
            const response = await fetch(url, { signal: controller.signal });
            const reader = response.body.getReader();
            assert_true((await reader.read()).value.length > 0);
            await fetch(`${resources}stash-put.py?key=${keys.abort}&value=close`);
            while (!(await reader.read()).done);
            const take = async () => (await fetch(`${resources}stash-take.py?key=${keys.state}`)).json();
            let state;
            while ((state = await take()) !== "closed") assert_in_array(state, ["open", null]);
        }, "stream");
        promise_test(async (t) => {
            const response = await fetch(resources + "bad-chunk-encoding.py?ms=1&count=2");
            await promise_rejects_js(t, TypeError, response.text());
        }, "broken");
        "#,
    );
}

#[test]
fn a_handler_without_stand_in_is_named() {
    let result = result_of(
        "a/x.any.js",
        "promise_test(async () => assert_equals((await fetch('resources/own.py')).status, 200), 'own');",
    );
    assert_eq!(result.subtests[0].status, SubtestStatus::Fail);
    assert!(result.subtests[0].message.as_ref().unwrap().contains("501"), "{result:?}");
    assert_eq!(result.message.as_deref(), Some("this server has no stand-in for /a/resources/own.py"));
}

#[test]
fn what_is_wrong_with_a_file_is_an_error() {
    let thrown = result_of("a/x.any.js", "test(() => {}, 'first');\nthrow new RangeError('outside');");
    assert_eq!(thrown.status, FileStatus::Error, "{thrown:?}");
    assert!(thrown.message.unwrap().contains("outside"));
    let unreadable = result_of("a/x.any.js", "test(() => {;");
    assert_eq!(unreadable.status, FileStatus::Error);
    assert!(unreadable.message.unwrap().contains("SyntaxError"));
    let missing = result_of("a/x.any.js", "// META: script=gone.js\ntest(() => {});");
    assert_eq!(missing.status, FileStatus::Error);
    assert!(missing.message.unwrap().contains("gone.js"));
}

#[test]
fn a_file_without_end_times_out_and_keeps_its_results() {
    let source = "test(() => {}, 'done');\nasync_test(() => {}, 'never');\npromise_test(() => new Promise(() => {}), 'hangs');\n\
                  promise_test(async () => {}, 'after');";
    let checkout = Checkout::with(&[("a/x.any.js", source)]);
    let report = checkout.run_with(|options| options.timeout_multiplier = 0.3);
    let result = &report.results[0];
    assert_eq!(
        (result.status, result.message.as_deref()),
        (FileStatus::Timeout, Some("it was not done within 3 s"))
    );
    let found: Vec<_> = result.subtests.iter().map(|test| (test.name.as_str(), test.status)).collect();
    assert_eq!(
        found,
        [
            ("done", SubtestStatus::Pass),
            ("never", SubtestStatus::Timeout),
            ("hangs", SubtestStatus::Timeout),
            ("after", SubtestStatus::Notrun),
        ]
    );
}

#[test]
fn a_worker_that_goes_beyond_its_limits_is_a_crash_and_the_run_goes_on() {
    let bomb = "setTimeout(() => { const all = []; for (;;) all.push(new Uint8Array(1 << 24).fill(1)); });\nasync_test('a');";
    let checkout = Checkout::with(&[("a/bomb.any.js", bomb), ("a/fine.any.js", "test(() => {});")]);
    let report = checkout.run();
    let statuses: Vec<_> = report.results.iter().map(|result| result.status).collect();
    assert_eq!(statuses, [FileStatus::Crash, FileStatus::Ok], "{report:#?}");
    assert!(report.results[0].message.as_ref().unwrap().contains("memory"), "{report:#?}");
}

#[test]
fn expectations_say_what_is_known() {
    let checkout =
        Checkout::with(&[("a/x.any.js", "test(() => assert_true(false), 'known');\ntest(() => {});")]);
    assert_eq!(checkout.run().counts().unexpected, 1);
    let known = "[[known]]\ntest = '/a/*'\nfailing = ['known']\nreason = 'this test says so'";
    let report = checkout.run_with(|options| options.expectations = Expectations::parse(known).unwrap());
    assert_eq!(report.counts().unexpected, 0, "{report:#?}");
    assert!(report.results[0].subtests.iter().any(|test| test.status == SubtestStatus::Fail));
}
