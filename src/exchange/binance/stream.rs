//! An account's stream: the socket, what its frames mean, and whether it still tells everything.

use std::collections::VecDeque;

use super::events::Translator;
use super::frames::AccountFrame;
use crate::domain::ids::ClientOrderId;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::echo_watch::EchoWatch;
use crate::exchange::report::ExchangeEvent;
use crate::exchange::socket_runner::{SocketHandle, SocketNews};

/// How long after its acceptance an order may take to appear on the stream.
const ECHO_MAX: DurationMs = DurationMs::from_secs(10);

pub(super) struct Stream {
    socket: SocketHandle<AccountFrame>,
    pub(super) translator: Translator,
    events: VecDeque<ExchangeEvent>,
    echoes: EchoWatch,
}

impl Stream {
    pub(super) fn new(socket: SocketHandle<AccountFrame>) -> Self {
        Self {
            socket,
            translator: Translator::default(),
            events: VecDeque::new(),
            echoes: EchoWatch::default(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.socket.is_up()
    }

    pub(super) fn set_engaged(&self, is_engaged: bool) {
        self.socket.set_engaged(is_engaged);
    }

    /// An order was accepted: a stream that is up must tell of it.
    pub(super) fn expect(&mut self, id: &ClientOrderId, now: Timestamp) {
        if self.socket.is_up() {
            self.echoes.expect(id.clone(), now.plus(ECHO_MAX));
        }
    }

    /// When there is something to do even if nothing comes.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.translator.deadline().filter(|_| self.events.is_empty())
    }

    /// Resolves as soon as the socket has news.
    pub(super) async fn changed(&self) {
        if self.events.is_empty() {
            self.socket.changed().await;
        }
    }

    /// The next event. `is_known` says of changed leverage whether it is what we had set.
    pub(super) fn next(
        &mut self,
        now: Timestamp,
        mut is_known: impl FnMut(&AccountFrame) -> bool,
    ) -> Option<ExchangeEvent> {
        while self.events.is_empty() {
            match self.socket.pop() {
                Some(SocketNews::Up) => self.resync("the stream is up".to_owned()),
                Some(SocketNews::Down { .. }) => self.echoes.forget(),
                Some(SocketNews::Event(frame)) => {
                    if !is_known(&frame) {
                        self.take(frame, now);
                    }
                }
                None => {
                    self.translator.give_up_held(now, &mut self.events);
                    self.give_up_if_mute(now);
                    break;
                }
            }
        }
        self.events.pop_front()
    }

    fn take(&mut self, frame: AccountFrame, now: Timestamp) {
        let client_id = match &frame {
            AccountFrame::Order(update) => Some(&update.client_order_id),
            AccountFrame::Algo(update) => Some(&update.client_algo_id),
            AccountFrame::Wallet { .. } | AccountFrame::Terms { .. } | AccountFrame::KeyExpired => None,
        };
        if let Some(Ok(id)) = client_id.map(|text| text.parse()) {
            self.echoes.heard(&id);
        }
        if let Err(error) = self.translator.take(frame, now, &mut self.events) {
            self.resync(format!("a frame cannot be understood: {error}"));
        }
    }

    fn give_up_if_mute(&mut self, now: Timestamp) {
        if let Some(id) = self.echoes.overdue(now) {
            let reason = format!("the stream did not tell of order {id}");
            self.socket.reconnect(reason.clone());
            self.echoes.forget();
            self.resync(reason);
        }
    }

    fn resync(&mut self, reason: String) {
        self.events.push_back(ExchangeEvent::Resync { reason });
    }
}
