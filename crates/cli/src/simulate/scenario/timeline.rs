//! What the world does by itself: the network, the power, the device and the apps' servers, each as a list of turns.

use super::app::App;
use super::when::When;
use crate::simulate::reader::Reader;
use crate::simulate::units::{SECOND_MS, Spread};
use wakeworker_core::{Connection, Power};

/// From some moments on, something is another way.
#[derive(Clone, Debug)]
pub(crate) struct Turn<T> {
    pub(crate) when: When,
    pub(crate) to: T,
}

/// The network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) connection: Connection,
    /// It comes and goes: how long it is there, and how long it is not.
    pub(crate) flaky: Option<(Spread, Spread)>,
}

/// The device with the host program on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    /// It runs.
    On,
    /// The host ends orderly, and the device is off.
    Off,
    /// The host is killed in the middle of what it does, and the device is off.
    Crash,
}

/// The servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// Answers, as likely as the app says.
    Up,
    /// Cannot be reached.
    Down,
    /// Answers 500 to everything.
    Broken,
}

/// A turn of one app's server, or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerTurn {
    pub(crate) app: Option<usize>,
    pub(crate) server: Server,
}

/// The words for connections.
pub(crate) const CONNECTIONS: [(&str, Connection); 5] = [
    ("offline", Connection::None),
    ("wifi", Connection::Wifi),
    ("cellular", Connection::Cellular),
    ("ethernet", Connection::Ethernet),
    ("unknown", Connection::Unknown),
];

pub(super) fn read_network(top: &Reader<'_>) -> Vec<Turn<Link>> {
    let read = |table: Reader<'_>| {
        let when = When::read(&table);
        if !table.has("connection") {
            table.missing("connection", "connection = \"offline\"");
        }
        let connection = table.choice("connection", &CONNECTIONS).unwrap_or_default();
        let flaky = table.table("flaky").map(|flaky| read_flaky(flaky));
        if flaky.is_some() && connection == Connection::None {
            table.problem("flaky", "makes no sense while offline; name the connection that comes and goes");
        }
        table.finish();
        Turn { when, to: Link { connection, flaky } }
    };
    top.tables("network").into_iter().map(read).collect()
}

fn read_flaky(table: Reader<'_>) -> (Spread, Spread) {
    let spread = |key, example| {
        if !table.has(key) {
            table.missing(key, example);
        }
        let spread = table.spread(key).unwrap_or(Spread::exactly(SECOND_MS));
        if spread.least_ms < SECOND_MS {
            table.problem(key, "is shorter than 1s, which no network is; write 1s or more");
        }
        spread
    };
    let flaky = (spread("up", "up = \"2m..10m\""), spread("down", "down = \"20s..3m\""));
    table.finish();
    flaky
}

pub(super) fn read_power(top: &Reader<'_>) -> Vec<Turn<Power>> {
    let read = |table: Reader<'_>| {
        let when = When::read(&table);
        let to = Power {
            charging: table.boolean("charging").unwrap_or(true),
            battery_saver: table.boolean("battery_saver").unwrap_or(false),
            data_saver: table.boolean("data_saver").unwrap_or(false),
        };
        table.finish();
        Turn { when, to }
    };
    top.tables("power").into_iter().map(read).collect()
}

pub(super) fn read_device(top: &Reader<'_>) -> Vec<Turn<Device>> {
    let words = [("on", Device::On), ("off", Device::Off), ("crash", Device::Crash)];
    let read = |table: Reader<'_>| {
        let when = When::read(&table);
        if !table.has("state") {
            table.missing("state", "state = \"off\"");
        }
        let to = table.choice("state", &words).unwrap_or(Device::On);
        table.finish();
        Turn { when, to }
    };
    top.tables("device").into_iter().map(read).collect()
}

pub(super) fn read_server(top: &Reader<'_>, apps: &[App]) -> Vec<Turn<ServerTurn>> {
    let words = [("up", Server::Up), ("down", Server::Down), ("broken", Server::Broken)];
    let read = |table: Reader<'_>| {
        let when = When::read(&table);
        let app = table.has("app").then(|| super::app_of(&table, apps));
        if !table.has("state") {
            table.missing("state", "state = \"down\"");
        }
        let server = table.choice("state", &words).unwrap_or(Server::Up);
        table.finish();
        Turn { when, to: ServerTurn { app, server } }
    };
    top.tables("server").into_iter().map(read).collect()
}
