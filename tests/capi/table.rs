//! The functions of the ABI with the kinds of their arguments. Those that end something come last.

use laneq::capi::*;

use crate::args::Arg::{self, *};
use crate::args::{Of, Shape};

type Row = (&'static str, *const (), &'static [Arg]);

const ENGINE: Arg = Handle(Of::Engine);
const RUN: Arg = Handle(Of::Run);
const PORT: Arg = Handle(Of::Port);
const PULLED: Arg = Handle(Of::Pulled);
const KEY: Arg = Text("argument");
const LANE: Arg = Text("main");
const CALL: Arg = Text("c1");

macro_rules! rows {
    ($($module:ident::$name:ident($($arg:expr),*);)+) => {
        vec![$((stringify!($name), $module::$name as *const (), &[$($arg),*] as &[Arg])),+]
    };
}

pub fn rows() -> Vec<Row> {
    rows!(
        engine::laneq_engine_new(StructMaybe(Shape::Config), Out, Error);
        engine::laneq_config_check(StructMaybe(Shape::Config), Error);
        engine::laneq_engine_reload(ENGINE, StructMaybe(Shape::Config), OutMaybe, Error);
        engine::laneq_engine_stats(ENGINE, Out, Error);
        message::laneq_engine_key_of(ENGINE, Struct(Shape::Message), Out, Error);
        submit::laneq_submit(ENGINE, Struct(Shape::Message), OutMaybe, Error);
        admission::laneq_submit_nowait(ENGINE, Struct(Shape::Message), OutMaybe, Error);
        admission::laneq_admission_wait(Handle(Of::Admission), Time, OutMaybe, Error);
        journal::laneq_engine_recover(ENGINE, Absent, Absent, OutStructMaybe(Shape::Recovered), Error);
        journal::laneq_engine_journal_error(ENGINE, Out, Error);
        journal::laneq_engine_transcript(ENGINE, KEY, Out, Error);
        port::laneq_port_open(Handle(Of::Pulling), Out, Error);
        port::laneq_port_bind(PORT, LANE, StructMaybe(Shape::Handler), Error);
        port::laneq_port_bind_any(PORT, StructMaybe(Shape::Handler), Error);
        port::laneq_port_watch(PORT, Handle(Of::Receipt), Any(7), Error);
        port::laneq_port_watch_admission(PORT, Handle(Of::Admission), Any(7), Error);
        port::laneq_port_descriptor(PORT, Out, Error);
        port::laneq_port_on_wake(PORT, Call, User, Error);
        notice::laneq_port_next(PORT, Time, OutStruct(Shape::Notice), Error);
        notice::laneq_run_wait_begin(PULLED, Handle(Of::Receipt), Error);
        receipt::laneq_receipt_landed(Handle(Of::Receipt), OutStruct(Shape::Landed), Error);
        receipt::laneq_receipt_message(Handle(Of::Receipt), OutStruct(Shape::Message), Error);
        receipt::laneq_receipt_wait(Handle(Of::Receipt), Time, OutStruct(Shape::Settled), Error);
        run::laneq_run_get(RUN, OutStruct(Shape::RunInfo), Error);
        run::laneq_run_text(RUN, Out, Error);
        run::laneq_run_message(RUN, Any(0), OutStruct(Shape::Message), Error);
        run::laneq_run_summary(RUN, Any(0), Out, Error);
        boundary::laneq_run_boundary(RUN, Out, OutMaybe, Error);
        boundary::laneq_run_set_steerable(RUN, Number(1), Error);
        run::laneq_run_say(RUN, Text("so far"), Error);
        boundary::laneq_run_token(RUN, Out, Error);
        boundary::laneq_run_token_for(RUN, Time, Out, Error);
        boundary::laneq_run_on_signal(RUN, Call, User, Error);
        handler::laneq_engine_on_run(ENGINE, Maybe, StructMaybe(Shape::Handler), Call, User, Error);
        steers::laneq_run_take_steers(RUN, Out, OutMaybe, Error);
        steers::laneq_steers_count(Handle(Of::Steers), Out, Error);
        steers::laneq_steers_message(Handle(Of::Steers), Any(0), OutStruct(Shape::Message), Error);
        steers::laneq_steers_commit(Handle(Of::Steers), Error);
        ledger::laneq_run_plan(RUN, OutMaybe, Any(0), Error);
        ledger::laneq_call_start(RUN, CALL, Out, OutMaybe, Error);
        ledger::laneq_call_start_rest(RUN, Out, OutMaybe, OutMaybe, Error);
        ledger::laneq_call_finish(RUN, CALL, Number(0), Maybe, OutMaybe, OutMaybe, Error);
        ledger::laneq_call_time_out(RUN, CALL, Error);
        ledger::laneq_run_give_up_calls(RUN, Error);
        ledger::laneq_run_settle(RUN, Out, Error);
        ledger::laneq_results_count(Handle(Of::Results), Out, Error);
        ledger::laneq_results_get(Handle(Of::Results), Any(0), OutStruct(Shape::CallResult), Error);
        children::laneq_run_spawn(RUN, Struct(Shape::Message), OutMaybe, Error);
        children::laneq_run_spawn_detached(RUN, Struct(Shape::Message), OutMaybe, Error);
        children::laneq_run_wait(RUN, Handle(Of::Receipt), Time, OutStruct(Shape::Settled), Error);
        token::laneq_token_new(Out, Error);
        token::laneq_token_child(Handle(Of::Token), Out, Error);
        token::laneq_token_cancelled(Handle(Of::Token), Out, Error);
        token::laneq_token_wait(Handle(Of::Token), Time, Out, Error);
        token::laneq_token_on_cancel(Handle(Of::Token), Call, User, OutMaybe, Error);
        token::laneq_token_cancel(Handle(Of::Token), Number(1), OutMaybe, Error);
        control::laneq_engine_set_knobs(ENGINE, KEY, StructMaybe(Shape::Knobs), Error);
        control::laneq_engine_stop(ENGINE, KEY, OutMaybe, OutMaybe, Error);
        control::laneq_engine_stop_run(ENGINE, Any(u64::MAX), OutMaybe, Error);
        control::laneq_engine_interrupt(ENGINE, KEY, OutMaybe, Error);
        control::laneq_engine_interrupt_run(ENGINE, Any(u64::MAX), Error);
        control::laneq_engine_withdraw(ENGINE, Handle(Of::Receipt), Out, Error);
        control::laneq_engine_abandon(ENGINE, Any(u64::MAX), Error);
        lanes::laneq_engine_set_lane(ENGINE, Text("other"), Any(3), Error);
        lanes::laneq_engine_pause(ENGINE, LANE, Error);
        lanes::laneq_engine_resume(ENGINE, LANE, Error);
        events::laneq_events_open(ENGINE, StructMaybe(Shape::EventsOptions), Out, Error);
        events::laneq_events_next(Handle(Of::Events), Time, Out, Error);
        events::laneq_events_lost(Handle(Of::Events), Out, Error);
        text::laneq_text_get(Handle(Of::Text), Out, Error);
        ending::laneq_report_get(Handle(Of::Report), OutStruct(Shape::Drained), Error);
        ending::laneq_report_returned(Handle(Of::Report), Any(0), OutStruct(Shape::Message), Error);
        boundary::laneq_run_end(RUN, Out, OutMaybe, Out, Error);
        run::laneq_run_complete(RUN, Maybe, Error);
        run::laneq_run_fail(RUN, Maybe, Error);
        ending::laneq_engine_drain(ENGINE, Time, OutMaybe, Error);
        ending::laneq_engine_close(ENGINE, Time, OutMaybe, Error);
        run::laneq_run_complete(PULLED, Maybe, Error);
        notice::laneq_run_free(Handle(Of::Dropped));
        port::laneq_port_free(PORT);
        admission::laneq_admission_free(Handle(Of::Admission));
        token::laneq_registration_remove(Handle(Of::Registration), Error);
        token::laneq_registration_free(Handle(Of::Registration));
        receipt::laneq_receipt_free(Handle(Of::Receipt));
        steers::laneq_steers_free(Handle(Of::Steers));
        ledger::laneq_results_free(Handle(Of::Results));
        token::laneq_token_free(Handle(Of::Token));
        events::laneq_events_free(Handle(Of::Events));
        text::laneq_text_free(Handle(Of::Text));
        ending::laneq_report_free(Handle(Of::Report));
        engine::laneq_engine_free(ENGINE);
    )
}
