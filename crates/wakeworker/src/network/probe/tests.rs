//! The whole monitor, against real servers on the loopback interface.

use super::testing::Server;
use super::*;
use crate::network::ManualNetwork;
use crate::network::testing::Heard;

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const LOGIN: &str = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/login\r\ncontent-length: 0\r\n\r\n";

fn monitor(server: &Server, network: &ManualNetwork) -> (ProbedNetwork, Heard) {
    let probe = Probe::new(&server.url(), Expected::NoContent).unwrap().with_retry_delays_ms(1, 4);
    let mut monitor = ProbedNetwork::over(Box::new(network.clone()), probe);
    let heard = Heard::default();
    monitor.start(heard.listener());
    (monitor, heard)
}

#[test] // R49, R55
fn nobody_is_asked_while_there_is_no_hint() {
    let server = Server::start(vec![NO_CONTENT]);
    let network = ManualNetwork::new(Connection::None);
    let (monitor, heard) = monitor(&server, &network);
    assert_eq!(heard.all(), [Connection::None]);
    assert!(!monitor.shared.lock().probing);
    assert_eq!(server.stop(), 0);
}

#[test] // R50
fn a_login_page_is_no_network_until_somebody_has_logged_in() {
    let server = Server::start(vec![LOGIN, "garbage", LOGIN, NO_CONTENT]);
    let network = ManualNetwork::new(Connection::Wifi);
    let (monitor, heard) = monitor(&server, &network);
    heard.wait_for(Connection::Wifi);
    assert_eq!(heard.all(), [Connection::None, Connection::Wifi]);
    network.set(Connection::None);
    assert_eq!(
        heard.all(),
        [Connection::None, Connection::Wifi, Connection::None],
        "down is believed at once"
    );
    network.set(Connection::Cellular);
    heard.wait_for(Connection::Cellular);
    drop(monitor);
    assert_eq!(server.stop(), 5, "three failures, and one proof for each network");
}

#[test]
fn dropping_the_monitor_ends_a_probing_that_never_succeeds() {
    let server = Server::start(vec![LOGIN]);
    let network = ManualNetwork::new(Connection::Wifi);
    let (monitor, heard) = monitor(&server, &network);
    let shared = Arc::clone(&monitor.shared);
    drop(monitor);
    network.set(Connection::None);
    network.set(Connection::Wifi);
    // The thread gives its part of the shared state back when it ends, which it does within one probe.
    while Arc::strong_count(&shared) > 1 {
        std::thread::yield_now();
    }
    assert_eq!(heard.all(), [Connection::None]);
}
