//! The open pages: the window clients of the workers.
//!
//! A page's identity is drawn when it is navigated to (so that the `fetch` event of the navigation can name it), written
//! into the page, and brought back when the page connects. In between the page is *reserved*: it makes requests already,
//! but does not count as a client yet.

use super::outbox::Outbox;
use super::page_ports::PagePorts;
use super::protocol::{ControllerInfo, GatewayMessage, Hello, PageFrameType, RegistrationInfo, Visibility};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use url::Url;
use wakeworker::ClientGuard;
use wakeworker_core::{StorageKey, WorkerRegistrationId};
use wakeworker_quickjs::{ClientInfo, Clients, PostedMessage, RegistrationState, WorkerState};

/// Navigations that may wait for their page to connect; the oldest is forgotten first.
const RESERVED_MAX: usize = 1_024;

/// All pages of one gateway.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    open: HashMap<String, Page>,
    /// Whose each registration is: pages of others do not hear of its end (R35, R175).
    owners: HashMap<u64, StorageKey>,
    reserved: HashMap<String, Reserved>,
    /// Counts openings and focusings, so that both have an order.
    order: u64,
    /// Counts what the runtime has told.
    changes: u64,
}

/// A navigation whose page has not connected yet.
#[derive(Debug)]
struct Reserved {
    url: String,
    storage_key: StorageKey,
    controller: Option<ControllerInfo>,
    order: u64,
}

#[derive(Debug)]
struct Page {
    storage_key: StorageKey,
    /// Its creation URL, which scripts see.
    url: String,
    /// Its URL now, which its requests name.
    current_url: String,
    frame_type: PageFrameType,
    visibility: Visibility,
    focused: bool,
    ancestor_origins: Vec<String>,
    opened: u64,
    last_focused: u64,
    controller: Option<ControllerInfo>,
    /// The connection that this page is on. A page that connects again replaces its older connection.
    connection: u64,
    outbox: Outbox,
    ports: PagePorts,
    /// It has a BroadcastChannel.
    hears_broadcasts: bool,
    /// Makes the page a client of the engine while it is here (R18).
    _guard: ClientGuard,
}

/// What a page brings with it.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Makes it a client of the engine.
    pub(crate) guard: ClientGuard,
    /// Its way out.
    pub(crate) outbox: Outbox,
    /// Its message ports.
    pub(crate) ports: PagePorts,
}

/// A page that has just connected.
#[derive(Debug)]
pub(crate) struct OpenedPage {
    /// Its identity.
    pub(crate) id: String,
    /// The number of its connection.
    pub(crate) connection: u64,
}

/// Who made a request, found by the `Referer` that it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Initiator {
    /// The client's identity.
    pub(crate) client: String,
    /// The registration that controls it.
    pub(crate) controller: Option<WorkerRegistrationId>,
}

