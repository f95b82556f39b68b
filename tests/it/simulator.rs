//! A local exchange in a process of its own, as a test's other side.

use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::harness::Home;

/// A running exchange; killed when dropped.
pub(crate) struct Simulator {
    process: Child,
    pub(crate) base: String,
    client: reqwest::Client,
    _home: Home,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Simulator {
    /// One exchange of the synthetic market, at a port of its own.
    pub(crate) async fn start(exchange: &str, flags: &[&str]) -> Self {
        let home = Home::empty();
        let ready = home.write("ready.json", "");
        let mut process = home
            .program()
            .args(["simulate", "--synthetic", "--ready-file", &ready])
            .args([&format!("--{exchange}"), "127.0.0.1:0"])
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let urls = loop {
            let text = std::fs::read_to_string(&ready).unwrap();
            assert!(process.try_wait().unwrap().is_none(), "the exchange ended");
            if let Ok(urls) = serde_json::from_str::<Value>(&text) {
                break urls;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        // The crate has no TLS provider of its own; loopback needs none.
        drop(rustls::crypto::ring::default_provider().install_default());
        let base = urls[exchange].as_str().unwrap().to_owned();
        Self { process, base, client: reqwest::Client::new(), _home: home }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, query: &str) -> Result<Value, reqwest::Error> {
        let url = format!("{}{path}?{query}", self.base);
        let request = self.client.request(method.parse().unwrap(), url).header("X-MBX-APIKEY", "testkey");
        let text = request.send().await?.text().await?;
        Ok(serde_json::from_str(&text).unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        self.send("GET", path, query).await.unwrap()
    }

    pub(crate) async fn control(&self, path: &str, body: &Value) {
        let request = self.client.post(format!("{}/_sim/{path}", self.base)).body(body.to_string());
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
}
