//! E-mail over SMTP.

use std::path::Path;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::{ChannelError, TIMEOUT, secret};
use crate::config::{AlertsConfig, MailTls};

#[derive(Clone)]
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Mailer {
    pub(super) fn open(config: &AlertsConfig, base: &Path) -> Result<Option<Self>, ChannelError> {
        if config.smtp_host.is_empty() {
            return Ok(None);
        }
        let wrong = |key, reason: String| ChannelError::Configuration { key, reason };
        let relay = match config.smtp_tls {
            MailTls::None => Ok(AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.smtp_host)),
            MailTls::StartTls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&config.smtp_host),
            MailTls::Tls => AsyncSmtpTransport::<Tokio1Executor>::relay(&config.smtp_host),
        };
        let mut relay = relay
            .map_err(|error| wrong("alerts.smtp_host", error.to_string()))?
            .port(config.smtp_port)
            .timeout(Some(TIMEOUT));
        if let Some(password) = secret("alerts.smtp_password", &config.smtp_password, base)? {
            relay =
                relay.credentials(Credentials::new(config.smtp_user.clone(), password.expose().to_owned()));
        }
        let mailbox =
            |key, text: &str| text.parse().map_err(|_| wrong(key, format!("`{text}` is no address")));
        let from = mailbox("alerts.email_from", &config.email_from)?;
        let to =
            config.email_to.iter().map(|text| mailbox("alerts.email_to", text)).collect::<Result<_, _>>()?;
        Ok(Some(Self { transport: relay.build(), from, to }))
    }

    pub(super) async fn send(&self, subject: &str, text: &str) -> Result<(), ChannelError> {
        let mut message = Message::builder().from(self.from.clone()).subject(subject);
        for to in &self.to {
            message = message.to(to.clone());
        }
        let refused = |reason: String| ChannelError::Refused { reason };
        let message = message.body(text.to_owned()).map_err(|error| refused(error.to_string()))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(refused(error.to_string())),
            Err(error) => Err(ChannelError::Unavailable { reason: error.to_string() }),
        }
    }
}
