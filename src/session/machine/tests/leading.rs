//! The leading window: what one person types in pieces before the first run becomes one turn.

use super::desk::Desk;
use super::order::drain;
use super::spec::{collect, followup, ms};
use crate::model::{LaneId, Message, Mode};
use crate::session::cell::Cell;
use crate::session::machine::{Door, Origin, Phase};
use crate::sync::Arc;

fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.world.inbound.debounce = ms(50);
    desk
}

fn says(desk: &mut Desk, message: Message) {
    let cell = Arc::new(Cell::new(message, 1, LaneId(0)));
    desk.offer_cell(cell, Origin::Outside).expect("there is room");
}

fn from(sender: &str) -> Message {
    Message::new("k", "text").with_sender(sender).with_mode(Mode::Followup)
}

#[test]
fn what_one_person_types_in_pieces_is_one_turn() {
    let mut desk = desk();
    says(&mut desk, from("ann"));
    desk.pass(49);
    assert_eq!(desk.phase(), Phase::Collecting);
    says(&mut desk, from("ann"));
    desk.pass(49);
    assert_eq!(desk.phase(), Phase::Collecting, "it begins anew with each piece");
    desk.pass(1);
    assert_eq!(drain(&mut desk), [[0, 1]]);
}

#[test]
fn the_text_of_somebody_else_and_what_is_more_than_text_end_the_pieces() {
    for other in [from("bob"), from("ann").with_payload("{}"), from("ann").with_authority("b")] {
        let mut desk = desk();
        says(&mut desk, from("ann"));
        says(&mut desk, other);
        assert_eq!((desk.phase(), desk.has_window()), (Phase::Ready, false));
        assert_eq!(drain(&mut desk), [[0], [1]]);
    }
}

/// What has ended the pieces is no piece: the same person's next words are a turn of their own.
#[test]
fn after_the_end_of_the_pieces_there_are_none_until_the_session_is_idle_again() {
    let mut desk = desk();
    says(&mut desk, from("ann"));
    says(&mut desk, from("bob"));
    says(&mut desk, from("bob"));
    assert_eq!(drain(&mut desk), [[0], [1], [2]]);
    says(&mut desk, from("bob"));
    assert_eq!(desk.phase(), Phase::Collecting);
}

#[test]
fn a_quiet_window_takes_no_pieces_of_a_leading_one() {
    let mut desk = desk();
    desk.put(&followup());
    desk.pass(50);
    desk.start();
    says(&mut desk, from("ann").with_mode(Mode::Collect));
    assert!(desk.has_window());
    desk.done();
    assert_eq!(desk.phase(), Phase::Collecting);
    says(&mut desk, from("ann"));
    assert_eq!((desk.phase(), desk.has_window()), (Phase::Ready, false));
    assert_eq!(drain(&mut desk), [[1], [2]]);
}

#[test]
fn nothing_is_held_back_for_pieces_without_a_time_for_them_or_in_a_drain() {
    let mut desk = Desk::new();
    says(&mut desk, from("ann"));
    assert_eq!((desk.phase(), desk.has_window()), (Phase::Ready, false));
    let mut desk = self::desk();
    desk.shut(Door::Draining);
    desk.put(&collect().spawned());
    assert_eq!((desk.phase(), desk.has_window()), (Phase::Ready, false));
}
