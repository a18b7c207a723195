//! The ready channels and the bells: crossbeam's, seen through the contract we rely on.
//!
//! The contract, to which tests hold crossbeam and the model's stand-in: first in first out, every
//! send wakes at most one receiver, a receiver that waits is woken by the send that serves it, a
//! wait with a limit ends without a value, and the last sender's end is told behind the last value.

pub(crate) use crossbeam_channel::RecvTimeoutError;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use crossbeam_channel::{Receiver, Sender, unbounded};

#[cfg(any(loom, shuttle))]
pub(crate) use super::queue::{Receiver, Sender, unbounded};

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    /// The contract, held by whatever channel is named.
    macro_rules! contract {
        ($name:ident, $channel:path) => {
            mod $name {
                use std::time::Duration;

                use $channel as channel;

                #[test]
                fn a_channel_keeps_order_and_tells_of_disconnection() {
                    let (tx, rx) = channel::unbounded();
                    tx.send(1).expect("the receiver lives");
                    tx.send(2).expect("the receiver lives");
                    assert_eq!((rx.len(), rx.is_empty()), (2, false));
                    drop(tx);
                    assert_eq!([rx.recv(), rx.recv()], [Ok(1), Ok(2)]);
                    assert!(rx.is_empty());
                    assert!(rx.recv().is_err(), "disconnected, said after the last value");
                    assert!(rx.try_recv().is_err());
                }

                #[test]
                fn a_send_that_nobody_can_receive_hands_the_value_back() {
                    let (tx, rx) = channel::unbounded();
                    let other = rx.clone();
                    drop(rx);
                    tx.send(1).expect("another receiver lives");
                    assert_eq!(other.try_recv().ok(), Some(1));
                    drop(other);
                    assert_eq!(tx.send(2).expect_err("nobody is left").into_inner(), 2);
                }

                #[test]
                fn each_send_serves_one_waiting_receiver() {
                    let (tx, rx) = channel::unbounded();
                    let waiters: Vec<_> = (0..2)
                        .map(|_| {
                            let rx = rx.clone();
                            std::thread::spawn(move || rx.recv().expect("one value each"))
                        })
                        .collect();
                    tx.send(1).expect("the receiver lives");
                    tx.send(2).expect("the receiver lives");
                    let got = waiters.into_iter().map(|w| w.join().expect("no panic"));
                    let mut got: Vec<i32> = got.collect();
                    got.sort_unstable();
                    assert_eq!(got, [1, 2]);
                }

                #[test]
                fn a_wait_with_a_limit_ends_without_a_value() {
                    use crossbeam_channel::RecvTimeoutError::{Disconnected, Timeout};
                    let (tx, rx) = channel::unbounded::<i32>();
                    assert_eq!(rx.recv_timeout(Duration::ZERO), Err(Timeout));
                    assert_eq!(rx.recv_timeout(Duration::from_millis(1)), Err(Timeout));
                    let other = tx.clone();
                    drop(tx);
                    other.send(1).expect("the receiver lives");
                    assert_eq!(rx.recv_timeout(Duration::from_secs(60)), Ok(1));
                    let waiter =
                        std::thread::spawn(move || rx.recv_timeout(Duration::from_secs(60)));
                    drop(other);
                    assert_eq!(waiter.join().expect("no panic"), Err(Disconnected));
                }
            }
        };
    }

    contract!(crossbeam, crossbeam_channel);
    contract!(of_models, crate::sync::queue);
}
