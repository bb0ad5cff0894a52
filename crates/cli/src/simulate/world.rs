//! The state of the world around the host, as the scenario moves it.

use super::agenda::{Agenda, Event};
use super::draw::Draw;
use super::history::{self, History};
use super::scenario::{Link, Server, ServerTurn};
use wakeworker::network::ManualNetwork;
use wakeworker::power::ManualPower;
use wakeworker_core::{Connection, Power};

/// Network, power and servers.
pub(crate) struct World {
    /// What the host's monitor reports.
    pub(crate) network: ManualNetwork,
    link: Link,
    /// Counts the stretches of a flaky network, so that a flap of an earlier one is known as such.
    stretch: u32,
    /// What the host's monitor of the power reports.
    pub(crate) power: ManualPower,
    servers: Vec<Server>,
    draw: Draw,
}

impl World {
    pub(crate) fn new(apps: usize, draw: Draw) -> World {
        World {
            network: ManualNetwork::new(Connection::Wifi),
            link: Link { connection: Connection::Wifi, flaky: None },
            stretch: 0,
            power: ManualPower::new(Power::default()),
            servers: vec![Server::Up; apps],
            draw,
        }
    }

    /// The connection now.
    pub(crate) fn connection(&self) -> Connection {
        self.network.connection()
    }

    /// The server of an app now.
    pub(crate) fn server(&self, app: usize) -> Server {
        self.servers.get(app).copied().unwrap_or(Server::Up)
    }

    /// Another network from now on.
    pub(crate) fn set_link(&mut self, now: u64, link: Link, agenda: &mut Agenda) {
        self.link = link;
        self.stretch += 1;
        self.network.set(link.connection);
        self.note_flap(now, true, agenda);
    }

    /// A flaky network goes or comes back; false if it is another network by now.
    pub(crate) fn flap(&mut self, now: u64, stretch: u32, online: bool, agenda: &mut Agenda) -> bool {
        if stretch != self.stretch {
            return false;
        }
        self.network.set(if online { self.link.connection } else { Connection::None });
        self.note_flap(now, online, agenda);
        true
    }

    fn note_flap(&self, now: u64, online: bool, agenda: &mut Agenda) {
        let Some((up, down)) = self.link.flaky else { return };
        let draw = self.draw.named("flap").with(now);
        let lasts = if online { up.draw(draw) } else { down.draw(draw) };
        agenda.note(now.saturating_add(lasts), Event::Flap { stretch: self.stretch, online: !online });
    }

    /// Another state of one server or of all.
    pub(crate) fn set_server(&mut self, turn: ServerTurn) {
        match turn.app {
            Some(app) => {
                if let Some(server) = self.servers.get_mut(app) {
                    *server = turn.server;
                }
            }
            None => self.servers.fill(turn.server),
        }
    }

    /// Writes down how the world is now.
    pub(crate) fn record(&self, now: u64, history: &mut History) {
        history::turn(&mut history.connections, now, self.connection());
        history::turn(&mut history.powers, now, self.power.power());
        history.servers.resize_with(self.servers.len(), Vec::new);
        for (turns, server) in history.servers.iter_mut().zip(&self.servers) {
            history::turn(turns, now, *server);
        }
    }
}
