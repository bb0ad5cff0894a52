//! Prints the connection whenever it changes, until the input ends (Ctrl-D).
//!
//! ```sh
//! cargo run -p wakeworker --example watch_network                                  # what the system says
//! cargo run -p wakeworker --example watch_network -- http://example.com/generate_204   # and what a URL proves
//! ```
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::error::Error;
use std::io::Read as _;
use wakeworker::network::{Expected, NetworkMonitor, Probe, ProbedNetwork, SystemNetwork};

fn main() -> Result<(), Box<dyn Error>> {
    let mut network: Box<dyn NetworkMonitor> = Box::new(SystemNetwork::new()?);
    if let Some(url) = std::env::args().nth(1) {
        network = Box::new(ProbedNetwork::over(network, Probe::new(&url, Expected::NoContent)?));
    }
    network.start(Box::new(|connection| println!("{connection:?}, online: {}", connection.is_online())));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
