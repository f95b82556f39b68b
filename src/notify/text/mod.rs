//! Every text that a chat is told, in every language, once.

pub mod chat;
pub mod notice;

use std::fmt;

use crate::domain::words::words;

/// The reader's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    #[default]
    En,
    Ko,
}

words!(Lang { En => "en", Ko => "ko" });
