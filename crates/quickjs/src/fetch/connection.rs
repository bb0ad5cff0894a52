//! Connections for bytes in both directions: TCP, with TLS where the URL says so.

use super::AddressSpace;
use super::http::addresses;
use crate::SocketRequest;
use rustls::pki_types::ServerName;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Host;

/// Whatever bytes go over.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Connects to the server of a URL; the error is for people.
pub(super) async fn connect(
    request: &SocketRequest,
    tls: Arc<rustls::ClientConfig>,
) -> Result<Box<dyn Connection>, String> {
    let url = &request.url;
    let missing = || format!("`{url}` names no server");
    let port = url.port_or_known_default().ok_or_else(missing)?;
    let found = match url.host().ok_or_else(missing)? {
        Host::Domain(name) => addresses(name, request.reach).await?,
        Host::Ipv4(address) => vec![reachable(IpAddr::V4(address), request.reach)?],
        Host::Ipv6(address) => vec![reachable(IpAddr::V6(address), request.reach)?],
    };
    let found: Vec<SocketAddr> = found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    let server = url.host_str().unwrap_or_default();
    let stream = TcpStream::connect(found.as_slice())
        .await
        .map_err(|error| format!("`{server}:{port}` cannot be reached: {error}"))?;
    // A message should leave when it is sent. A connection on which that cannot be set still works.
    let _ = stream.set_nodelay(true);
    if url.scheme() == "http" {
        return Ok(Box::new(stream));
    }
    let name = match url.host() {
        Some(Host::Ipv4(address)) => ServerName::from(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => ServerName::from(IpAddr::V6(address)),
        _ => ServerName::try_from(server.to_owned())
            .map_err(|error| format!("`{server}` cannot be the name of a certificate: {error}"))?,
    };
    let secured = TlsConnector::from(tls).connect(name, stream).await;
    Ok(Box::new(secured.map_err(|error| format!("no TLS connection to `{server}:{port}`: {error}"))?))
}

fn reachable(address: IpAddr, reach: AddressSpace) -> Result<IpAddr, String> {
    let space = AddressSpace::of(address);
    if space >= reach { Ok(address) } else { Err(super::http::out_of_reach(&address.to_string(), space)) }
}
