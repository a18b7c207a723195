//! The ready channels and the bells: crossbeam's, seen through the contract we rely on.
//!
//! The contract, which a test holds crossbeam to: first in first out, every send wakes at most
//! one receiver, and a receiver that waits is woken by the send that serves it.

pub(crate) use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_keeps_order_and_tells_of_disconnection() {
        let (tx, rx) = unbounded();
        tx.send(1).expect("the receiver lives");
        tx.send(2).expect("the receiver lives");
        drop(tx);
        assert_eq!([rx.recv(), rx.recv()], [Ok(1), Ok(2)]);
        assert!(rx.recv().is_err(), "disconnected, and said so after the last value");
    }

    #[test]
    fn each_send_serves_one_waiting_receiver() {
        let (tx, rx) = unbounded();
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let rx = rx.clone();
                std::thread::spawn(move || rx.recv().expect("one value each"))
            })
            .collect();
        tx.send(1).expect("the receiver lives");
        tx.send(2).expect("the receiver lives");
        let mut got: Vec<i32> = waiters.into_iter().map(|w| w.join().expect("no panic")).collect();
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
    }
}
