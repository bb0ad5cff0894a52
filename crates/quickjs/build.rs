//! Bundles the JavaScript layer (`js/`) with esbuild, compiles its scripts with the engine and writes them, as Rust
//! constants, to `OUT_DIR/layer.rs`: no process has to compile them again.
//!
//! A published package carries `js/dist` and no sources, so its users need no Node.

#[path = "src/script/compile.rs"]
mod compile;

use compile::compile_script;
use rquickjs::{CatchResultExt, Context, Runtime, qjs};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::time::SystemTime;
use std::{env, fs};

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let js = root.join("js");
    let shipped = js.join("dist");
    if !js.join("src/index.ts").exists() {
        println!("cargo::rerun-if-changed={}", shipped.display());
        embed(&shipped);
        return;
    }
    for name in ["src", "package.json", "package-lock.json", "build.mjs"] {
        println!("cargo::rerun-if-changed={}", js.join(name).display());
    }
    if modules_are_stale(&js) {
        let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
        run(Command::new(npm).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&js));
        // npm leaves an unchanged folder's date alone; the date tells the next build that nothing is to do.
        let _ = fs::File::create(js.join(STAMP));
    }
    run(Command::new("node").arg("build.mjs").current_dir(&js));
    embed(&shipped);
}

/// Writes `MAIN` and `PARTS` for src/script/layer.rs.
fn embed(shipped: &Path) {
    let scripts = read_scripts(shipped).unwrap_or_else(|error| {
        fail(&format!("the JavaScript layer, {}, cannot be read: {error}", shipped.display()))
    });
    if !scripts.contains_key("main") {
        fail(&format!("the JavaScript layer, {}, has no main.js", shipped.display()));
    }
    // Bytecode has the byte order of the machine that wrote it.
    let (host, target) =
        (if cfg!(target_endian = "big") { "big" } else { "little" }, variable("CARGO_CFG_TARGET_ENDIAN"));
    if host != target {
        fail(&format!(
            "the JavaScript layer is compiled on this {host}-endian machine and cannot run on a {target}-endian one; build on a \
             {target}-endian machine"
        ));
    }
    let out = PathBuf::from(variable("OUT_DIR"));
    let mut parts = Vec::new();
    let mut code = String::new();
    for (name, source) in &scripts {
        let file = out.join(format!("{name}.bytecode"));
        let bytes = compile(source).unwrap_or_else(|error| {
            fail(&format!("{name}.js of the JavaScript layer cannot be compiled: {error}"))
        });
        if let Err(error) = fs::write(&file, bytes) {
            fail(&format!("{} cannot be written: {error}", file.display()));
        }
        let built_in = format!("Bytecode::built_in(include_bytes!({:?}))", file.display().to_string());
        if name == "main" {
            code.push_str(&format!("static MAIN: Bytecode = {built_in};\n"));
        } else {
            parts.push(format!("({name:?}, {built_in})"));
        }
    }
    code.push_str(&format!("static PARTS: [(&str, Bytecode); {}] = [{}];\n", parts.len(), parts.join(",\n")));
    let out = out.join("layer.rs");
    if let Err(error) = fs::write(&out, code) {
        fail(&format!("{} cannot be written: {error}", out.display()));
    }
}

/// Functions of the layer forget their source text and print as native code, as a browser's own functions do. The code is
/// a quarter of the size, and so is what each worker reads.
const OPTIONS: u32 = qjs::JS_WRITE_OBJ_STRIP_SOURCE;

fn compile(source: &str) -> Result<Vec<u8>, String> {
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    // The compiler recurses less than a browser's stack allows, and more than the engine's own small limit.
    runtime.set_max_stack_size(STACK_BYTES_MAX);
    let context = Context::full(&runtime).map_err(|error| error.to_string())?;
    // One file name for all: stack traces leave out its lines.
    context.with(|ctx| {
        compile_script(&ctx, "wakeworker:runtime", source, OPTIONS)
            .catch(&ctx)
            .map_err(|error| error.to_string())
    })
}

const STACK_BYTES_MAX: usize = 1 << 20;

/// The scripts of a folder by their names.
fn read_scripts(folder: &Path) -> std::io::Result<BTreeMap<String, String>> {
    let mut scripts = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let (Some("js"), Some(name)) = (path.extension().and_then(|it| it.to_str()), path.file_stem()) {
            scripts.insert(name.to_string_lossy().into_owned(), fs::read_to_string(&path)?);
        }
    }
    Ok(scripts)
}

const STAMP: &str = "node_modules/.installed";

fn modules_are_stale(js: &Path) -> bool {
    let changed = |path: &str| fs::metadata(js.join(path)).and_then(|data| data.modified());
    match (changed(STAMP), changed("package-lock.json")) {
        (Ok(installed), Ok(lock)) => installed < lock.max(SystemTime::UNIX_EPOCH),
        _ => true,
    }
}

fn run(command: &mut Command) {
    let shown = format!("{command:?}");
    match command.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => fail(&format!(
            "{shown} failed ({}):\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )),
        Err(error) => fail(&format!(
            "{shown} could not be started: {error}\n\
             Building from the repository needs Node 20 or newer with npm (Debian: apt-get install nodejs npm)."
        )),
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| fail(&format!("{name} is not set; run this through cargo")))
}

fn fail(message: &str) -> ! {
    // Cargo shows these lines as errors of the build; a message may have several.
    for line in message.lines() {
        println!("cargo::error={line}");
    }
    exit(1)
}
