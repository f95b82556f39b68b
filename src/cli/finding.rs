//! One line of a report of checks: what was looked at, how it is, and what to do about it.

use serde::Serialize;

use super::CliError;
use super::output::{Output, Tone};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    pub(super) detail: String,
    pub(super) fix: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, detail: detail.into(), fix: None }
    }

    pub(super) fn warn(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warn, detail: detail.into(), fix: Some(fix.into()) }
    }

    pub(super) fn fail(check: &'static str, error: impl Into<CliError>) -> Self {
        let error = error.into();
        Self { check, verdict: Verdict::Fail, detail: error.message, fix: error.hint }
    }
}

pub(super) fn print(out: Output, findings: &[Finding]) -> Result<(), CliError> {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    for finding in findings {
        let (tone, word) = match finding.verdict {
            Verdict::Ok => (Tone::Good, "ok  "),
            Verdict::Warn => (Tone::Warning, "warn"),
            Verdict::Fail => (Tone::Bad, "fail"),
        };
        let word = out.paint(tone, word);
        out.line(format!("{word} {:<width$}  {}", finding.check, finding.detail))?;
        if let Some(fix) = &finding.fix {
            out.line(format!("     fix: {fix}"))?;
        }
    }
    Ok(())
}
