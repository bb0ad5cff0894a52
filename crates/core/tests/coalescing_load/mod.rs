//! Loads of periodic registrations, and how often a device wakes for them under each policy. Shared by the benchmark and
//! by the test that holds its gate.
#![allow(dead_code, unreachable_pub, reason = "the test and the benchmark use their own parts")]

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use wakeworker_core::*;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;

/// What is registered: an interval, and when the registration is made.
#[derive(Clone, Copy)]
pub struct Wish {
    pub interval_ms: u64,
    pub registered_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// 12 h, 24 h and 7 d, as sites of Chromium must ask for.
    Web,
    /// 15 min to 7 d, all of them round.
    Mixed,
    /// Log-uniform between 1 h and 48 h, not round.
    LogUniform,
}

impl Load {
    /// `n` registrations, each made at a random moment of its first interval.
    pub fn wishes(self, n: usize) -> Vec<Wish> {
        let mut random = Random(0x5EED ^ n as u64);
        (0..n).map(|_| self.wish(&mut random)).collect()
    }

    fn wish(self, random: &mut Random) -> Wish {
        let interval_ms = match self {
            Load::Web => random.choice(&[(12 * HOUR, 50), (24 * HOUR, 25), (7 * DAY, 25)]),
            Load::Mixed => random.choice(&[
                (15 * MINUTE, 5),
                (30 * MINUTE, 5),
                (HOUR, 10),
                (6 * HOUR, 20),
                (12 * HOUR, 30),
                (24 * HOUR, 20),
                (7 * DAY, 10),
            ]),
            Load::LogUniform => (HOUR as f64 * 48_f64.powf(random.fraction())) as u64,
        };
        Wish { interval_ms, registered_ms: (interval_ms as f64 * random.fraction()) as u64 }
    }

    pub fn is_round(self) -> bool {
        self != Load::LogUniform
    }
}

/// What 30 days under one policy came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub wakeups_per_day: f64,
    pub fires_per_day: f64,
    /// In percent of the interval.
    pub mean_lateness: f64,
    pub max_lateness: f64,
    /// Events that came before their minimum interval had passed. Must be 0.
    pub early: u64,
}

/// No policy can wake less often: the entry with the shortest interval alone needs this many, without slack.
pub fn bound_per_day(wishes: &[Wish]) -> f64 {
    DAY as f64 / wishes.iter().map(|wish| wish.interval_ms).min().unwrap_or(DAY) as f64
}

/// Each event wakes the device when it may fire.
pub fn naive(wishes: &[Wish], days: u64) -> Outcome {
    greedy(wishes, days, 0)
}

/// Greedy interval stabbing: sleep until the first entry can wait no longer, fire all that may fire.
pub fn greedy(wishes: &[Wish], days: u64, slack_percent: u64) -> Outcome {
    let mut earliest = BinaryHeap::new();
    let mut latest = BTreeSet::new();
    let slack = |interval: u64| (interval * slack_percent / 100).min(12 * HOUR);
    let mut tally = Tally::default();
    for (index, wish) in wishes.iter().enumerate() {
        let may = wish.registered_ms + wish.interval_ms;
        earliest.push(Reverse((may, index)));
        latest.insert((may + slack(wish.interval_ms), index));
    }
    while let Some(&(now, _)) = latest.first() {
        if now > days * DAY {
            break;
        }
        tally.wakeups += 1;
        while let Some(&Reverse((may, index))) = earliest.peek().filter(|Reverse((may, _))| *may <= now) {
            earliest.pop();
            let interval = wishes[index].interval_ms;
            latest.remove(&(may + slack(interval), index));
            tally.fired(now, may, interval);
            earliest.push(Reverse((now + interval, index)));
            latest.insert((now + interval + slack(interval), index));
        }
    }
    tally.outcome(days)
}

