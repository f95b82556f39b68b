//! Groups commit together, fail apart, and answer only when durable.

use std::sync::mpsc;

use super::*;
use crate::store::scratch::Scratch;

fn put(symbol: &str) -> impl FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static {
    let symbol = symbol.to_owned();
    move |conn| {
        conn.execute("INSERT INTO prices (symbol, price, at) VALUES (?1, '1', 1)", [symbol])?;
        Ok(())
    }
}

fn symbols(scratch: &Scratch) -> Vec<String> {
    let store = scratch.open();
    let mut statement = store.conn().prepare("SELECT symbol FROM prices ORDER BY symbol").unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Holds the writer inside a job until the returned sender is dropped, so that what follows makes one group.
async fn blocked(writer: &Writer) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let (started, has_started) = oneshot::channel();
    writer
        .post(move |_| {
            let _: Result<(), ()> = started.send(());
            let _: Result<(), mpsc::RecvError> = released.recv();
            Ok(())
        })
        .await;
    has_started.await.unwrap();
    release
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_failing_job_takes_back_only_itself() {
    let scratch = Scratch::new();
    let writer = Writer::start(scratch.open()).unwrap();
    let release = blocked(&writer).await;
    let failing = |conn: &Connection| -> Result<(), StoreError> {
        put("half done")(conn)?;
        Err(StoreError::not_found("bot", "x"))
    };
    let group = async { tokio::join!(writer.run(put("A")), writer.run(failing), writer.run(put("B"))) };
    let ((first, second, third), ()) = tokio::join!(group, async move { drop(release) });
    assert_eq!((first, third), (Ok(()), Ok(())));
    assert_eq!(second, Err(StoreError::not_found("bot", "x")));
    assert_eq!(symbols(&scratch), ["A", "B"]);
    assert_eq!(writer.counters(), WriterCounters { commits: 2, jobs: 4 });
    writer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeatable_jobs_are_done_again_without_the_one_that_fails() {
    let scratch = Scratch::new();
    let writer = Writer::start(scratch.open()).unwrap();
    let release = blocked(&writer).await;
    let times = Arc::new(AtomicU64::new(0));
    let again = |symbol: &'static str| {
        let times = Arc::clone(&times);
        move |conn: &Connection| {
            times.fetch_add(1, Ordering::Relaxed);
            put(symbol)(conn)
        }
    };
    let failing = |conn: &Connection| -> Result<(), StoreError> {
        put("half done")(conn)?;
        Err(StoreError::not_found("bot", "x"))
    };
    let panicking = |conn: &Connection| -> Result<(), StoreError> {
        put("half done")(conn)?;
        panic!("a bug of one account")
    };
    let group = async {
        tokio::join!(
            writer.run_repeatable(again("A")),
            writer.run_repeatable(failing),
            writer.run_repeatable(panicking),
            writer.run_repeatable(again("B")),
            writer.run(put("C")),
            writer.run_repeatable(again("D")),
        )
    };
    let ((a, failed, panicked, b, c, d), ()) = tokio::join!(group, async move { drop(release) });
    assert_eq!((a, b, c, d), (Ok(()), Ok(()), Ok(()), Ok(())));
    assert_eq!(failed, Err(StoreError::not_found("bot", "x")));
    assert!(matches!(panicked, Err(StoreError::Other { .. })));
    assert_eq!(symbols(&scratch), ["A", "B", "C", "D"]);
    // A before the failure and alone, B alone; D had no neighbour that failed.
    assert_eq!(times.load(Ordering::Relaxed), 4);
    assert_eq!(writer.counters(), WriterCounters { commits: 2, jobs: 7 });
    writer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panicking_job_costs_its_neighbours_nothing() {
    let scratch = Scratch::new();
    let writer = Writer::start(scratch.open()).unwrap();
    let panicking = |conn: &Connection| -> Result<(), StoreError> {
        put("half done")(conn)?;
        panic!("a bug of one account")
    };
    let (first, second) = tokio::join!(writer.run(panicking), writer.run(put("A")));
    assert!(matches!(first, Err(StoreError::Other { .. })));
    assert_eq!(second, Ok(()));
    assert_eq!(symbols(&scratch), ["A"]);
    writer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_wait_share_one_commit() {
    let scratch = Scratch::new();
    let writer = Writer::start(scratch.open()).unwrap();
    let release = blocked(&writer).await;
    for n in 0..100 {
        writer.post(put(&format!("S{n:03}"))).await;
    }
    drop(release);
    writer.run(|_| Ok(())).await.unwrap();
    let counters = writer.counters();
    assert_eq!(counters.jobs, 102);
    assert!(counters.commits <= 3, "{counters:?}");
    assert_eq!(symbols(&scratch).len(), 100);
    writer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_transaction_fails_the_whole_group_and_can_be_retried() {
    let scratch = Scratch::new();
    let writer = Writer::start(scratch.open()).unwrap();
    let release = blocked(&writer).await;
    // What SQLite does by itself on a full disk: the error ends the transaction, not only the statement.
    let full = |conn: &Connection| -> Result<(), StoreError> {
        conn.execute_batch("ROLLBACK")?;
        Err(StoreError::DiskFull)
    };
    let group = async { tokio::join!(writer.run(put("A")), writer.run(full), writer.run(put("B"))) };
    let (answers, ()) = tokio::join!(group, async move { drop(release) });
    let lost = Err(StoreError::DiskFull);
    assert_eq!(answers, (lost.clone(), lost.clone(), lost));
    assert_eq!(symbols(&scratch), [""; 0]);
    writer.run(put("A")).await.unwrap();
    writer.run(put("B")).await.unwrap();
    assert_eq!(symbols(&scratch), ["A", "B"]);
    writer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_nothing_confirmed_is_lost() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let pages: i64 = store.conn().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    store.conn().pragma_update(None, "max_page_count", pages).unwrap();
    let writer = Writer::start(store).unwrap();
    writer.run(put("A")).await.unwrap();
    let large = |conn: &Connection| {
        conn.execute("INSERT INTO prices (symbol, price, at) VALUES ('L', zeroblob(1000000) || '1', 1)", [])?;
        Ok(())
    };
    assert_eq!(writer.run(large).await, Err(StoreError::DiskFull));
    writer.run(put("B")).await.unwrap();
    assert_eq!(symbols(&scratch), ["A", "B"]);
    writer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_commits_what_was_handed_over_and_refuses_the_rest() {
    let scratch = Scratch::new();
    let writer = Writer::start(scratch.open()).unwrap();
    for symbol in ["A", "B", "C"] {
        writer.post(put(symbol)).await;
    }
    let clone = writer.clone();
    writer.stop().await;
    assert_eq!(symbols(&scratch), ["A", "B", "C"]);
    assert_eq!(clone.run(put("D")).await, Err(StoreError::WriterStopped));
    clone.stop().await;
}
