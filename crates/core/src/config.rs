//! Every knob of the engine, with its default.

use crate::Conditions;

/// Limits and policies of one engine. Durations are milliseconds; limits name their unit.
///
/// New knobs are added as the engine grows: write `Config { attempts_max: 5, ..Config::default() }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whether one-off sync works at all; stored entries are kept while it is off (R142, R177). Default: true.
    pub background_sync_enabled: bool,
    /// Whether periodic sync works at all (R142). Default: true.
    pub periodic_sync_enabled: bool,
    /// Who fires periodic events (D20). Default: [`PeriodicDispatch::Automatic`].
    pub periodic_dispatch: PeriodicDispatch,
    /// Longest accepted tag in WTF-8 bytes; `None` lifts the limit (R33, D4). Default: 10,240.
    pub tag_bytes_max: Option<usize>,
    /// Attempts of a one-off entry, the first included (R81, D32). At least 1. Default: 3.
    pub attempts_max: u32,
    /// The same for origins that may show notifications (R83). Default: 3.
    pub attempts_max_with_notifications: u32,
    /// Delay after the first failed attempt (R81). Default: 300,000 (5 min).
    pub retry_delay_initial_ms: u64,
    /// Each further delay is this many times the one before (R80). At least 2. Default: 3.
    pub retry_delay_factor: u32,
    /// Longest delay between two attempts. Default: 86,400,000 (24 h).
    pub retry_delay_max_ms: u64,
    /// Random part added to each delay, in percent of it (R92). Default: 10.
    pub retry_jitter_percent: u32,
    /// Seed of the jitter, so that a run can be repeated (R92, R183). Default: 0; hosts draw one per installation.
    pub jitter_seed: u64,
    /// Interrupted starts in a row that count as one failed attempt (R169, D12, design decision 9). Default: 5.
    pub interrupted_starts_max: u32,
    /// Delay before an event that did not reach its worker is tried again while online (R54). Default: 1,000.
    pub redispatch_delay_ms: u64,
    /// Longest run of a `sync` event (R86, R87). Default: 180,000 (3 min).
    pub event_duration_max_ms: u64,
    /// Longest run of a `sync` event with `lastChance` true (R88). Default: 180,000 (3 min).
    pub last_chance_duration_max_ms: u64,
    /// Longest run of a `periodicsync` event (R132). Default: 180,000 (3 min).
    pub periodic_event_duration_max_ms: u64,
    /// Smallest gap between two periodic events of one origin, before the origin's extra amount (R109, R111). Default:
    /// 43,200,000 (12 h).
    pub min_interval_any_origin_ms: u64,
    /// Smallest gap between two rounds of periodic events over all origins (R108, R111). Not smaller than
    /// `min_interval_any_origin_ms` (R110). Default: 43,200,000 (12 h).
    pub min_interval_across_origins_ms: u64,
    /// Retries of a failed periodic event in automatic mode; the host-driven mode has none (R128, R129, D17). Default: 2.
    pub periodic_retries_max: u32,
    /// Delay after the first failed attempt of a periodic event; it grows by `retry_delay_factor` (R129). The delays of
    /// one event add up to at most a tenth of the gap (R130). Default: 300,000 (5 min).
    pub periodic_retry_delay_initial_ms: u64,
    /// Whether the minimum interval of a periodic entry counts from its last success instead of its last event, as the
    /// older explainer's `minPeriod` does (R234). Default: false.
    pub interval_from_last_success: bool,
    /// How periodic events share wake-ups (R115). Default: [`CoalescePolicy::Align`].
    pub coalescing: CoalescePolicy,
    /// Moves the grid of [`CoalescePolicy::Align`], so that installations do not wake at the same second. Default: 0;
    /// hosts draw one per installation.
    pub coalescing_seed: u64,
    /// Chromium's first rule: periodic intervals are rounded up to a multiple of the origin's gap (R119). Default: false.
    pub round_up_intervals: bool,
    /// Chromium's second rule: periodic events of one origin coincide or lie at least the gap apart (R120). Default:
    /// false.
    pub snap_together: bool,
    /// Whether periodic events fire only on the network on which their entry was registered (R121). Default: false.
    pub same_network_only: bool,
    /// Conditions for all entries; where an entry's own are stricter, those hold (R237). Default: [`Conditions::NONE`].
    pub conditions: Conditions,
    /// Whether scripts may use the options of the older explainer (R223). Default: false.
    pub explainer_options_enabled: bool,
    /// Whether scripts may cancel one-off entries by `sync.unregister(tag)` (R246). Default: false.
    pub script_unregister_one_shot: bool,
    /// Entries of one worker registration, of both kinds together (R173); `None` lifts the limit. Default: 10,000.
    pub entries_per_worker_registration_max: Option<usize>,
    /// Entries of one origin, of both kinds together (R173); `None` lifts the limit. Default: 50,000.
    pub entries_per_origin_max: Option<usize>,
    /// Events of one origin within an hour (R173); `None` lifts the limit. Default: 3,600.
    pub events_per_origin_and_hour_max: Option<u32>,
    /// While an event runs, [`crate::Engine::soonest_wakeup`] reports at least this (R180). Default: 360,000 (6 min).
    pub recovery_time_ms: u64,
}

/// How periodic events share wake-ups (design decision 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CoalescePolicy {
    /// Each event wakes as soon as it may fire.
    Exact,
    /// Each event may be late by this part of its interval, in percent, at most 12 h: the next wake-up is when the first
    /// of them can wait no longer.
    Slack {
        /// The part.
        percent: u32,
    },
    /// Round intervals fire on a common grid; the others as with `Slack`.
    Align {
        /// The part for intervals that are not round.
        slack_percent: u32,
    },
}

/// Who decides when a `periodicsync` event is fired (D20). Complete: the web's way and WebView2's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodicDispatch {
    /// The engine, by the rules of the periodic sync specification.
    Automatic,
    /// Only the host program, as in WebView2 (R194).
    HostDriven,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            background_sync_enabled: true,
            periodic_sync_enabled: true,
            periodic_dispatch: PeriodicDispatch::Automatic,
            tag_bytes_max: Some(10_240),
            attempts_max: 3,
            attempts_max_with_notifications: 3,
            retry_delay_initial_ms: 5 * MINUTE_MS,
            retry_delay_factor: 3,
            retry_delay_max_ms: 24 * 60 * MINUTE_MS,
            retry_jitter_percent: 10,
            jitter_seed: 0,
            interrupted_starts_max: 5,
            redispatch_delay_ms: 1_000,
            event_duration_max_ms: 3 * MINUTE_MS,
            last_chance_duration_max_ms: 3 * MINUTE_MS,
            periodic_event_duration_max_ms: 3 * MINUTE_MS,
            min_interval_any_origin_ms: 12 * 60 * MINUTE_MS,
            min_interval_across_origins_ms: 12 * 60 * MINUTE_MS,
            periodic_retries_max: 2,
            periodic_retry_delay_initial_ms: 5 * MINUTE_MS,
            interval_from_last_success: false,
            coalescing: CoalescePolicy::Align { slack_percent: 25 },
            coalescing_seed: 0,
            round_up_intervals: false,
            snap_together: false,
            same_network_only: false,
            conditions: Conditions::NONE,
            explainer_options_enabled: false,
            script_unregister_one_shot: false,
            entries_per_worker_registration_max: Some(10_000),
            entries_per_origin_max: Some(50_000),
            events_per_origin_and_hour_max: Some(3_600),
            recovery_time_ms: 6 * MINUTE_MS,
        }
    }
}

const MINUTE_MS: u64 = 60_000;