/// The real engine with this policy and no gaps.
pub fn ours(wishes: &[Wish], days: u64, coalescing: CoalescePolicy, event_ms: u64) -> Outcome {
    let gapless = Config {
        coalescing,
        min_interval_any_origin_ms: 0,
        min_interval_across_origins_ms: 0,
        ..Config::default()
    };
    run_engine(wishes, days, gapless, event_ms)
}

/// The real engine with Chromium's rules: 12 h gaps, intervals rounded up, events of an origin snapped together.
pub fn chromium(wishes: &[Wish], days: u64) -> Outcome {
    let config = Config {
        coalescing: CoalescePolicy::Exact,
        round_up_intervals: true,
        snap_together: true,
        ..Config::default()
    };
    run_engine(wishes, days, config, 0)
}

/// Ten registrations an origin. Each event runs for a time between 0 and `event_ms`, another one each time.
pub fn run_engine(wishes: &[Wish], days: u64, config: Config, event_ms: u64) -> Outcome {
    let config = Config {
        entries_per_worker_registration_max: None,
        entries_per_origin_max: None,
        events_per_origin_and_hour_max: None,
        ..config
    };
    let mut device = Device::new(config, wishes.len().div_ceil(10) as u64);
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    order.sort_by_key(|&index| wishes[index].registered_ms);
    let mut random = Random(1);
    for index in order {
        let wish = wishes[index];
        device.run_until(wish.registered_ms, event_ms, &mut random);
        device.register(index, wish);
    }
    device.run_until(days * DAY, event_ms, &mut random);
    device.tally.outcome(days)
}

struct Device {
    engine: Engine,
    now: Now,
    tally: Tally,
    /// By worker registration and tag: the interval, and the moment from which on the next event may come.
    due: HashMap<(WorkerRegistrationId, Tag), (u64, u64)>,
    running: BinaryHeap<Reverse<(u64, AttemptId)>>,
    dispatched: HashMap<AttemptId, Dispatch>,
    step: Step,
}

impl Device {
    fn new(config: Config, origins: u64) -> Device {
        let now = Now { wall: Timestamp(1_800_000_000_000), mono: Monotonic(0) };
        let mut step = Step::default();
        let key = |origin: u64| StorageKey::first_party(&format!("https://origin{origin}.example"));
        let worker_registrations = (1..=origins)
            .map(|id| WorkerRegistration {
                id: WorkerRegistrationId(id),
                storage_key: key(id),
                scope: "/".into(),
                script_url: "/sw.js".into(),
                active: Some(ActiveWorker { id: WorkerId(1), activated: true }),
            })
            .collect();
        let snapshot = Snapshot { worker_registrations, ..Snapshot::default() };
        let mut engine = Engine::restore(config, snapshot, now, &mut step).expect("a valid configuration");
        for origin in 1..=origins {
            let name = PermissionName::PeriodicBackgroundSync;
            let (storage_key, state) = (key(origin), PermissionState::Granted);
            engine.handle_input(now, Input::PermissionChanged { storage_key, name, state }, &mut step);
            engine.handle_input(
                now,
                Input::AllowWithoutWindow { storage_key: key(origin), allowed: true },
                &mut step,
            );
        }
        let online = Input::NetworkChanged { connection: Connection::Wifi, network: None };
        engine.handle_input(now, online, &mut step);
        let (tally, due) = (Tally::default(), HashMap::new());
        let (running, dispatched) = (BinaryHeap::new(), HashMap::new());
        Device { engine, now, tally, due, running, dispatched, step: Step::default() }
    }

    fn register(&mut self, index: usize, wish: Wish) {
        let registration = WorkerRegistrationId(index as u64 / 10 + 1);
        let tag = Tag::from(format!("tag {index}").as_str());
        let options = PeriodicOptions { min_interval_ms: wish.interval_ms, ..PeriodicOptions::default() };
        self.due.insert((registration, tag.clone()), (wish.interval_ms, self.now.mono.0 + wish.interval_ms));
        let request = RequestId(index as u64);
        self.input(Input::RegisterPeriodic { request, registration, tag, options });
        self.collect();
    }

