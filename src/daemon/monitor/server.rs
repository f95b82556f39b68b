//! `/health`, `/ready` and `/metrics`: read-only, without secrets, one request a moment.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tokio::net::TcpListener;

use super::Subject;
use super::exposition;
use super::figures;
use super::health::{Health, Readiness};

/// Answers until the runtime ends.
pub async fn serve(subject: Arc<Subject>, listener: TcpListener) {
    let routes = Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(subject);
    if let Err(error) = axum::serve(listener, routes).await {
        tracing::error!(%error, "health and metrics are not told any more");
    }
}

async fn health(State(subject): State<Arc<Subject>>) -> Response {
    let health = Health::of(&subject.counters.vitals);
    answer(health.ok, &health)
}

async fn ready(State(subject): State<Arc<Subject>>) -> Response {
    match subject.gauges() {
        Ok(gauges) => {
            let readiness = Readiness::of(&subject.counters.vitals, &gauges.accounts);
            answer(readiness.ok, &readiness)
        }
        Err(error) => answer(false, &serde_json::json!({ "ok": false, "error": error.to_string() })),
    }
}

async fn metrics(State(subject): State<Arc<Subject>>) -> Response {
    match exposition::render(figures::gather(&subject)) {
        Ok(text) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn answer(is_ok: bool, body: &impl Serialize) -> Response {
    let status = if is_ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let text = serde_json::to_string(body).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], text)
        .into_response()
}
