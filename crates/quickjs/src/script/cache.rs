//! Compiled scripts shared by all workers of the process.

use super::{Bytecode, compile};
use rquickjs::{Ctx, Error};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A classic script of a worker: main or imported.
#[derive(Debug)]
pub(crate) struct Script {
    /// Where it came from; the file name in stack traces.
    pub(crate) url: String,
    /// Its text, decoded as UTF-8.
    pub(crate) source: Arc<str>,
    serial: u64,
}

impl Script {
    /// A script with this text.
    pub(crate) fn new(url: String, source: impl Into<Arc<str>>) -> Script {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Script { url, source: source.into(), serial: NEXT.fetch_add(1, Ordering::Relaxed) }
    }
}

/// Compiled worker scripts. Bounded: the least recently used go first.
pub(crate) struct BytecodeCache {
    bytes_max: usize,
    inner: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_serial: HashMap<u64, Entry>,
    bytes: usize,
    clock: u64,
}

struct Entry {
    code: Bytecode,
    used_at: u64,
}

impl BytecodeCache {
    /// A cache of at most this size.
    pub(crate) fn new(bytes_max: usize) -> BytecodeCache {
        BytecodeCache { bytes_max, inner: Mutex::default() }
    }

    /// The compiled form of a script; compiles it if it is not there.
    pub(crate) fn get(&self, ctx: &Ctx<'_>, script: &Script) -> Result<Bytecode, Error> {
        if let Some(code) = self.find(script.serial) {
            return Ok(code);
        }
        let code = compile(ctx, &script.url, &script.source)?;
        self.keep(script.serial, &code);
        Ok(code)
    }

    fn find(&self, serial: u64) -> Option<Bytecode> {
        let mut entries = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        entries.clock += 1;
        let now = entries.clock;
        let entry = entries.by_serial.get_mut(&serial)?;
        entry.used_at = now;
        Some(entry.code.clone())
    }

    fn keep(&self, serial: u64, code: &Bytecode) {
        if code.len_bytes() > self.bytes_max {
            return;
        }
        let mut entries = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        entries.clock += 1;
        let used_at = entries.clock;
        if entries.by_serial.insert(serial, Entry { code: code.clone(), used_at }).is_none() {
            entries.bytes += code.len_bytes();
        }
        while entries.bytes > self.bytes_max {
            let oldest =
                entries.by_serial.iter().min_by_key(|(_, entry)| entry.used_at).map(|(serial, _)| *serial);
            let Some(entry) = oldest.and_then(|serial| entries.by_serial.remove(&serial)) else { return };
            entries.bytes -= entry.code.len_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rquickjs::{Context, Runtime};

    #[test]
    fn the_cache_stays_within_its_size_and_keeps_what_was_used_last() {
        let runtime = Runtime::new().unwrap();
        Context::full(&runtime).unwrap().with(|ctx| {
            let scripts: Vec<Script> =
                (0..10).map(|n| Script::new("a.js".into(), format!("var a{n} = {n}"))).collect();
            let size = compile(&ctx, "a.js", &scripts[0].source).unwrap().len_bytes();
            let cache = BytecodeCache::new(size * 3 + 2);
            for script in &scripts {
                cache.get(&ctx, &scripts[0]).unwrap();
                cache.get(&ctx, script).unwrap();
            }
            let entries = cache.inner.lock().unwrap();
            assert!(entries.bytes <= cache.bytes_max);
            assert_eq!(entries.by_serial.len(), 3);
            assert!(entries.by_serial.contains_key(&scripts[0].serial));
        });
    }
}