    fn run_until(&mut self, end: u64, event_ms: u64, random: &mut Random) {
        loop {
            let wakeup = self.engine.next_wakeup(self.now).map(|wakeup| self.now.mono.0 + wakeup.after_ms);
            let ended = self.running.peek().map(|Reverse((at, _))| *at);
            let Some(next) = wakeup.into_iter().chain(ended).min().filter(|next| *next <= end) else { break };
            self.go(next);
            match self.running.pop_if_due(next) {
                Some(attempt) => self.end(attempt),
                None => {
                    self.tally.wakeups += 1;
                    self.input(Input::TimePassed);
                }
            }
            for attempt in self.collect() {
                match event_ms {
                    0 => self.end(attempt),
                    _ => {
                        let ends = self.now.mono.0 + random.below(event_ms);
                        self.running.push(Reverse((ends, attempt)));
                    }
                }
            }
        }
        self.go(end.max(self.now.mono.0));
    }

    fn go(&mut self, to: u64) {
        let ms = to - self.now.mono.0;
        self.now = Now { wall: self.now.wall.plus_ms(ms), mono: self.now.mono.plus_ms(ms) };
    }

    fn end(&mut self, attempt: AttemptId) {
        let dispatch = self.dispatched.remove(&attempt).expect("running");
        if let Some((interval, due)) = self.due.get_mut(&(dispatch.registration, dispatch.tag)) {
            *due = self.now.mono.0 + *interval;
        }
        let outcome = AttemptOutcome::Succeeded { handled: true };
        self.input(Input::AttemptEnded { attempt, outcome });
    }

    fn input(&mut self, input: Input) {
        self.engine.handle_input(self.now, input, &mut self.step);
    }

    /// The events that the last steps dispatched.
    fn collect(&mut self) -> Vec<AttemptId> {
        let mut started = Vec::new();
        for effect in std::mem::take(&mut self.step).effects {
            if let Effect::Dispatch(dispatch) = effect {
                let (interval, due) = self.due[&(dispatch.registration, dispatch.tag.clone())];
                self.tally.fired(self.now.mono.0, due, interval);
                started.push(dispatch.attempt);
                self.dispatched.insert(dispatch.attempt, dispatch);
            }
        }
        started
    }
}

trait PopIfDue {
    fn pop_if_due(&mut self, now: u64) -> Option<AttemptId>;
}

impl PopIfDue for BinaryHeap<Reverse<(u64, AttemptId)>> {
    fn pop_if_due(&mut self, now: u64) -> Option<AttemptId> {
        self.peek().filter(|Reverse((at, _))| *at <= now)?;
        self.pop().map(|Reverse((_, attempt))| attempt)
    }
}

#[derive(Default)]
struct Tally {
    wakeups: u64,
    fires: u64,
    early: u64,
    lateness_sum: f64,
    lateness_max: f64,
}

impl Tally {
    fn fired(&mut self, now: u64, may: u64, interval: u64) {
        self.fires += 1;
        self.early += u64::from(now < may);
        let lateness = now.saturating_sub(may) as f64 / interval as f64 * 100.0;
        self.lateness_sum += lateness;
        self.lateness_max = self.lateness_max.max(lateness);
    }

    fn outcome(&self, days: u64) -> Outcome {
        Outcome {
            wakeups_per_day: self.wakeups as f64 / days as f64,
            fires_per_day: self.fires as f64 / days as f64,
            mean_lateness: self.lateness_sum / self.fires.max(1) as f64,
            max_lateness: self.lateness_max,
            early: self.early,
        }
    }
}

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn choice(&mut self, weighted: &[(u64, u64)]) -> u64 {
        let mut at = self.below(100);
        for &(value, percent) in weighted {
            if at < percent {
                return value;
            }
            at -= percent;
        }
        weighted[0].0
    }
}
