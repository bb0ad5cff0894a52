//! The memory limit of one worker.
//!
//! The engine has a limit of its own, but a script can catch the exception and go on with a heap in which nothing more
//! can be allocated. Counting here tells the host that the limit was hit, so that it stops the worker.

#![allow(unsafe_code)]

use rquickjs::allocator::{Allocator, RustAllocator};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How much memory a worker uses, readable from other threads.
#[derive(Debug, Default)]
pub(crate) struct MemoryUse {
    used: AtomicUsize,
    peak: AtomicUsize,
    refused: AtomicBool,
}

impl MemoryUse {
    /// Bytes allocated now.
    pub(crate) fn used_bytes(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether an allocation was refused because of the limit.
    pub(crate) fn was_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Rust's allocator with a limit.
pub(crate) struct LimitedAllocator {
    usage: Arc<MemoryUse>,
    bytes_max: usize,
    inner: RustAllocator,
}

impl LimitedAllocator {
    /// An allocator that gives at most `bytes_max` bytes and counts in `usage`.
    pub(crate) fn new(bytes_max: usize, usage: Arc<MemoryUse>) -> LimitedAllocator {
        LimitedAllocator { usage, bytes_max, inner: RustAllocator }
    }

    // One thread allocates, so plain loads and stores are enough; they are atomic only for readers elsewhere.
    fn admits(&self, more: usize) -> bool {
        let admitted = self
            .usage
            .used
            .load(Ordering::Relaxed)
            .checked_add(more)
            .is_some_and(|sum| sum <= self.bytes_max);
        if !admitted {
            self.usage.refused.store(true, Ordering::Relaxed);
        }
        admitted
    }

    fn change(&self, added: usize, removed: usize) {
        let used = self.usage.used.load(Ordering::Relaxed).saturating_add(added).saturating_sub(removed);
        self.usage.used.store(used, Ordering::Relaxed);
        if used > self.usage.peak.load(Ordering::Relaxed) {
            self.usage.peak.store(used, Ordering::Relaxed);
        }
    }

    fn counted(&self, pointer: *mut u8) -> *mut u8 {
        if !pointer.is_null() {
            // SAFETY: the pointer was just given by the inner allocator.
            self.change(unsafe { RustAllocator::usable_size(pointer) } + OVERHEAD_BYTES, 0);
        }
        pointer
    }
}

/// The inner allocator's header, counted so that many small blocks cannot exceed the limit.
const OVERHEAD_BYTES: usize = 8;

// SAFETY: every pointer comes from and goes back to `RustAllocator`, which upholds the trait's contract; this type only
// counts and refuses.
unsafe impl Allocator for LimitedAllocator {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        // The inner allocator rounds up; near the top of the range that would overflow, so the limit comes first.
        if !self.admits(size) {
            return std::ptr::null_mut();
        }
        let pointer = self.inner.alloc(size);
        self.counted(pointer)
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        let admitted = count.checked_mul(size).is_some_and(|total| self.admits(total));
        if !admitted {
            self.usage.refused.store(true, Ordering::Relaxed);
            return std::ptr::null_mut();
        }
        let pointer = self.inner.calloc(count, size);
        self.counted(pointer)
    }

    unsafe fn dealloc(&mut self, pointer: *mut u8) {
        // SAFETY: the caller's promise, handed on.
        unsafe {
            self.change(0, RustAllocator::usable_size(pointer) + OVERHEAD_BYTES);
            self.inner.dealloc(pointer);
        }
    }

    unsafe fn realloc(&mut self, pointer: *mut u8, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise, handed on.
        unsafe {
            let old = RustAllocator::usable_size(pointer);
            if new_size > old && !self.admits(new_size - old) {
                return std::ptr::null_mut();
            }
            let moved = self.inner.realloc(pointer, new_size);
            if !moved.is_null() {
                self.change(RustAllocator::usable_size(moved), old);
            }
            moved
        }
    }

    unsafe fn usable_size(pointer: *mut u8) -> usize {
        // SAFETY: the caller's promise, handed on.
        unsafe { RustAllocator::usable_size(pointer) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rquickjs::{Context, Runtime};

    #[test]
    fn everything_that_is_allocated_is_given_back_and_the_limit_is_reported() {
        let usage = Arc::new(MemoryUse::default());
        let runtime = Runtime::new_with_alloc(LimitedAllocator::new(4 << 20, usage.clone())).unwrap();
        let context = Context::full(&runtime).unwrap();
        assert!(usage.used_bytes() > 10_000);
        assert!(!usage.was_refused());
        context.with(|ctx| {
            let survived = ctx.eval::<bool, _>(
                "try { let a = []; for (;;) a.push(new ArrayBuffer(100000)) } catch (e) {} true",
            );
            assert!(survived.unwrap());
        });
        assert!(usage.was_refused());
        drop(context);
        drop(runtime);
        assert_eq!(usage.used_bytes(), 0);
    }
}
