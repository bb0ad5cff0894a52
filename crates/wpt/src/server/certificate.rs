//! The certificate of the HTTPS ports: made anew for each run, never written anywhere.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// What a server needs to prove itself, and what its clients must trust.
pub(crate) struct Identity {
    pub(crate) acceptor: TlsAcceptor,
    /// The authority's certificate (DER).
    pub(crate) certificate: Vec<u8>,
}

/// Makes an authority and a certificate of it for these names.
pub(crate) fn make(names: &[String]) -> Result<Identity, String> {
    let failed = |error: rcgen::Error| format!("its certificate cannot be made: {error}");
    let mut authority = CertificateParams::new(Vec::new()).map_err(failed)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate().map_err(failed)?;
    let authority = CertifiedIssuer::self_signed(authority, key).map_err(failed)?;
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = CertificateParams::new(names.to_vec())
        .and_then(|parameters| parameters.signed_by(&key, &authority))
        .map_err(failed)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|error| format!("its key is unusable: {error}"))?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key)
        })
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    Ok(Identity { acceptor: TlsAcceptor::from(Arc::new(config)), certificate: authority.der().to_vec() })
}
