//! What a chat is answered: sentences, the words of tables, the menu, in English and Korean side by side.

mod refusal;

pub use refusal::refusal;

use super::Lang;
use crate::notify::telegram::grammar::Verb;

/// One text in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phrase {
    en: &'static str,
    ko: &'static str,
}

impl Phrase {
    pub const fn text(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Ko => self.ko,
        }
    }
}

pub(super) const fn phrase(en: &'static str, ko: &'static str) -> Phrase {
    Phrase { en, ko }
}

pub const MODE: Phrase = phrase("Mode", "모드");
pub const EQUITY: Phrase = phrase("Equity", "평가금");
pub const WALLET: Phrase = phrase("Wallet", "지갑");
pub const ALLOCATION: Phrase = phrase("Allocation", "배분");
pub const BOTS: Phrase = phrase("Bots", "봇");
pub const POSITIONS: Phrase = phrase("Positions", "포지션");
pub const PROTECTED: Phrase = phrase("Protected", "보호됨");
pub const PNL_TODAY: Phrase = phrase("PnL today (UTC)", "오늘 손익(UTC)");
pub const PNL_PERIOD: Phrase = phrase("PnL (period)", "손익(기간)");
pub const PNL_TOTAL: Phrase = phrase("PnL total", "누적 손익");
pub const UNREALIZED: Phrase = phrase("Unrealized", "미실현");
pub const REALIZED: Phrase = phrase("Realized", "실현");
pub const FEES: Phrase = phrase("Fees", "수수료");
pub const FUNDING: Phrase = phrase("Funding", "펀딩");
pub const TRADES: Phrase = phrase("Trades", "거래");
pub const WON: Phrase = phrase("Won", "승률");
pub const STATE: Phrase = phrase("State", "상태");
pub const LAST_ERROR: Phrase = phrase("Last error", "최근 오류");
pub const UNKNOWN_ORDERS: Phrase = phrase("Unknown orders", "미확인 주문");
pub const AUTO_EXIT: Phrase = phrase("Auto exit", "자동 청산");
pub const NAME: Phrase = phrase("Bot", "봇");
pub const SYMBOL: Phrase = phrase("Symbol", "심볼");
pub const STRATEGY: Phrase = phrase("Strategy", "전략");
pub const SIDE: Phrase = phrase("Side", "방향");
pub const QTY: Phrase = phrase("Qty", "수량");
pub const ENTRY: Phrase = phrase("Entry", "진입가");
pub const PRICE: Phrase = phrase("Price", "가격");
pub const MARGIN: Phrase = phrase("Margin", "증거금");
pub const INITIAL: Phrase = phrase("Initial", "최초 자본");
pub const STOP: Phrase = phrase("Stop", "손절가");
pub const TARGET: Phrase = phrase("Target", "익절가");
pub const DAY: Phrase = phrase("Day (UTC)", "날짜(UTC)");
pub const TIME: Phrase = phrase("Time (UTC)", "시각(UTC)");
pub const PURPOSE: Phrase = phrase("Purpose", "목적");
pub const PROFIT: Phrase = phrase("Profit", "수익");
pub const LINE: Phrase = phrase("Line", "단계");
pub const CYCLES: Phrase = phrase("cycles", "왕복");
pub const PER_DAY: Phrase = phrase("a day", "하루");

pub const DRY_RUN: Phrase = phrase("DRY RUN", "모의 거래(DRY RUN)");
pub const DRY_RUN_PAPER: Phrase = phrase("DRY RUN (paper)", "모의 거래(DRY RUN, paper)");
pub const LIVE: Phrase = phrase("LIVE", "실거래(LIVE)");
pub const PAPER: Phrase = phrase("PAPER", "가상 거래(PAPER)");
pub const STATE_OK: Phrase = phrase("ok", "정상");
pub const HALTED: Phrase = phrase("HALTED", "중지됨(HALTED)");
pub const QUARANTINED: Phrase = phrase("QUARANTINED", "격리됨(QUARANTINED)");
pub const INACTIVE: Phrase = phrase("inactive", "비활성");
pub const BREAKER_OPEN: Phrase = phrase("exchange not answering", "거래소 응답 없음");
pub const WAITING: Phrase = phrase("waits for its price", "가격 대기 중");
pub const RUNNING: Phrase = phrase("running", "실행 중");
pub const STOPPED: Phrase = phrase("stopped", "정지");
pub const LONG: Phrase = phrase("long", "롱");
pub const SHORT: Phrase = phrase("short", "숏");
pub const BUY: Phrase = phrase("buy", "매수");
pub const SELL: Phrase = phrase("sell", "매도");
pub const ON: Phrase = phrase("on", "켜짐");
pub const OFF: Phrase = phrase("off", "꺼짐");
pub const NONE: Phrase = phrase("none", "없음");

