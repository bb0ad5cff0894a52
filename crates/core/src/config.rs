//! Every knob of the engine, with its default.

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
}

/// Who decides when a `periodicsync` event is fired (D20).
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
        }
    }
}

const MINUTE_MS: u64 = 60_000;
