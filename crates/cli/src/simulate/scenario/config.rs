//! The engine's own knobs, by the names that `Config` has; lengths of time are texts with a unit, so their keys have none.

use crate::simulate::reader::Reader;
use crate::simulate::units::DAY_MS;
use wakeworker_core::{CoalescePolicy, Config, PeriodicDispatch};

/// Longest length of time for any knob.
const LONGEST_MS: u64 = 3_653 * DAY_MS;

pub(super) fn read(table: Reader<'_>) -> Config {
    let mut config = Config::default();
    let duration = |key, least: u64, into: &mut u64| {
        if let Some(ms) = table.duration(key, least..=LONGEST_MS) {
            *into = ms;
        }
    };
    duration("retry_delay_initial", 0, &mut config.retry_delay_initial_ms);
    duration("retry_delay_max", 0, &mut config.retry_delay_max_ms);
    duration("redispatch_delay", 1, &mut config.redispatch_delay_ms);
    duration("event_duration_max", 1, &mut config.event_duration_max_ms);
    duration("last_chance_duration_max", 1, &mut config.last_chance_duration_max_ms);
    duration("periodic_event_duration_max", 1, &mut config.periodic_event_duration_max_ms);
    duration("min_interval_any_origin", 0, &mut config.min_interval_any_origin_ms);
    duration("min_interval_across_origins", 0, &mut config.min_interval_across_origins_ms);
    duration("periodic_retry_delay_initial", 0, &mut config.periodic_retry_delay_initial_ms);
    duration("recovery_time", 0, &mut config.recovery_time_ms);
    let number = |key, least: u64, into: &mut u32| {
        if let Some(number) = table.integer(key, least..=1_000_000) {
            // The range ends far below.
            *into = u32::try_from(number).unwrap_or(u32::MAX);
        }
    };
    number("attempts_max", 1, &mut config.attempts_max);
    number("attempts_max_with_notifications", 1, &mut config.attempts_max_with_notifications);
    number("retry_delay_factor", 2, &mut config.retry_delay_factor);
    number("retry_jitter_percent", 0, &mut config.retry_jitter_percent);
    number("interrupted_starts_max", 1, &mut config.interrupted_starts_max);
    number("periodic_retries_max", 0, &mut config.periodic_retries_max);
    if let Some(events) = table.integer("events_per_origin_and_hour_max", 1..=1_000_000) {
        config.events_per_origin_and_hour_max = u32::try_from(events).ok();
    }
    let switch = |key, into: &mut bool| {
        if let Some(value) = table.boolean(key) {
            *into = value;
        }
    };
    switch("background_sync_enabled", &mut config.background_sync_enabled);
    switch("periodic_sync_enabled", &mut config.periodic_sync_enabled);
    switch("interval_from_last_success", &mut config.interval_from_last_success);
    switch("round_up_intervals", &mut config.round_up_intervals);
    switch("snap_together", &mut config.snap_together);
    switch("same_network_only", &mut config.same_network_only);
    let modes = [("automatic", PeriodicDispatch::Automatic), ("host-driven", PeriodicDispatch::HostDriven)];
    if let Some(mode) = table.choice("periodic_dispatch", &modes) {
        config.periodic_dispatch = mode;
    }
    if let Some(conditions) = table.table("conditions") {
        config.conditions = super::visit::conditions(&conditions);
        conditions.finish();
    }
    config.coalescing = coalescing(&table, config.coalescing);
    table.finish();
    config
}

fn coalescing(table: &Reader<'_>, default: CoalescePolicy) -> CoalescePolicy {
    #[derive(Clone, Copy)]
    enum Policy {
        Exact,
        Slack,
        Align,
    }
    let slack = table.integer("slack_percent", 0..=100);
    let percent = slack.and_then(|percent| u32::try_from(percent).ok()).unwrap_or(SLACK_PERCENT);
    let policies = [("exact", Policy::Exact), ("slack", Policy::Slack), ("align", Policy::Align)];
    match table.choice("coalescing", &policies) {
        Some(Policy::Exact) => CoalescePolicy::Exact,
        Some(Policy::Slack) => CoalescePolicy::Slack { percent },
        Some(Policy::Align) => CoalescePolicy::Align { slack_percent: percent },
        None => {
            if slack.is_some() {
                table.problem(
                    "slack_percent",
                    "says nothing without `coalescing`; write coalescing = \"align\"",
                );
            }
            default
        }
    }
}

/// How late an event may be, in percent of its interval, if only the policy is named.
const SLACK_PERCENT: u32 = 25;