impl Pages {
    /// Draws the identity of a page that is being navigated to.
    pub(crate) fn reserve(
        &self,
        storage_key: &StorageKey,
        url: &str,
        controller: Option<ControllerInfo>,
    ) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        let mut inner = self.lock();
        if inner.reserved.len() >= RESERVED_MAX
            && let Some(oldest) = inner.reserved.iter().min_by_key(|(_, r)| r.order).map(|(id, _)| id.clone())
        {
            inner.reserved.remove(&oldest);
        }
        let order = inner.next_order();
        let reserved = Reserved {
            url: without_fragment(url).into(),
            storage_key: storage_key.clone(),
            controller,
            order,
        };
        inner.reserved.insert(id.clone(), reserved);
        id
    }

    /// A page has connected: queues its welcome, before anything else can be queued.
    ///
    /// `registrations` asks the runtime for the registrations of the storage key. It is called without a lock, because
    /// the runtime may be telling this object something at the same moment, and again if it did.
    pub(crate) fn open(
        &self,
        hello: &Hello,
        storage_key: &StorageKey,
        arrival: Arrival,
        registrations: impl Fn() -> Vec<RegistrationState>,
    ) -> OpenedPage {
        let Arrival { guard, outbox, ports } = arrival;
        let url = without_fragment(&hello.url).to_owned();
        let (mut inner, registrations) = loop {
            let before = self.lock().changes;
            let registrations = registrations();
            let inner = self.lock();
            if inner.changes == before {
                break (inner, registrations);
            }
        };
        let reserved =
            inner.reserved.remove(&hello.client).filter(|r| r.storage_key == *storage_key && r.url == url);
        let known =
            inner.open.get(&hello.client).is_some_and(|p| p.storage_key == *storage_key && p.url == url);
        let brought = hello.controller.map(WorkerRegistrationId);
        let (id, controller) = match reserved {
            // The controller may have changed while the page loaded; a registration that has gone controls nothing.
            Some(reserved) => {
                (hello.client.clone(), reserved.controller.map(|c| WorkerRegistrationId(c.registration)))
            }
            None if known => (hello.client.clone(), brought),
            // A restarted gateway knows the page no longer: it becomes a new client and keeps its controller.
            None => (uuid::Uuid::new_v4().to_string(), brought),
        };
        let controller = controller
            .and_then(|controller| registrations.iter().find(|registration| registration.id == controller))
            .and_then(ControllerInfo::active);
        inner.owners.extend(registrations.iter().map(|r| (r.id.0, storage_key.clone())));
        let order = inner.next_order();
        outbox.send(&GatewayMessage::Welcome {
            client: id.clone(),
            controller: controller.clone(),
            registrations: registrations.iter().map(RegistrationInfo::from).collect(),
        });
        let page = Page {
            storage_key: storage_key.clone(),
            current_url: url.clone(),
            url,
            frame_type: hello.frame_type,
            visibility: hello.visibility_state,
            focused: hello.focused,
            ancestor_origins: hello.top_origin.iter().cloned().collect(),
            opened: order,
            last_focused: if hello.focused { order } else { 0 },
            controller,
            connection: order,
            outbox,
            ports,
            hears_broadcasts: false,
            _guard: guard,
        };
        inner.open.insert(id.clone(), page);
        OpenedPage { id, connection: order }
    }

    /// The page's connection has ended.
    pub(crate) fn close(&self, page: &OpenedPage) {
        let mut inner = self.lock();
        if inner.open.get(&page.id).is_some_and(|open| open.connection == page.connection) {
            inner.open.remove(&page.id);
        }
    }

    /// The page has told something new about itself.
    pub(crate) fn changed(&self, id: &str, url: &str, visibility: Visibility, focused: bool) {
        let mut inner = self.lock();
        let order = inner.next_order();
        let Some(page) = inner.open.get_mut(id) else { return };
        page.current_url = without_fragment(url).to_owned();
        page.visibility = visibility;
        if focused && !page.focused {
            page.last_focused = order;
        }
        page.focused = focused;
    }

    /// The page has opened its first BroadcastChannel, or closed its last one.
    pub(crate) fn set_hears_broadcasts(&self, id: &str, hears: bool) {
        if let Some(page) = self.lock().open.get_mut(id) {
            page.hears_broadcasts = hears;
        }
    }

    /// The page as workers see it.
    pub(crate) fn info(&self, id: &str) -> Option<ClientInfo> {
        self.lock().open.get(id).map(|page| page.info(id))
    }

    /// The page at this URL that was opened last: whoever sent a request with this `Referer`.
    pub(crate) fn find_initiator(&self, storage_key: &StorageKey, referrer: &str) -> Option<Initiator> {
        let url = without_fragment(referrer);
        let inner = self.lock();
        let open = inner.open.iter().filter(|(_, p)| p.storage_key == *storage_key);
        let open = open.filter(|(_, p)| p.current_url == url || p.url == url);
        let open = open.map(|(id, p)| (p.opened, id, &p.controller));
        let reserved = inner.reserved.iter().filter(|(_, r)| r.storage_key == *storage_key && r.url == url);
        let reserved = reserved.map(|(id, r)| (r.order, id, &r.controller));
        let (_, id, controller) = open.chain(reserved).max_by_key(|(order, ..)| *order)?;
        let controller = controller.as_ref().map(|c| WorkerRegistrationId(c.registration));
        Some(Initiator { client: id.clone(), controller })
    }

    /// A registration is new or has changed: its pages are told, and follow its active worker.
    pub(crate) fn registration_changed(&self, registration: &RegistrationState) {
        let mut inner = self.lock();
        inner.changes += 1;
        inner.owners.insert(registration.id.0, registration.storage_key.clone());
        let active = ControllerInfo::active(registration);
        for page in inner.open.values_mut().filter(|page| page.storage_key == registration.storage_key) {
            page.outbox
                .send(&GatewayMessage::Registration { registration: RegistrationInfo::from(registration) });
            // Only the state may have changed here; another worker takes over by `set_controller`.
            if let (Some(old), Some(new)) = (&mut page.controller, &active)
                && old.registration == new.registration
            {
                old.worker = new.worker.clone();
            }
        }
    }

    /// A registration is gone. The pages that it controls keep their worker.
    pub(crate) fn unregistered(&self, registration: WorkerRegistrationId) {
        let mut inner = self.lock();
        inner.changes += 1;
        // A registration that no page was ever told of is nobody's news.
        let Some(owner) = inner.owners.get(&registration.0) else { return };
        for page in inner.open.values().filter(|page| page.storage_key == *owner) {
            page.outbox.send(&GatewayMessage::Unregistered { id: registration.0 });
        }
    }

    /// The workers of a registration that is gone are redundant. Pages that it controlled are on their own from now on.
    pub(crate) fn cleared(&self, registration: WorkerRegistrationId) {
        let mut inner = self.lock();
        inner.changes += 1;
        let is_it = |c: &ControllerInfo| c.registration == registration.0;
        let inner = &mut *inner;
        let Some(owner) = inner.owners.remove(&registration.0) else { return };
        for page in inner.open.values_mut().filter(|page| page.storage_key == owner) {
            page.outbox.send(&GatewayMessage::Cleared { id: registration.0 });
            if page.controller.as_ref().is_some_and(is_it) {
                page.controller = None;
            }
        }
        for reserved in inner.reserved.values_mut() {
            if reserved.controller.as_ref().is_some_and(is_it) {
                reserved.controller = None;
            }
        }
    }

    /// How many pages of an origin are open, in all its partitions.
    pub(crate) fn count_of(&self, origin: &str) -> usize {
        self.lock().open.values().filter(|page| page.storage_key.origin() == origin).count()
    }

    /// How many pages are open.
    pub(crate) fn count(&self) -> usize {
        self.lock().open.len()
    }

    /// Tells all open pages of a storage key something.
    pub(crate) fn tell(&self, storage_key: &StorageKey, message: &GatewayMessage) {
        for page in self.lock().open.values().filter(|page| page.storage_key == *storage_key) {
            page.outbox.send(message);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that holds the lock leaves things half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clients for Pages {
    fn match_all(&self, storage_key: &StorageKey) -> Vec<ClientInfo> {
        let inner = self.lock();
        let mut pages: Vec<(&String, &Page)> =
            inner.open.iter().filter(|(_, page)| page.storage_key == *storage_key).collect();
        // Windows that have had the focus, the latest first, then by creation (R160).
        pages.sort_by_key(|(_, page)| (std::cmp::Reverse(page.last_focused), page.opened));
        pages.into_iter().map(|(id, page)| page.info(id)).collect()
    }

    fn post_message(&self, client_id: &str, message: PostedMessage, source: &WorkerState) {
        // What happens to the ports may be told to other pages, so the lock is not held.
        let Some(ports) = self.lock().open.get(client_id).map(|page| page.ports.clone()) else { return };
        let source = source.into();
        ports.pass(message, |data, ports| GatewayMessage::Message { data, ports, source });
    }

    fn broadcast(&self, storage_key: &StorageKey, name: &str, data: &str) {
        let message = GatewayMessage::Broadcast { name: name.to_owned(), data: data.to_owned() };
        for page in self.lock().open.values() {
            if page.hears_broadcasts && page.storage_key == *storage_key {
                page.outbox.send(&message);
            }
        }
    }

    fn set_controller(&self, client_id: &str, registration: &RegistrationState, worker: &WorkerState) {
        let mut inner = self.lock();
        inner.changes += 1;
        let controller = ControllerInfo { registration: registration.id.0, worker: worker.into() };
        if let Some(page) = inner.open.get_mut(client_id) {
            page.controller = Some(controller.clone());
            page.outbox.send(&GatewayMessage::Controller { controller: Some(controller) });
        } else if let Some(reserved) = inner.reserved.get_mut(client_id) {
            reserved.controller = Some(controller);
        }
    }

    fn open_window(&self, _: &StorageKey, url: &Url) -> Result<Option<ClientInfo>, String> {
        Err(format!("the gateway cannot open a browser window for {url}; open it by hand"))
    }
}

impl Inner {
    fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }
}

impl Page {
    fn info(&self, id: &str) -> ClientInfo {
        ClientInfo {
            id: id.to_owned(),
            url: self.url.clone(),
            kind: "window".into(),
            frame_type: match self.frame_type {
                PageFrameType::TopLevel => "top-level",
                PageFrameType::Auxiliary => "auxiliary",
                PageFrameType::Nested => "nested",
            }
            .into(),
            visibility_state: match self.visibility {
                Visibility::Visible => "visible",
                Visibility::Hidden => "hidden",
            }
            .into(),
            focused: self.focused,
            ancestor_origins: self.ancestor_origins.clone(),
            controller: self.controller.as_ref().map(|c| wakeworker_core::WorkerId(c.worker.id())),
        }
    }
}

fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(before, _)| before)
}