pub const NO_BOTS: Phrase = phrase("This account has no bots.", "이 계좌에는 봇이 없습니다.");
pub const NO_POSITIONS: Phrase = phrase("No open positions.", "열린 포지션이 없습니다.");
pub const NO_ORDERS: Phrase = phrase("No working orders.", "진행 중인 주문이 없습니다.");
pub const NO_RESULTS: Phrase = phrase("No results yet.", "아직 결과가 없습니다.");
pub const NO_DECISIONS: Phrase = phrase("No decisions yet.", "아직 결정이 없습니다.");
pub const NO_ENTRIES: Phrase = phrase("Nothing was changed yet.", "아직 변경 기록이 없습니다.");
pub const NO_GRID: Phrase = phrase("This account has no grid bot.", "이 계좌에는 그리드 봇이 없습니다.");
pub const WHICH_GRID: Phrase = phrase("Which one? /grid NAME", "어느 봇입니까? /grid NAME");
pub const NO_CHANGE: Phrase =
    phrase("Nothing to change: it is so already.", "이미 그렇게 설정되어 있습니다.");
pub const DONE: Phrase = phrase("Done.", "완료했습니다.");
pub const CANCELLED: Phrase =
    phrase("Cancelled. Nothing was changed.", "취소했습니다. 변경된 것이 없습니다.");
pub const CONFIRM: Phrase = phrase("✅ Confirm", "✅ 확인");
pub const CANCEL: Phrase = phrase("✖ Cancel", "✖ 취소");
pub const REFRESH: Phrase = phrase("🔄 Refresh", "🔄 새로 고침");
pub const EXPIRED: Phrase = phrase(
    "This button is too old. Send the command again.",
    "버튼이 만료되었습니다. 명령을 다시 보내 주세요.",
);
pub const USED_UP: Phrase = phrase("This button was used already.", "이미 사용된 버튼입니다.");
pub const NOT_YOURS: Phrase = phrase("This button is not yours.", "본인의 버튼이 아닙니다.");
pub const UNKNOWN_BUTTON: Phrase = phrase("This button is not known.", "알 수 없는 버튼입니다.");
pub const NO_COMMAND: Phrase = phrase(
    "Commands begin with a slash. /help lists them.",
    "명령은 /로 시작합니다. /help 를 보내면 목록이 나옵니다.",
);
pub const NOT_NOW: Phrase = phrase(
    "The database did not answer. Send the command again.",
    "데이터베이스가 응답하지 않았습니다. 명령을 다시 보내 주세요.",
);
pub const CONFIRM_HELP: Phrase = phrase(
    "What raises risk asks for a button first (60 s, once); what lowers it is done at once.",
    "위험을 높이는 명령은 먼저 버튼 확인을 요구하고(60초, 1회), 낮추는 명령은 즉시 실행됩니다.",
);
pub const CHART: Phrase = phrase("Equity", "평가금 추이");
pub const NOTHING_DONE: Phrase = phrase(
    "The account is quarantined: nothing is done for it before /resume, which keeps a halt.",
    "이 계정은 격리 상태입니다: /resume 전에는 아무것도 실행되지 않으며, 중지는 유지됩니다.",
);
pub const CLOSED_ON_REQUEST: Phrase = phrase(
    "It is closed as soon as the daemon gets to it, also without auto_exit.",
    "데몬이 확인하는 즉시 청산합니다. auto_exit 가 꺼져 있어도 마찬가지입니다.",
);

