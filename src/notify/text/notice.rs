//! What a chat is told of by itself, in every language.

use std::collections::BTreeMap;

use super::Lang;
use super::chat::{self, Phrase, phrase};
use crate::domain::side::PositionSide;
use crate::engine::turn::{NoticeKind, Severity};

pub const MORE: Phrase = phrase("and more", "그 외");
pub const NOTICES: Phrase = phrase("notices", "개의 알림");
pub const OVER: Phrase = phrase("over", "해제");
pub const NET: Phrase = phrase("net", "순손익");
pub const AT_NIGHT: Phrase = phrase("Daily summary", "일일 요약");

/// What a kind of notice is called.
pub const fn title(kind: NoticeKind) -> Phrase {
    match kind {
        NoticeKind::Entry => phrase("Entry", "진입"),
        NoticeKind::Exit => phrase("Exit", "청산"),
        NoticeKind::Dca => phrase("DCA", "물타기(DCA)"),
        NoticeKind::GridFill => phrase("Grid fill", "그리드 체결"),
        NoticeKind::GridWaits => phrase("Grid waits", "그리드 대기"),
        NoticeKind::ExitReported => phrase("Exit due, not executed", "청산 조건 충족, 미실행"),
        NoticeKind::Error => phrase("Error", "오류"),
        NoticeKind::Halt => phrase("Halt", "거래 중지"),
        NoticeKind::Liquidation => phrase("Liquidation", "강제 청산"),
        NoticeKind::OutOfSync => phrase("Out of sync", "거래소와 불일치"),
        NoticeKind::Unprotected => phrase("Stop not placed", "손절 주문 실패"),
        NoticeKind::External => phrase("Trade by somebody else", "외부 거래"),
        NoticeKind::Alert => phrase("Alert", "경보"),
        NoticeKind::DailySummary => AT_NIGHT,
    }
}

const fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "\u{2022}",
        Severity::Warning => "\u{26a0}",
        Severity::Critical => "\u{203c}",
    }
}

/// One notice on one line: title, what it is about, numbers, reason.
pub fn line(
    kind: NoticeKind,
    severity: Severity,
    fields: &BTreeMap<String, String>,
    bot: Option<&str>,
    lang: Lang,
) -> String {
    let field = |name: &str| fields.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let mut words = vec![mark(severity).to_owned(), title(kind).text(lang).to_owned()];
    words.extend(field("alert").map(str::to_owned));
    if field("phase") == Some("cleared") {
        words.push(format!("({})", OVER.text(lang)));
    }
    words.extend(field("symbol").map(str::to_owned));
    words.extend(field("side").map(|side| side_word(side, lang)));
    match (field("qty"), field("price")) {
        (Some(qty), Some(price)) => words.push(format!("{qty} @ {price}")),
        (Some(qty), None) => words.push(qty.to_owned()),
        (None, Some(price)) => words.push(format!("@ {price}")),
        (None, None) => {}
    }
    words.extend(field("net_pnl").map(|net| format!("{} {net}", NET.text(lang))));
    words.extend(field("purpose").map(str::to_owned));
    words.extend(bot.map(|bot| format!("[{bot}]")));
    let mut text = words.join(" ");
    for more in ["cause", "reason", "detail", "advice"] {
        if let Some(words) = field(more) {
            text.push_str(": ");
            text.push_str(words);
        }
    }
    text
}

fn side_word(side: &str, lang: Lang) -> String {
    match PositionSide::from_word(side) {
        Some(PositionSide::Long) => chat::LONG.text(lang).to_owned(),
        Some(PositionSide::Short) => chat::SHORT.text(lang).to_owned(),
        None => side.to_owned(),
    }
}
