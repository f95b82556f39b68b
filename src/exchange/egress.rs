//! Egress: the way requests leave by, which is also what an exchange counts and bans by.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

const SCHEMES: [&str; 3] = ["http", "socks5", "socks5h"];

/// How requests leave this machine. Accounts of one exchange with the same egress share its limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Egress {
    /// As the system routes them.
    #[default]
    Direct,
    /// From this local address.
    Bind(IpAddr),
    Proxy(ProxyUrl),
}

/// The URL of a proxy. It may hold credentials, which are never shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProxyUrl(String);

/// An egress, or the address of an exchange, that cannot be used. It shows no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} `{value}`: {reason}")]
pub struct BadEgress {
    pub field: &'static str,
    pub value: String,
    pub reason: String,
}

impl BadEgress {
    pub(super) fn new(field: &'static str, value: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self { field, value: value.to_string(), reason: reason.to_string() }
    }
}

impl Egress {
    /// Its name in states, logs and the memory of bans: the same for the same egress, and without credentials.
    pub fn label(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Bind(address) => write!(f, "{address}"),
            Self::Proxy(url) => write!(f, "{url}"),
        }
    }
}

impl FromStr for Egress {
    type Err = BadEgress;

    /// Reads `direct`, a local address, or the URL of a proxy.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "direct" {
            return Ok(Self::Direct);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Bind(address));
        }
        ProxyUrl::parse(text).map(Self::Proxy)
    }
}

impl ProxyUrl {
    fn parse(text: &str) -> Result<Self, BadEgress> {
        const ALLOWED: &str = "allowed are `direct`, an IP address of this machine, and http://, socks5:// or \
                               socks5h:// with host and port";
        // What cannot be read may hold a password all the same.
        let bad = |shown: &str| BadEgress::new("egress", shown, ALLOWED);
        let url: Url =
            text.parse().map_err(|_| bad(if text.contains('@') { "(with credentials)" } else { text }))?;
        let bare = url.path().trim_matches('/').is_empty() && url.query().is_none();
        if !SCHEMES.contains(&url.scheme()) || !url.has_host() || !bare {
            return Err(bad(&without_credentials(&url)));
        }
        Ok(Self(url.into()))
    }

    /// With its credentials, for the HTTP client only.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.parse::<Url>() {
            Ok(url) => f.write_str(&without_credentials(&url)),
            Err(_) => f.write_str("proxy"),
        }
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

fn without_credentials(url: &Url) -> String {
    let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests;