/// What a command does, for `/help` and the menu.
pub const fn description(verb: Verb) -> Phrase {
    match verb {
        Verb::Status => phrase("mode, equity, bots, protection, PnL", "모드, 평가금, 봇, 보호, 손익"),
        Verb::Bots => phrase("the bots and their results", "봇 목록과 성과"),
        Verb::Positions => phrase("what is open", "열린 포지션"),
        Verb::Balance => phrase("wallet, equity, margin", "지갑, 평가금, 증거금"),
        Verb::Orders => phrase("orders that are working", "진행 중인 주문"),
        Verb::Pnl => phrase("results per bot, with a chart", "봇별 손익과 차트"),
        Verb::Daily => phrase("results per day", "일별 손익"),
        Verb::Grid => phrase("a grid bot's ladder", "그리드 봇의 단계"),
        Verb::Why => phrase("why it did or did not trade", "거래한 이유, 하지 않은 이유"),
        Verb::Log => phrase("who changed what", "변경 기록"),
        Verb::Start => phrase("start a bot", "봇 시작"),
        Verb::Stop => phrase("stop a bot; what it holds stays managed", "봇 정지(보유 포지션은 계속 관리)"),
        Verb::DryRun => phrase("paper or real orders", "모의 또는 실거래 전환"),
        Verb::AutoExit => phrase("execute exits, or only report them", "청산 실행 또는 알림만"),
        Verb::EntryPct => phrase("margin of one entry, % of capital", "1회 진입 증거금(자본의 %)"),
        Verb::Set => phrase("change a setting of the account or a bot", "계좌 또는 봇 설정 변경"),
        Verb::ClosePos => phrase("close the bots' positions of a symbol", "해당 심볼의 봇 포지션 청산"),
        Verb::Halt => phrase("open nothing until /resume", "/resume 까지 신규 진입 중지"),
        Verb::Flatten => phrase("halt and close everything", "중지하고 전부 청산"),
        Verb::Resume => phrase("end a quarantine, or else a halt", "격리 해제, 아니면 중지 해제"),
        Verb::Help => phrase("this list", "이 도움말"),
    }
}

