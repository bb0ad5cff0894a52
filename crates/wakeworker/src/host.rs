//! The host: one profile and its engine thread.

use crate::clock::{Clock, SystemClock};
use crate::connection::ConnectionCell;
use crate::driver::{Driver, Observed};
use crate::error::OpenError;
use crate::message::Message;
use crate::network::{NetworkMonitor, OnChange};
use crate::power::PowerMonitor;
use crate::store::{SkippedRecord, Store};
use crate::worker::WorkerBackend;
use crate::{HostHandle, PermissionProvider};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use wakeworker_core::{AttemptId, Config, Connection, Input, NetworkId};

/// A running engine. Dropping it stops the workers and gives the profile back; what is stored goes on at the next
/// start. Everything that can be asked of it is asked through [`HostHandle`], which it dereferences to.
pub struct Host {
    handle: HostHandle,
    monitors: Option<Monitors>,
    thread: Option<JoinHandle<()>>,
    skipped: Vec<SkippedRecord>,
}

/// What a [`Host`] is made of.
pub struct HostBuilder {
    store: Box<dyn Store>,
    backend: Option<Arc<dyn WorkerBackend>>,
    network: Option<Box<dyn NetworkMonitor>>,
    power: Option<Box<dyn PowerMonitor>>,
    permissions: Option<Arc<dyn PermissionProvider>>,
    network_identity: Option<NetworkIdentity>,
    config: Config,
    clock: Arc<dyn Clock>,
}

/// Tells networks apart (R121).
type NetworkIdentity = Box<dyn Fn(Connection) -> Option<NetworkId> + Send + Sync>;

/// What watches the device for a [`Driver`]. It must be kept as long as the driver runs.
#[must_use = "without its monitors a driver hears nothing of network and power"]
pub struct Monitors {
    kept: (Box<dyn NetworkMonitor>, Option<Box<dyn PowerMonitor>>),
}

