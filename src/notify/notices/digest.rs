//! From notices to messages: few are told one by one, many become a digest.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::engine::turn::{NoticeKind, Severity};
use crate::notify::telegram::answer::{Answer, TEXT_MAX};
use crate::notify::telegram::gate::Member;
use crate::notify::text::notice;

/// So many are told one by one.
const APART_MAX: usize = 3;
/// So many of a burst are shown; the rest is counted. Critical ones are always shown.
const SHOWN_MAX: usize = 30;

/// A notice that an account wants to hear.
pub(super) struct Told {
    pub kind: NoticeKind,
    pub severity: Severity,
    pub fields: BTreeMap<String, String>,
    pub bot: Option<String>,
    pub is_silent: bool,
}

impl Told {
    fn line(&self, member: &Member) -> String {
        notice::line(self.kind, self.severity, &self.fields, self.bot.as_deref(), member.lang)
    }
}

/// What is sent, the most severe first.
pub(super) fn messages(told: &[Told], member: &Member) -> Vec<Answer> {
    let mut ordered: Vec<&Told> = told.iter().collect();
    ordered.sort_by_key(|one| std::cmp::Reverse(one.severity));
    if ordered.len() <= APART_MAX {
        return ordered
            .iter()
            .map(|one| plain(&format!("{}: {}", member.name, one.line(member)), one.is_silent))
            .collect();
    }
    digest(&ordered, member)
}

fn digest(ordered: &[&Told], member: &Member) -> Vec<Answer> {
    let critical = ordered.iter().filter(|one| one.severity == Severity::Critical).count();
    let (shown, counted) = ordered.split_at(ordered.len().min(SHOWN_MAX.max(critical)));
    let is_silent = ordered.iter().all(|one| one.is_silent);
    let headline = format!("{}: {} {}", member.name, ordered.len(), notice::NOTICES.text(member.lang));
    let mut lines: Vec<String> = vec![headline];
    lines.extend(shown.iter().map(|one| one.line(member)));
    if !counted.is_empty() {
        lines.push(tally(counted, member));
    }
    pages(&lines).iter().map(|page| plain(page, is_silent)).collect()
}

/// How many of each kind are not shown.
fn tally(counted: &[&Told], member: &Member) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for one in counted {
        *kinds.entry(notice::title(one.kind).text(member.lang)).or_default() += 1;
    }
    let mut text = format!("... {}:", notice::MORE.text(member.lang));
    for (kind, count) in kinds {
        // Writing to a String cannot fail.
        let _ = write!(text, " {kind} {count}");
    }
    text
}

fn pages(lines: &[String]) -> Vec<String> {
    let mut pages: Vec<String> = Vec::new();
    for line in lines {
        match pages.last_mut() {
            Some(page) if page.chars().count() + line.chars().count() < TEXT_MAX => {
                page.push('\n');
                page.push_str(line);
            }
            Some(_) | None => pages.push(line.clone()),
        }
    }
    pages
}

fn plain(text: &str, silent: bool) -> Answer {
    Answer { silent, ..Answer::plain(text) }
}
