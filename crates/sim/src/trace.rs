//! What happened, for people and to tell equal runs from different ones.

use std::cell::RefCell;
use std::rc::Rc;

/// The trace of one run.
#[derive(Clone, Default)]
pub(crate) struct Trace(Rc<RefCell<Lines>>);

#[derive(Default)]
struct Lines {
    digest: u64,
    told: bool,
}

impl Trace {
    /// A trace that, if `told`, is printed as it comes.
    pub(crate) fn new(told: bool) -> Trace {
        let lines = Lines { told, digest: 0xCBF2_9CE4_8422_2325 };
        Trace(Rc::new(RefCell::new(lines)))
    }

    #[expect(clippy::print_stderr, reason = "a replay is told to a person")]
    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        let line = line();
        let lines = &mut *self.0.borrow_mut();
        for byte in line.bytes() {
            // FNV-1a
            lines.digest = (lines.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        if lines.told {
            eprintln!("{line}");
        }
    }

    /// A number that differs, as good as certainly, if two traces do.
    pub(crate) fn digest(&self) -> u64 {
        self.0.borrow().digest
    }
}
