//! Reading beside the runtime: one connection, its statements away from the threads that trade.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Store, StoreError};

/// A connection that only its clones use, one read after the other.
#[derive(Clone)]
pub struct Reader(Arc<Mutex<Store>>);

impl Reader {
    pub fn new(store: Store) -> Self {
        Self(Arc::new(Mutex::new(store)))
    }

    /// Reads on a thread for what blocks, so that nobody on the runtime's waits for the disk.
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
