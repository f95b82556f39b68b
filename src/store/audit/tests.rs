//! Every way to tamper with the log is found, as far as it can be without and with the key.

use serde_json::json;

use super::*;
use crate::store::Store;
use crate::store::scratch::Scratch;

fn entry(n: i64) -> AuditEntry {
    AuditEntry {
        at: Timestamp::from_ms(n),
        actor: "cli:ana".to_owned(),
        action: "account.set".to_owned(),
        account: (n % 2 == 0).then(|| "family".to_owned()),
        subject: "leverage".to_owned(),
        before: Some(json!({"leverage": n})),
        after: Some(json!({"leverage": n + 1})),
    }
}

fn log_of_five(scratch: &Scratch) -> Store {
    let store = scratch.open();
    for n in 1..=5 {
        append(store.conn(), &entry(n)).unwrap();
    }
    store
}

#[test]
fn an_untouched_chain_holds_and_returns_its_head() {
    let scratch = Scratch::new();
    let store = log_of_five(&scratch);
    let report = verify(store.conn()).unwrap();
    assert_eq!((report.entries, report.fault), (5, None));
    assert_eq!(report.head, head(store.conn()).unwrap());
}

#[test]
fn the_log_itself_refuses_changes() {
    let scratch = Scratch::new();
    let store = log_of_five(&scratch);
    for sql in ["UPDATE audit_log SET actor = 'x' WHERE id = 2", "DELETE FROM audit_log WHERE id = 2"] {
        let refused = StoreError::from(store.conn().execute_batch(sql).unwrap_err());
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
}

#[test]
fn whoever_drops_the_triggers_is_still_found_out() {
    let swap = "UPDATE audit_log SET id = 99 WHERE id = 2; UPDATE audit_log SET id = 2 WHERE id = 3;
                UPDATE audit_log SET id = 3 WHERE id = 99;";
    let cases = [
        ("UPDATE audit_log SET after = '{\"leverage\":100}' WHERE id = 3", AuditFault::Changed(3)),
        ("UPDATE audit_log SET at = 0 WHERE id = 1", AuditFault::Changed(1)),
        ("UPDATE audit_log SET account = NULL WHERE id = 4", AuditFault::Changed(4)),
        ("DELETE FROM audit_log WHERE id = 2", AuditFault::Removed(2)),
        ("DELETE FROM audit_log WHERE id = 1", AuditFault::Removed(1)),
        (
            "DELETE FROM audit_log WHERE id = 3; UPDATE audit_log SET id = id - 1 WHERE id > 3",
            AuditFault::OutOfOrder(3),
        ),
        (swap, AuditFault::OutOfOrder(2)),
    ];
    for (tampering, fault) in cases {
        let scratch = Scratch::new();
        let store = log_of_five(&scratch);
        store
            .conn()
            .execute_batch("DROP TRIGGER audit_log_no_update; DROP TRIGGER audit_log_no_delete")
            .unwrap();
        store.conn().execute_batch(tampering).unwrap();
        assert_eq!(verify(store.conn()).unwrap().fault, Some(fault), "{tampering}");
    }
}

#[test]
fn a_cut_tail_is_missed_by_the_anchor_and_stays_missed() {
    let scratch = Scratch::new();
    let store = log_of_five(&scratch);
    let cut = "DROP TRIGGER audit_log_no_delete; DELETE FROM audit_log WHERE id > 3";
    store.conn().execute_batch(cut).unwrap();
    let fault = |store: &Store| verify(store.conn()).unwrap().fault;
    assert_eq!(fault(&store), Some(AuditFault::Cut { found: 3, anchored: 5 }));
    append(store.conn(), &entry(6)).unwrap();
    assert_eq!(fault(&store), Some(AuditFault::Removed(4)));
}

#[test]
fn whoever_touches_the_anchor_is_found_out() {
    let cases = [
        ("UPDATE audit_anchor SET entries = 4", AuditFault::Replaced(5)),
        ("UPDATE audit_anchor SET entries = 6", AuditFault::Cut { found: 5, anchored: 6 }),
        ("UPDATE audit_anchor SET head = 'x'", AuditFault::Replaced(5)),
        ("DROP TRIGGER audit_anchor_no_delete; DELETE FROM audit_anchor", AuditFault::NoAnchor),
    ];
    for (tampering, fault) in cases {
        let scratch = Scratch::new();
        let store = log_of_five(&scratch);
        store.conn().execute_batch(tampering).unwrap();
        assert_eq!(verify(store.conn()).unwrap().fault, Some(fault), "{tampering}");
    }
    let scratch = Scratch::new();
    let refused = log_of_five(&scratch).conn().execute_batch("DELETE FROM audit_anchor").unwrap_err();
    assert!(refused.to_string().contains("audit_anchor is kept"), "{refused}");
}

#[test]
fn the_list_is_filtered_and_limited_to_the_latest() {
    let scratch = Scratch::new();
    let store = log_of_five(&scratch);
    let ids = |filter: AuditFilter| -> Vec<i64> {
        list(store.conn(), &filter).unwrap().iter().map(|row| row.id).collect()
    };
    assert_eq!(ids(AuditFilter { limit: 2, ..AuditFilter::default() }), [4, 5]);
    let account = Some("family".to_owned());
    assert_eq!(ids(AuditFilter { account, limit: 9, ..AuditFilter::default() }), [2, 4]);
    let since = Some(Timestamp::from_ms(4));
    assert_eq!(ids(AuditFilter { since, limit: 9, ..AuditFilter::default() }), [4, 5]);
    for (actor, found) in [("cli", 5), ("cli:ana", 5), ("cli:an", 0), ("telegram", 0)] {
        let actor = Some(actor.to_owned());
        assert_eq!(ids(AuditFilter { actor, limit: 9, ..AuditFilter::default() }).len(), found);
    }
    let action = Some("account.set".to_owned());
    assert_eq!(ids(AuditFilter { action, limit: 9, ..AuditFilter::default() }).len(), 5);
}
