//! What was heard is not missed; what was missed is told once.

use super::*;
use crate::matching::fixtures::id;

#[test]
fn an_order_that_does_not_come_back_is_told_once() {
    let at = Timestamp::from_ms;
    let mut watch = EchoWatch::default();
    watch.expect(id(1), at(10));
    watch.expect(id(2), at(20));
    watch.heard(&id(1));
    watch.heard(&id(9));
    assert_eq!(watch.overdue(at(20)), None, "there is time until then");
    assert_eq!(watch.overdue(at(21)), Some(id(2)));
    assert_eq!(watch.overdue(at(99)), None);
    watch.expect(id(3), at(30));
    watch.forget();
    assert_eq!(watch.overdue(at(99)), None);
}
