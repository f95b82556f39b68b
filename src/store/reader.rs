//! A connection for those who live on the runtime's thread: what is read is read away from it.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Store, StoreError};

/// One connection, shared by its clones; who reads waits for those before.
#[derive(Clone)]
pub struct Reader(Arc<Mutex<Store>>);

impl Reader {
    /// `store` is a connection that nobody else uses.
    pub fn new(store: Store) -> Self {
        Self(Arc::new(Mutex::new(store)))
    }

    /// Does the work on a thread that may wait for the disk. A panic in it is an error of this call alone.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    {
        let store = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&store.lock().unwrap_or_else(PoisonError::into_inner)))
            .await
            .map_err(|_| StoreError::Other { detail: "a read panicked".to_owned() })?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    #[tokio::test]
    async fn a_panic_in_one_read_is_no_reason_to_refuse_the_next() {
        let scratch = Scratch::new();
        let reader = Reader::new(scratch.open());
        let failed = reader.read(|_| -> Result<(), StoreError> { panic!("a bug") }).await;
        assert!(matches!(failed, Err(StoreError::Other { .. })), "{failed:?}");
        assert!(reader.read(|store| Ok(store.conn().is_autocommit())).await.unwrap());
    }
}
