//! `crypto.subtle`: what is quick is done at once, the rest beside the worker, in order.

use super::super::realm::Realm;
use super::super::task::{HostError, Task};
use super::basics::random;
use super::{HostObject, throw};
use crate::agent::{Run, lock};
use crate::crypto::{Failure, Inputs, Means, Order, Output};
use crate::script::{Buffer, Text};
use crate::shared::Shared;
use rquickjs::{Ctx, Result};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// The long operations of one run of a worker; dropping it gives up what is not done.
#[derive(Default)]
pub(crate) struct CryptoQueue {
    line: Arc<Line>,
}

#[derive(Default)]
struct Line {
    waiting: Mutex<Waiting>,
    ended: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: usize,
    /// A thread goes through the jobs; it ends when there are none.
    is_worked_on: bool,
}

struct Job {
    id: u32,
    order: Order,
    inputs: Inputs,
    seed: [u8; 32],
}

impl Drop for CryptoQueue {
    fn drop(&mut self) {
        self.line.ended.store(true, Ordering::Release);
        lock(&self.line.waiting).jobs.clear();
    }
}

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function(
        "cryptoRun",
        move |ctx: Ctx<'_>,
              id: u32,
              order: Text,
              key: Buffer,
              data: Buffer,
              extra: Buffer,
              more: Buffer|
              -> Result<()> {
            let inputs = Inputs { key: key.0, data: data.0, extra: extra.0, more: more.0 };
            run(&state, id, &order.into_string(), inputs).map_err(|error| throw(&ctx, &error))
        },
    )
}

fn run(realm: &Rc<Realm>, id: u32, order: &str, inputs: Inputs) -> std::result::Result<(), HostError> {
    let order: Order = serde_json::from_str(order).map_err(|error| {
        HostError::new("NotSupportedError", format!("the operation cannot be read: {error}"))
    })?;
    let mut seed = [0; 32];
    let drawn = random(realm, seed.len())?;
    seed.copy_from_slice(&drawn);
    let job = Job { id, order, inputs, seed };
    if !job.order.is_long(&job.inputs) {
        realm.operations.set(realm.operations.get() + 1);
        job.carry_out(&realm.shared, &realm.run, &|| false);
        return Ok(());
    }
    let line = realm.crypto.line.clone();
    let config = &realm.shared.config;
    let mut waiting = lock(&line.waiting);
    if waiting.jobs.len() >= config.crypto_operations_max {
        let limit = config.crypto_operations_max;
        return Err(HostError::new(
            "OperationError",
            format!("{limit} operations wait already, which is the limit"),
        ));
    }
    let bytes = job.inputs.len_bytes();
    if waiting.bytes.saturating_add(bytes) > config.memory_bytes_max {
        let message =
            "the operations that wait hold as much as the worker's memory limit; await some of them first";
        return Err(HostError::new("OperationError", message));
    }
    waiting.bytes += bytes;
    waiting.jobs.push_back(job);
    realm.operations.set(realm.operations.get() + 1);
    let starts = !std::mem::replace(&mut waiting.is_worked_on, true);
    drop(waiting);
    if starts {
        let run = realm.run.clone();
        realm.shared.in_background("wakeworker-crypto", move |shared| line.work(shared, &run));
    }
    Ok(())
}

impl Line {
    fn work(&self, shared: &Arc<Shared>, run: &Arc<Run>) {
        loop {
            let mut waiting = lock(&self.waiting);
            let Some(job) = waiting.jobs.pop_front() else {
                waiting.is_worked_on = false;
                return;
            };
            drop(waiting);
            let bytes = job.inputs.len_bytes();
            job.carry_out(shared, run, &|| self.ended.load(Ordering::Acquire));
            let mut waiting = lock(&self.waiting);
            waiting.bytes = waiting.bytes.saturating_sub(bytes);
        }
    }
}

impl Job {
    fn carry_out(self, shared: &Shared, run: &Run, cancelled: &dyn Fn() -> bool) {
        let means =
            Means { seed: self.seed, cancelled, rsa_modulus_bits_max: shared.config.rsa_modulus_bits_max };
        let result: std::result::Result<Output, Failure> = self.order.perform(&self.inputs, &means);
        let result = result.map_err(|failure| HostError::new(failure.name, failure.message));
        // A run that ended takes its promises with it.
        let _ = run.queue.push(Task::Crypto { id: self.id, result });
    }
}