impl Host {
    /// Starts describing a host over `store`.
    pub fn builder(store: Box<dyn Store>) -> HostBuilder {
        HostBuilder {
            store,
            backend: None,
            network: None,
            power: None,
            permissions: None,
            network_identity: None,
            config: Config::default(),
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// A handle that may outlive this value; it then answers everything with "shutting down".
    pub fn handle(&self) -> HostHandle {
        self.handle.clone()
    }

    /// Records of the profile that could not be read at the start and were left as they are (R170).
    pub fn skipped_records(&self) -> &[SkippedRecord] {
        &self.skipped
    }
}

impl HostBuilder {
    /// What runs the service workers. Without one, every event fails as abandoned.
    pub fn backend(mut self, backend: Arc<dyn WorkerBackend>) -> HostBuilder {
        self.backend = Some(backend);
        self
    }

    /// Where connectivity comes from. Default: always online.
    pub fn network(mut self, network: Box<dyn NetworkMonitor>) -> HostBuilder {
        self.network = Some(network);
        self
    }

    /// Tells the networks apart that the monitor reports, for [`Config::same_network_only`] (R121): called with each change
    /// of the connection, under the monitor's lock, so it must return at once. `None` if it cannot tell.
    pub fn network_identity(
        mut self,
        identify: impl Fn(Connection) -> Option<NetworkId> + Send + Sync + 'static,
    ) -> HostBuilder {
        self.network_identity = Some(Box::new(identify));
        self
    }

    /// Where the state of the power supply comes from (R117, R227). Default: plugged in, saving nothing.
    pub fn power(mut self, power: Box<dyn PowerMonitor>) -> HostBuilder {
        self.power = Some(power);
        self
    }

    /// Who decides what origins may do. Default: nobody, so each permission has its default until
    /// [`HostHandle::set_permission`] states it.
    pub fn permission_provider(mut self, provider: Arc<dyn PermissionProvider>) -> HostBuilder {
        self.permissions = Some(provider);
        self
    }

    /// Limits and policies.
    pub fn config(mut self, config: Config) -> HostBuilder {
        self.config = config;
        self
    }

    /// Another source of time.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> HostBuilder {
        self.clock = clock;
        self
    }

    /// Takes the profile, restores its engine and starts it. Entries that may fire do so at once (R168).
    pub fn open(mut self) -> Result<Host, OpenError> {
        let connections = self.take_connections();
        let (driver, handle, cell) = self.build()?;
        let skipped = driver.skipped_records().to_vec();
        let thread = std::thread::Builder::new()
            .name("wakeworker-engine".into())
            .spawn(move || driver.run())
            .map_err(OpenError::Thread)?;
        let monitors = connections.connect(&handle, &cell);
        Ok(Host { handle, monitors: Some(monitors), thread: Some(thread), skipped })
    }

    /// The same without a thread: the caller runs [`Driver::turn`] whenever something was sent or is due.
    pub fn driver(mut self) -> Result<(Driver, HostHandle, Monitors), OpenError> {
        let connections = self.take_connections();
        let (driver, handle, cell) = self.build()?;
        let monitors = connections.connect(&handle, &cell);
        Ok((driver, handle, monitors))
    }

    fn take_connections(&mut self) -> Connections {
        let backend = self.backend.get_or_insert_with(|| Arc::new(NoBackend));
        let network = self.network.take().unwrap_or_else(|| Box::new(AlwaysOnline));
        Connections {
            backend: Arc::clone(backend),
            network,
            power: self.power.take(),
            network_identity: self.network_identity.take(),
        }
    }

    fn build(self) -> Result<(Driver, HostHandle, ConnectionCell), OpenError> {
        let (sender, receiver) = channel();
        let observed = Observed::default();
        let handle = HostHandle::new(sender, observed.clone());
        let backend = self.backend.unwrap_or_else(|| Arc::new(NoBackend));
        let cell = ConnectionCell::default();
        let driver = Driver::open(
            self.config,
            self.store,
            backend,
            cell.clone(),
            handle.clone(),
            observed,
            receiver,
            self.clock,
            self.permissions,
        )?;
        Ok((driver, handle, cell))
    }
}

/// What is told of the host once its engine exists.
struct Connections {
    backend: Arc<dyn WorkerBackend>,
    network: Box<dyn NetworkMonitor>,
    power: Option<Box<dyn PowerMonitor>>,
    network_identity: Option<NetworkIdentity>,
}

impl Connections {
    fn connect(self, handle: &HostHandle, cell: &ConnectionCell) -> Monitors {
        self.backend.attach(handle.clone());
        // What holds events back is told before the connection, which fires them.
        let mut power = self.power;
        if let Some(power) = &mut power {
            let told = handle.clone();
            power.start(Box::new(move |power| told.power_reported(power)));
        }
        let mut network = self.network;
        let (told, changed) = (handle.clone(), cell.clone());
        let identity = self.network_identity;
        network.start(Box::new(move |connection| {
            changed.set(connection);
            let network = identity.as_ref().and_then(|identify| identify(connection));
            told.input(Input::NetworkChanged { connection, network }); // R55, R56
        }));
        Monitors { kept: (network, power) }
    }
}

impl Deref for Host {
    type Target = HostHandle;

    fn deref(&self) -> &HostHandle {
        &self.handle
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.monitors = None;
        self.handle.send(Message::Shutdown);
        if let Some(thread) = self.thread.take() {
            // A panic on the engine thread has been printed there; the store is as after a crash.
            drop(thread.join());
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl fmt::Debug for Monitors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitors").field("power", &self.kept.1.is_some()).finish_non_exhaustive()
    }
}

impl fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Stands in where a host watches no network: a connection of unknown kind that never changes (R53).
struct AlwaysOnline;

impl NetworkMonitor for AlwaysOnline {
    fn start(&mut self, on_change: OnChange) {
        on_change(Connection::Unknown);
    }
}

/// Stands in where a host has no backend: every event is answered as abandoned.
struct NoBackend;

impl WorkerBackend for NoBackend {
    fn attach(&self, _host: HostHandle) {}
    fn dispatch(&self, _dispatch: &wakeworker_core::Dispatch, _done: crate::worker::DispatchDone) {}
    fn terminate(&self, _attempt: AttemptId) {}
}
