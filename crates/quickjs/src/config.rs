//! Every limit of the runtime, with its unit and its default.

use crate::{PrivateNetwork, VirtualTime};

/// Limits and policies of one [`Runtime`](crate::Runtime). Durations are milliseconds; limits name their unit.
///
/// A worker that exceeds a limit of memory or processor time is stopped: its events fail with
/// `FailureReason::Terminated` (R67, R90), and no other worker notices.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuntimeConfig {
    /// Memory of one worker's JavaScript heap. Default: 67,108,864 (64 MiB).
    pub memory_bytes_max: usize,
    /// Stack of one worker's JavaScript; deeper recursion throws a RangeError. Default: 1,048,576 (1 MiB).
    pub stack_bytes_max: usize,
    /// Processor time of one task with its microtasks. Default: 10,000 (10 s).
    pub task_cpu_ms_max: u64,
    /// A worker without pending events is stopped after this time (R151). Default: 30,000 (30 s).
    pub idle_stop_ms: u64,
    /// A worker that runs for so long without a moment at which it could be stopped is given up: one of the engine's
    /// built-in functions loops, which only the end of the process can end. Must be longer than any sensible single call,
    /// such as parsing a large JSON text. Default: 15,000 (15 s).
    pub unresponsive_ms_max: u64,
    /// How long a worker whose event took too long may go on before it is stopped (D8). Default: 1,000 (1 s).
    pub terminate_grace_ms: u64,
    /// Longest evaluation of a worker's scripts, fetches of imported scripts included. Default: 60,000 (1 min).
    pub start_duration_max_ms: u64,
    /// Longest `install` event. Default: 300,000 (5 min).
    pub install_duration_max_ms: u64,
    /// Longest `activate` event. Default: 300,000 (5 min).
    pub activate_duration_max_ms: u64,
    /// Longest `fetch`, `message`, `push`, `notificationclick` or `notificationclose` event. Default: 300,000 (5 min).
    pub event_duration_max_ms: u64,
    /// Largest main or imported script. Default: 16,777,216 (16 MiB).
    pub script_bytes_max: usize,
    /// Scripts that one worker may import. Default: 256.
    pub imported_scripts_max: usize,
    /// Worker registrations of one origin; further ones are refused with QuotaExceededError. Default: 200.
    pub worker_registrations_per_origin_max: usize,
    /// Register and update jobs of one scope that may wait; further ones are refused with QuotaExceededError. Default: 100.
    pub jobs_per_scope_max: usize,
    /// Timers that one worker may have set at one time. Default: 10,000.
    pub timers_max: usize,
    /// Messages that may wait for one worker; further ones are dropped. Default: 1,000.
    pub queued_messages_max: usize,
    /// Largest structured clone: a message, or a value in IndexedDB. Default: 268,435,456 (256 MiB).
    pub clone_bytes_max: usize,
    /// Exchanges that one worker may have under way; further fetches wait for their turn. Default: 128.
    pub fetches_max: usize,
    /// Long operations of `crypto.subtle` that one worker may have waiting; further ones fail. Default: 1,000.
    pub crypto_operations_max: usize,
    /// Largest RSA modulus that scripts may generate or import. Default: 4,096.
    pub rsa_modulus_bits_max: usize,
    /// Fetches of one worker that may wait for their turn; further ones fail. Default: 10,000.
    pub fetches_waiting_max: usize,
    /// Largest request body that a script may send whole, and the most that such bodies of requests under way and responses
    /// that were not read may have together. Default: 67,108,864 (64 MiB).
    pub request_bytes_max: usize,
    /// Largest request body that a script may send as a stream. Default: 1,073,741,824 (1 GiB).
    pub request_stream_bytes_max: u64,
    /// How much of a page's request body a worker may read before it calls `respondWith`: as long as it has not, the body is
    /// kept, because the request may yet go to the network. Default: 16,777,216 (16 MiB).
    pub request_replay_bytes_max: usize,
    /// Largest response body, decompressed. Default: 1,073,741,824 (1 GiB).
    pub response_bytes_max: u64,
    /// Bytes of one body that wait for a reader, script or page, before its writer is held back. Default: 262,144
    /// (256 KiB).
    pub response_window_bytes: usize,
    /// Largest response whose integrity is checked: it is kept whole until then. Default: 67,108,864 (64 MiB).
    pub integrity_bytes_max: usize,
    /// Redirects that one fetch follows. Default: 20.
    pub redirects_max: u32,
    /// Answers of preflights that are remembered. Default: 1,000.
    pub preflights_max: usize,
    /// How long the answer of a preflight is remembered at most, in seconds. Default: 7,200 (2 h).
    pub preflight_age_s_max: u64,
    /// Cookies of all sites together; the oldest make room. Default: 3,000.
    pub cookies_max: usize,
    /// Cookies of one domain; the oldest make room. Default: 180.
    pub cookies_per_domain_max: usize,
    /// Name and value of a cookie together; larger ones are ignored. Default: 4,096.
    pub cookie_bytes_max: usize,
    /// WebSockets that one worker may have at one time; further ones fail. Default: 64.
    pub connections_max: usize,
    /// Largest message that a WebSocket may receive, and largest event of an EventSource (in characters). Beyond it the
    /// connection fails. Default: 16,777,216 (16 MiB).
    pub connection_message_bytes_max: usize,
    /// What all WebSockets of one worker may have received and not handed to it, parts of unfinished messages included; the
    /// one that receives more fails. Each one waits earlier, as soon as `response_window_bytes` wait for the worker. Default:
    /// 33,554,432 (32 MiB).
    pub connections_received_bytes_max: usize,
    /// What all WebSockets of one worker may have to send, 128 bytes more for each message; the one with which it sends more fails. Default: 16,777,216 (16 MiB).
    pub connections_sending_bytes_max: usize,
    /// How long a server may take to answer the goodbye of a WebSocket. Default: 5,000 (5 s).
    pub connection_close_ms_max: u64,
    /// Whether workers of public sites may reach the local network and this machine. Default: no.
    pub private_network: PrivateNetwork,
    /// Certificates (DER) of authorities that are trusted beside the system's, for servers of an own network or of tests. Default:
    /// none.
    pub extra_root_certificates: Vec<Vec<u8>>,
    /// Longest wait for a connection; of a WebSocket, also for its handshake. Default: 30,000 (30 s).
    pub connect_timeout_ms: u64,
    /// Longest silence of a server. Default: 60,000 (1 min).
    pub response_idle_timeout_ms: u64,
    /// Longest fetch, its body included. Default: 3,600,000 (1 h).
    pub fetch_timeout_ms: u64,
    /// Longest console line; the rest is cut off. Default: 16,384 (16 KiB).
    pub console_line_bytes_max: usize,
    /// Console lines of one worker per second; further ones are counted, not kept. Default: 1,000.
    pub console_lines_per_second_max: u32,
    /// Notifications that one origin may have shown; the oldest make room. Default: 100.
    pub notifications_per_origin_max: usize,
    /// Largest notification, its data included, as JSON. Default: 1,048,576 (1 MiB).
    pub notification_bytes_max: usize,
    /// What IndexedDB and the caches of one origin may hold together; more gives QuotaExceededError.
    /// `navigator.storage.estimate()` tells it as the quota. Default: 2,147,483,648 (2 GiB).
    pub origin_bytes_max: u64,
    /// What all origins may hold together. Nothing is ever deleted to make room: who comes last is refused.
    /// Default: 8,589,934,592 (8 GiB).
    pub profile_bytes_max: u64,
    /// An opaque response counts up to so many bytes more than it has, so that nobody learns its size. Default:
    /// 14,680,064 (14 MiB).
    pub opaque_padding_bytes_max: u64,
    /// Compiled scripts that are kept in memory. Default: 33,554,432 (32 MiB).
    pub compiled_script_bytes_max: usize,
    /// `navigator.userAgent`, and the `User-Agent` header.
    pub user_agent: String,
    /// `navigator.language`. Default: `en`.
    pub language: String,
    /// Another time than the machine's, for simulations and tests (R183). Default: the machine's.
    pub virtual_time: Option<VirtualTime>,
    /// What scripts find beyond the specifications. Default: nothing.
    pub script_extensions: ScriptExtensions,
}

