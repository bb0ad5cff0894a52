//! The connection queue: requests to open and delete a database, one after the other ("opening a database", "deleting a
//! database").

use crate::database::{Inner, Link};
use crate::engine::{Listener, Mode, Notice};
use crate::{Error, schema};
use std::collections::VecDeque;
use std::sync::Arc;

/// A request of a context.
pub(crate) struct Request {
    pub(crate) id: u64,
    pub(crate) context: u64,
    pub(crate) listener: Arc<dyn Listener>,
    pub(crate) kind: Kind,
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Open { version: Option<u64>, connection: u64 },
    Delete,
}

/// The requests, and how far the first one is.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Request>,
    stage: Stage,
    old_version: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Begin,
    /// Until `versionchange` was fired at every connection.
    Telling,
    /// Until every connection is closed.
    Closing,
    /// Until the upgrade transaction has ended.
    Upgrading,
}

impl Queue {
    pub(crate) fn push(&mut self, request: Request) {
        self.waiting.push_back(request);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The version before the upgrade that is under way.
    pub(crate) fn old_version(&self) -> u64 {
        self.old_version
    }

    pub(crate) fn forget_context(&mut self, context: u64) {
        if self.waiting.front().is_some_and(|first| first.context == context) {
            self.stage = Stage::Begin;
        }
        self.waiting.retain(|request| request.context != context);
    }

    /// The first request begins anew; one whose upgrade was undone has heard of it.
    pub(crate) fn interrupt(&mut self) {
        if self.stage == Stage::Upgrading {
            self.waiting.pop_front();
        }
        self.stage = Stage::Begin;
    }

    fn finish(&mut self) {
        self.waiting.pop_front();
        self.stage = Stage::Begin;
    }
}

impl Inner {
    /// Goes on with the queue as far as possible.
    pub(crate) fn advance(&mut self) {
        loop {
            self.drop_closed_connections();
            let Some(first) = self.queue.waiting.front() else { break };
            let (id, kind, listener) = (first.id, first.kind, first.listener.clone());
            match self.step(id, kind, &listener) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    self.queue.finish();
                    listener.notify(Notice::Failed { request: id, error });
                }
            }
        }
        self.close_file_if_unused();
    }

    /// One step of the first request; false if it must wait.
    fn step(&mut self, request: u64, kind: Kind, listener: &Arc<dyn Listener>) -> Result<bool, Error> {
        let new = match kind {
            Kind::Open { version, .. } => version,
            Kind::Delete => None,
        };
        match self.queue.stage {
            Stage::Begin => {
                let missing = self.file.is_none()
                    && self.shared.files.catalog.find(&self.origin, &self.name)?.is_none();
                let old = match kind {
                    Kind::Delete if missing => 0,
                    _ => schema::version(&self.open_file()?.sqlite)?,
                };
                self.queue.old_version = old;
                match kind {
                    Kind::Open { version: Some(new), .. } if new < old => {
                        return Err(Error::Version(format!(
                            "the database has version {old}, which is higher than the {new} asked for"
                        )));
                    }
                    Kind::Open { version, connection } if old > 0 && version.is_none_or(|new| new == old) => {
                        let schema = schema::load(&self.open_file()?.sqlite)?;
                        self.connect(connection, listener);
                        self.queue.finish();
                        listener.notify(Notice::Opened { request, connection, schema });
                        return Ok(true);
                    }
                    Kind::Delete if old == 0 => {
                        self.queue.finish();
                        listener.notify(Notice::Deleted { request, old });
                        return Ok(true);
                    }
                    _ => {}
                }
                for link in self.connections.iter_mut().filter(|link| !link.is_closing) {
                    link.is_told = true;
                    link.listener.notify(Notice::VersionChange { connection: link.id, old, new });
                }
                self.queue.stage = Stage::Telling;
            }
            Stage::Telling => {
                if self.connections.iter().any(|link| link.is_told && !link.is_closing) {
                    return Ok(false);
                }
                if !self.connections.is_empty() {
                    listener.notify(Notice::Blocked { request, old: self.queue.old_version, new });
                }
                self.queue.stage = Stage::Closing;
            }
            Stage::Closing if !self.connections.is_empty() => return Ok(false),
            Stage::Closing => match kind {
                Kind::Open { version, connection } => {
                    self.connect(connection, listener);
                    let version = version.unwrap_or(1);
                    let (transaction, schema) = match self.begin_upgrade(connection, version) {
                        Ok(begun) => begun,
                        Err(error) => {
                            self.connections.retain(|link| link.id != connection);
                            return Err(error);
                        }
                    };
                    self.queue.stage = Stage::Upgrading;
                    let old = self.queue.old_version;
                    listener.notify(Notice::UpgradeNeeded { request, connection, transaction, old, schema });
                }
                Kind::Delete => {
                    self.remove()?;
                    let old = self.queue.old_version;
                    self.queue.finish();
                    listener.notify(Notice::Deleted { request, old });
                }
            },
            Stage::Upgrading => {
                if self.live.iter().any(|transaction| transaction.mode == Mode::VersionChange) {
                    return Ok(false);
                }
                self.queue.finish();
            }
        }
        Ok(true)
    }

    fn connect(&mut self, connection: u64, listener: &Arc<dyn Listener>) {
        let context = self.queue.waiting.front().map_or(0, |first| first.context);
        self.connections.push(Link {
            id: connection,
            context,
            listener: listener.clone(),
            is_closing: false,
            is_told: false,
        });
    }
}
