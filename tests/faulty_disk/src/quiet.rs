//! What a piece of code says on stdout and stderr, kept instead of shown.

use std::cell::RefCell;

#[derive(Debug, Default, Clone)]
pub struct Said {
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

thread_local! {
    static SAID: RefCell<Option<Said>> = const { RefCell::new(None) };
}

/// Runs `work` and keeps what this thread writes to stdout and stderr meanwhile.
pub fn captured<T>(work: impl FnOnce() -> T) -> (T, Said) {
    SAID.set(Some(Said::default()));
    let value = work();
    (value, SAID.take().unwrap_or_default())
}

/// Whether the bytes were kept.
pub(crate) fn keep(descriptor: i32, bytes: &[u8]) -> bool {
    SAID.try_with(|said| {
        let Ok(mut said) = said.try_borrow_mut() else { return false };
        let Some(said) = said.as_mut() else { return false };
        let stream = if descriptor == libc::STDOUT_FILENO { &mut said.out } else { &mut said.err };
        stream.extend_from_slice(bytes);
        true
    })
    .unwrap_or(false)
}