/// A sentence with something in it. Names and values are escaped by whoever puts the answer together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sentence<'a> {
    UnknownCommand {
        word: &'a str,
        near: Option<&'static str>,
    },
    Usage(Verb),
    BadSymbol(&'a str),
    /// A command that waited too long to be obeyed, seconds.
    TooOld {
        seconds: i64,
    },
    TooMany {
        seconds: i64,
    },
    Muted {
        minutes: i64,
    },
    AskConfirm {
        seconds: i64,
    },
    More(usize),
    HaltedBecause(&'a str),
    /// From when on a summary counts, with the time zone.
    PeriodFrom {
        from: &'a str,
        zone: &'a str,
    },
    NotAGrid(&'a str),
    NoDecisionsOn(&'a str),
    KeyNotHere {
        key: &'a str,
        allowed: &'a str,
    },
    /// `telegram test`.
    Test(&'a str),
}

impl Sentence<'_> {
    pub fn text(&self, lang: Lang) -> String {
        let (en, ko) = self.both();
        match lang {
            Lang::En => en,
            Lang::Ko => ko,
        }
    }

    fn both(&self) -> (String, String) {
        match self {
            Self::UnknownCommand { word, near: Some(near) } => (
                format!("There is no command /{word}. Did you mean /{near}? /help lists all."),
                format!("/{word} 명령은 없습니다. /{near} 입니까? /help 로 목록을 볼 수 있습니다."),
            ),
            Self::UnknownCommand { word, near: None } => (
                format!("There is no command /{word}. /help lists all."),
                format!("/{word} 명령은 없습니다. /help 로 목록을 볼 수 있습니다."),
            ),
            Self::Usage(verb) => {
                let usage = format!("/{verb} {}", verb.usage());
                let usage = usage.trim_end();
                let what = description(*verb);
                (format!("Write: {usage}  ({})", what.en), format!("형식: {usage}  ({})", what.ko))
            }
            Self::BadSymbol(text) => (
                format!("`{text}` is no symbol: 2 to 30 letters, digits, - and _, e.g. BTCUSDT"),
                format!("`{text}` 은(는) 심볼이 아닙니다: 영문자, 숫자, -, _ 2~30자 (예: BTCUSDT)"),
            ),
            Self::TooOld { seconds } => (
                format!(
                    "This command is {seconds} s old and was not executed. Send it again if you still want it."
                ),
                format!("{seconds}초 전의 명령이라 실행하지 않았습니다. 여전히 원하면 다시 보내 주세요."),
            ),
            Self::TooMany { seconds } => (
                format!("Too many commands. I listen again in {seconds} s; /halt always works."),
                format!("명령이 너무 많습니다. {seconds}초 뒤에 다시 받습니다. /halt 는 항상 동작합니다."),
            ),
            Self::Muted { minutes } => (
                format!(
                    "Too many wrong buttons: this chat is not listened to for {minutes} min; /halt always works."
                ),
                format!(
                    "잘못된 버튼이 너무 많아 {minutes}분 동안 명령을 받지 않습니다. /halt 는 항상 동작합니다."
                ),
            ),
            Self::AskConfirm { seconds } => (
                format!("This raises risk or closes positions. Confirm within {seconds} s:"),
                format!("위험을 높이거나 포지션을 청산하는 명령입니다. {seconds}초 안에 확인해 주세요:"),
            ),
            Self::More(count) => (format!("... {count} more"), format!("... 외 {count}건")),
            Self::HaltedBecause(reason) => (format!("halted: {reason}"), format!("중지 사유: {reason}")),
            Self::PeriodFrom { from, zone } => {
                (format!("period: from {from} ({zone}) on"), format!("기간: {from} ({zone})부터"))
            }
            Self::NotAGrid(name) => {
                (format!("Bot {name} is no grid bot."), format!("{name} 은(는) 그리드 봇이 아닙니다."))
            }
            Self::NoDecisionsOn(symbol) => (
                format!("No bot of this account has decided anything on {symbol}."),
                format!("이 계좌의 봇이 {symbol} 에 대해 결정한 것이 없습니다."),
            ),
            Self::Test(account) => (
                format!("Test message of account {account}. /help lists the commands."),
                format!("{account} 계좌의 시험 메시지입니다. /help 로 명령을 볼 수 있습니다."),
            ),
            Self::KeyNotHere { key, allowed } => (
                format!("`{key}` cannot be set from a chat. Allowed: {allowed}"),
                format!("`{key}` 은(는) 채팅에서 설정할 수 없습니다. 가능한 항목: {allowed}"),
            ),
        }
    }
}

/// What an account did on a signal.
pub fn action(word: &str, lang: Lang) -> &str {
    let phrase = match word {
        "entered" => phrase("entered", "진입"),
        "skipped" => phrase("skipped", "건너뜀"),
        "added" => phrase("added", "추가 매수"),
        "exited" => phrase("exited", "청산"),
        "reported" => phrase("reported only", "알림만"),
        other => return other,
    };
    phrase.text(lang)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menu_is_within_telegrams_limits() {
        for verb in Verb::ALL {
            for lang in [Lang::En, Lang::Ko] {
                let length = description(*verb).text(lang).chars().count();
                assert!((3..=256).contains(&length), "{verb} {lang}");
            }
            assert!(verb.as_str().len() <= 32 && verb.as_str().chars().all(|c| c.is_ascii_lowercase()));
        }
    }

    #[test]
    fn korean_sentences_are_korean() {
        let is_korean = |text: &str| text.chars().any(|c| ('가'..='힣').contains(&c));
        for sentence in [
            Sentence::UnknownCommand { word: "x", near: None },
            Sentence::UnknownCommand { word: "x", near: Some("status") },
            Sentence::Usage(Verb::Set),
            Sentence::BadSymbol("x"),
            Sentence::TooOld { seconds: 90 },
            Sentence::TooMany { seconds: 5 },
            Sentence::Muted { minutes: 10 },
            Sentence::AskConfirm { seconds: 60 },
            Sentence::More(3),
            Sentence::HaltedBecause("x"),
            Sentence::PeriodFrom { from: "x", zone: "y" },
            Sentence::NotAGrid("x"),
            Sentence::NoDecisionsOn("x"),
            Sentence::KeyNotHere { key: "x", allowed: "y" },
        ] {
            assert!(is_korean(&sentence.text(Lang::Ko)), "{sentence:?}");
            assert!(!is_korean(&sentence.text(Lang::En)), "{sentence:?}");
        }
    }
}