/// Extensions of the sync APIs that a host may let scripts have (R223). The engine has switches of its own, which must
/// allow what is used: `Config::explainer_options_enabled` and `Config::script_unregister_one_shot`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptExtensions {
    /// The older explainer's dictionaries, registration objects, conditions and `event.registration` (R224–R236).
    pub explainer_options: bool,
    /// `sync.unregister(tag)` (R246).
    pub sync_unregister: bool,
    /// The options `minDelay` and `maxDelay` of `sync.register(tag, options)` (R247).
    pub sync_delays: bool,
}

impl ScriptExtensions {
    /// The names by which the JavaScript layer knows those that are on.
    pub fn names(self) -> Vec<&'static str> {
        let all = [
            (self.explainer_options, "explainer-options"),
            (self.sync_unregister, "sync-unregister"),
            (self.sync_delays, "sync-delays"),
        ];
        all.into_iter().filter_map(|(on, name)| on.then_some(name)).collect()
    }
}

impl Default for RuntimeConfig {
    fn default() -> RuntimeConfig {
        RuntimeConfig {
            memory_bytes_max: 64 * MIB,
            stack_bytes_max: MIB,
            task_cpu_ms_max: 10_000,
            idle_stop_ms: 30_000,
            unresponsive_ms_max: 15_000,
            terminate_grace_ms: 1_000,
            start_duration_max_ms: 60_000,
            install_duration_max_ms: 300_000,
            activate_duration_max_ms: 300_000,
            event_duration_max_ms: 300_000,
            script_bytes_max: 16 * MIB,
            imported_scripts_max: 256,
            worker_registrations_per_origin_max: 200,
            jobs_per_scope_max: 100,
            timers_max: 10_000,
            queued_messages_max: 1_000,
            clone_bytes_max: 256 * MIB,
            fetches_max: 128,
            crypto_operations_max: 1_000,
            rsa_modulus_bits_max: 4_096,
            fetches_waiting_max: 10_000,
            request_bytes_max: 64 * MIB,
            request_stream_bytes_max: 1024 * MIB as u64,
            request_replay_bytes_max: 16 * MIB,
            response_bytes_max: 1024 * MIB as u64,
            response_window_bytes: 256 * 1024,
            integrity_bytes_max: 64 * MIB,
            redirects_max: 20,
            preflights_max: 1_000,
            preflight_age_s_max: 7_200,
            cookies_max: 3_000,
            cookies_per_domain_max: 180,
            cookie_bytes_max: 4_096,
            connections_max: 64,
            connection_message_bytes_max: 16 * MIB,
            connections_received_bytes_max: 32 * MIB,
            connections_sending_bytes_max: 16 * MIB,
            connection_close_ms_max: 5_000,
            private_network: PrivateNetwork::Refuse,
            extra_root_certificates: Vec::new(),
            connect_timeout_ms: 30_000,
            response_idle_timeout_ms: 60_000,
            fetch_timeout_ms: 3_600_000,
            console_line_bytes_max: 16 * 1024,
            console_lines_per_second_max: 1_000,
            notifications_per_origin_max: 100,
            notification_bytes_max: MIB,
            origin_bytes_max: 2048 * MIB as u64,
            profile_bytes_max: 8192 * MIB as u64,
            opaque_padding_bytes_max: 14 * MIB as u64,
            compiled_script_bytes_max: 32 * MIB,
            user_agent: format!("WakeWorker/{}", env!("CARGO_PKG_VERSION")),
            language: "en".to_owned(),
            virtual_time: None,
            script_extensions: ScriptExtensions::default(),
        }
    }
}

const MIB: usize = 1024 * 1024;
