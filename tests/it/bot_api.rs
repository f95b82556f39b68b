//! A Bot API on loopback: a chat's side of it, and what bots sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{Request, Response, StatusCode};
use axum::routing::any;
use serde_json::{Value, json};

use crate::harness::Home;

pub(crate) const TOKEN: &str = "700:AA-canary_token_of_a_bot";

/// A minute in all: a machine may be busy.
const LOOKS_MAX: u32 = 12_000;

/// One call of a bot, but for its questions for updates.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) token: String,
    pub(crate) method: String,
    pub(crate) body: Value,
}

impl Call {
    pub(crate) fn text(&self) -> &str {
        self.body["text"].as_str().unwrap_or_default()
    }

    pub(crate) fn chat(&self) -> i64 {
        self.body["chat_id"].as_i64().unwrap_or_default()
    }

    /// The data of the buttons under a message.
    pub(crate) fn buttons(&self) -> Vec<String> {
        let rows = self.body["reply_markup"]["inline_keyboard"].as_array().cloned().unwrap_or_default();
        let flat = rows.iter().flat_map(|row| row.as_array().cloned().unwrap_or_default());
        flat.map(|button| button["callback_data"].as_str().unwrap().to_owned()).collect()
    }
}

#[derive(Default)]
struct Shared {
    updates: BTreeMap<String, Vec<Value>>,
    calls: Vec<Call>,
    next_id: i64,
    /// What was confirmed is delivered all the same, as after a crash of Telegram's memory.
    repeats: bool,
    /// Answers of every call: (status, body).
    failing: Option<(u16, Value)>,
    /// Calls that were answered so.
    turned_away: usize,
}

type Locked = Arc<Mutex<Shared>>;

pub(crate) struct BotApi {
    shared: Locked,
    url: String,
}

impl BotApi {
    pub(crate) fn start() -> Self {
        let shared = Locked::default();
        shared.lock().unwrap().next_id = 1_000;
        let app = Router::new().route("/{bot}/{method}", any(answer)).with_state(Arc::clone(&shared));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, app).await.unwrap();
            });
        });
        Self { shared, url }
    }

    /// Makes the home's daemon ask here.
    pub(crate) fn serve(&self, home: &Home) {
        let text = format!("[telegram]\napi_url = \"{}\"\npoll_seconds = 1\n", self.url);
        std::fs::write(home.file("config.toml"), text).unwrap();
    }

    fn locked(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    pub(crate) fn repeat(&self) {
        self.locked().repeats = true;
    }

    pub(crate) fn fail(&self, with: Option<(u16, Value)>) {
        self.locked().failing = with;
    }

    pub(crate) fn turned_away(&self) -> usize {
        self.locked().turned_away
    }

    /// Any update; gives it its number.
    pub(crate) fn push(&self, token: &str, mut update: Value) -> i64 {
        let mut shared = self.locked();
        shared.next_id += 1;
        let id = shared.next_id;
        update["update_id"] = json!(id);
        shared.updates.entry(token.to_owned()).or_default().push(update);
        id
    }

    /// A person writes in their private chat.
    pub(crate) fn say(&self, token: &str, user: i64, text: &str) -> i64 {
        self.push(token, json!({ "message": message(user, user, "private", text, 0) }))
    }

    pub(crate) fn press(&self, token: &str, user: i64, chat: i64, data: &str) -> i64 {
        let on = message(700, chat, "private", "question", 0);
        let query = json!({ "id": format!("q{data}"), "from": person(user), "message": on, "chat_instance": "1", "data": data });
        self.push(token, json!({ "callback_query": query }))
    }

    pub(crate) fn calls(&self, method: &str) -> Vec<Call> {
        self.locked().calls.iter().filter(|call| call.method == method).cloned().collect()
    }

    /// Waits until so many messages have been sent in all, and gives the last.
    #[track_caller]
    pub(crate) fn message(&self, number: usize) -> Call {
        self.wait_for("SendMessage", number)
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, method: &str, number: usize) -> Call {
        for _ in 0..LOOKS_MAX {
            let calls = self.calls(method);
            if calls.len() >= number {
                assert_eq!(calls.len(), number, "too many: {calls:?}");
                return calls[number - 1].clone();
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("{} of {number} calls of {method}: {:?}", self.calls(method).len(), self.calls(method));
    }

    #[track_caller]
    pub(crate) fn wait_until(&self, mut is_so: impl FnMut() -> bool) {
        for _ in 0..LOOKS_MAX {
            if is_so() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("it never came to that: {:?}", self.calls("SendMessage").last());
    }

    /// Says something and gives the answer.
    #[track_caller]
    pub(crate) fn ask(&self, token: &str, user: i64, text: &str) -> Call {
        let before = self.calls("SendMessage").len();
        self.say(token, user, text);
        self.message(before + 1)
    }
}

pub(crate) fn message(user: i64, chat: i64, kind: &str, text: &str, age_seconds: i64) -> Value {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs().cast_signed();
    json!({
        "message_id": 77, "date": now - age_seconds, "from": person(user),
        "chat": { "id": chat, "type": kind, "first_name": "A", "title": "T" }, "text": text,
    })
}

fn person(user: i64) -> Value {
    json!({ "id": user, "is_bot": user == 700, "first_name": "A" })
}

async fn answer(
    State(shared): State<Locked>,
    Path((bot, method)): Path<(String, String)>,
    request: Request<Body>,
) -> Response<Body> {
    let token = bot.trim_start_matches("bot").to_owned();
    let raw = to_bytes(request.into_body(), 10_000_000).await.unwrap();
    let body: Value =
        serde_json::from_slice(&raw).unwrap_or_else(|_| json!({ "raw": String::from_utf8_lossy(&raw) }));
    let failing = shared.lock().unwrap().failing.clone();
    if let Some((status, body)) = failing {
        shared.lock().unwrap().turned_away += 1;
        return reply(status, &body);
    }
    if method == "GetUpdates" {
        return reply(200, &json!({ "ok": true, "result": updates(&shared, &token, &body).await }));
    }
    let mut shared = shared.lock().unwrap();
    let sent = message(700, body["chat_id"].as_i64().unwrap_or(1), "private", "sent", 0);
    shared.calls.push(Call { token, method: method.clone(), body });
    let result = match method.as_str() {
        "GetMe" => json!({
            "id": 700, "is_bot": true, "first_name": "Fleet", "username": "fleet_bot", "can_join_groups": true,
            "can_read_all_group_messages": false, "supports_inline_queries": false,
            "can_connect_to_business": false, "has_main_web_app": false,
        }),
        "SetMyCommands" | "AnswerCallbackQuery" => json!(true),
        _ => sent,
    };
    reply(200, &json!({ "ok": true, "result": result }))
}

/// A long poll: it waits a little, as long as it is asked to.
async fn updates(shared: &Locked, token: &str, body: &Value) -> Vec<Value> {
    let offset = body["offset"].as_i64().unwrap_or(0);
    let rounds = body["timeout"].as_i64().unwrap_or(0) * 100;
    for _ in 0..=rounds {
        {
            let mut shared = shared.lock().unwrap();
            let repeats = shared.repeats;
            let queue = shared.updates.entry(token.to_owned()).or_default();
            if !repeats {
                queue.retain(|update| update["update_id"].as_i64().unwrap() >= offset);
            }
            if !queue.is_empty() {
                return queue.iter().take(100).cloned().collect();
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Vec::new()
}

fn reply(status: u16, body: &Value) -> Response<Body> {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}
