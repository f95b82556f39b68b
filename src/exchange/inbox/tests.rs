//! Nothing blocks, nothing is lost silently.

use super::super::testing::patiently;
use super::*;

#[test]
fn what_comes_first_goes_first() {
    let inbox = Inbox::new(3);
    (0..3).for_each(|n| inbox.push(n));
    assert_eq!(std::iter::from_fn(|| inbox.pop()).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(!inbox.take_overflowed());
}

#[test]
fn at_the_bound_everything_goes_and_is_noted_once() {
    let inbox = Inbox::new(2);
    (0..3).for_each(|n| inbox.push(n));
    assert_eq!(inbox.pop(), None);
    assert!(inbox.take_overflowed());
    assert!(!inbox.take_overflowed());
    inbox.push(3);
    assert_eq!(inbox.pop(), Some(3));
}

#[tokio::test]
async fn its_owner_is_woken_by_what_comes_and_by_what_is_there() {
    let inbox = Inbox::new(1);
    inbox.push(1);
    patiently(inbox.changed()).await;
    patiently(inbox.changed()).await;
    inbox.push(2);
    patiently(inbox.changed()).await;
    assert!(inbox.take_overflowed());

    let pusher = inbox.clone();
    patiently(async { tokio::join!(inbox.changed(), async { pusher.push(3) }) }).await;
    assert_eq!(inbox.pop(), Some(3));
}
