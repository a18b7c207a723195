package laneq

/*
#include <laneq.h>

static laneq_status complete(laneq_run run, _GoString_ reply, laneq_error *error) {
  return laneq_run_complete(run, _GoStringPtr(reply), _GoStringLen(reply), error);
}

static laneq_status fail(laneq_run run, _GoString_ reason, laneq_error *error) {
  return laneq_run_fail(run, _GoStringPtr(reason), _GoStringLen(reason), error);
}

static laneq_status say(laneq_run run, _GoString_ text, laneq_error *error) {
  return laneq_run_say(run, _GoStringPtr(text), _GoStringLen(text), error);
}
*/
import "C"

import (
	"context"
	"errors"
	"runtime"
	"unsafe"
)

// Run is a run in hand. It holds a slot of its lane until it is completed, failed or freed.
type Run struct {
	// Its number, as in events; never reused.
	ID uint64
	// The session key, and all texts of the batch as one.
	Key, Text string

	handle C.laneq_run
	port   *Port
	ctx    context.Context
	cancel context.CancelFunc
	// Both hold one notice: it says that something is there, not how often.
	steered, waited chan struct{}
}

func newRun(port *Port, handle C.laneq_run, id uint64) *Run {
	ctx, cancel := context.WithCancel(context.Background())
	return &Run{
		ID: id, handle: handle, port: port, ctx: ctx, cancel: cancel,
		steered: make(chan struct{}, 1), waited: make(chan struct{}, 1),
	}
}

func (r *Run) read() error {
	raw := C.laneq_run_info{struct_size: C.size_t(unsafe.Sizeof(C.laneq_run_info{}))}
	var said C.laneq_error
	if err := fault(C.laneq_run_get(r.handle, &raw, &said), &said); err != nil {
		return err
	}
	var out C.laneq_str
	if err := fault(C.laneq_run_text(r.handle, &out, &said), &said); err != nil {
		return err
	}
	r.Key, r.Text = own(raw.key), own(out)
	return nil
}

func (r *Run) hear(kind C.int32_t) {
	told := r.steered
	switch kind {
	case C.LANEQ_NOTICE_STOP:
		r.cancel()
		return
	case C.LANEQ_NOTICE_WAITED:
		told = r.waited
	}
	select {
	case told <- struct{}{}:
	default:
	}
}

// Context is done once the run is stopped, or over: give it to the tools.
func (r *Run) Context() context.Context { return r.ctx }

// Steered tells that a steer waits at the next boundary.
func (r *Run) Steered() <-chan struct{} { return r.steered }

// Say says something before the end.
func (r *Run) Say(text string) error {
	var said C.laneq_error
	return fault(C.say(r.handle, text, &said), &said)
}

// Boundary says what to do now: Go, Steer or Stop. Ask before and after every tool call.
func (r *Run) Boundary() (int, error) {
	var said C.laneq_error
	var verdict C.int32_t
	err := fault(C.laneq_run_boundary(r.handle, &verdict, nil, &said), &said)
	return int(verdict), err
}

// Steers are those that a run has taken: commit them once they are in the transcript, or put them
// back.
type Steers struct {
	Messages []Message
	handle   C.laneq_steers
}

// TakeSteers takes the steers that wait; nil if there are none.
func (r *Run) TakeSteers() (*Steers, error) {
	var said C.laneq_error
	var handle C.laneq_steers
	var count C.uint32_t
	err := fault(C.laneq_run_take_steers(r.handle, &handle, &count, &said), &said)
	if err != nil || handle == 0 {
		return nil, err
	}
	steers := &Steers{handle: handle}
	for i := C.uint32_t(0); i < count; i++ {
		message := blank()
		if err := fault(C.laneq_steers_message(handle, i, &message, &said), &said); err != nil {
			steers.PutBack()
			return nil, err
		}
		steers.Messages = append(steers.Messages, read(&message))
	}
	return steers, nil
}

// Commit says that they are in the transcript: delivered, finally.
func (s *Steers) Commit() error {
	defer s.PutBack()
	var said C.laneq_error
	return fault(C.laneq_steers_commit(s.handle, &said), &said)
}

// PutBack puts them back at their place, unless they are committed.
func (s *Steers) PutBack() {
	C.laneq_steers_free(s.handle)
	s.handle = 0
}

// Spawn submits a message as the run's child: it ends with the run unless that is done.
func (r *Run) Spawn(child Message) (*Receipt, error) {
	return send(1, C.uint64_t(r.handle), r.port.engine.ear, child)
}

// Wait waits for what becomes of a message; the slot is lent meanwhile, and no thread waits. The
// error has status StatusStopped if the run is stopped first. One wait of a run at a time.
func (r *Run) Wait(receipt *Receipt) (Settled, error) {
	defer runtime.KeepAlive(receipt)
	var said C.laneq_error
	status := C.laneq_run_wait_begin(r.handle, receipt.handle, &said)
	if err := fault(status, &said); err != nil {
		return Settled{}, err
	}
	select {
	case <-r.waited:
	case <-r.port.ended:
		return Settled{}, &Error{Status: StatusClosed, Message: "the port was closed before this was decided"}
	}
	settled, err := receipt.Poll()
	var none *Error
	if errors.As(err, &none) && none.Status == StatusTimedOut {
		err = &Error{Status: StatusStopped, Message: "the waiting run was stopped"}
	}
	return settled, err
}

// Complete ends the run, done, with this reply.
func (r *Run) Complete(reply string) error {
	defer r.over()
	var said C.laneq_error
	return fault(C.complete(r.handle, reply, &said), &said)
}

// Fail ends the run, failed, for this reason.
func (r *Run) Fail(reason string) error {
	defer r.over()
	var said C.laneq_error
	return fault(C.fail(r.handle, reason, &said), &said)
}

// Free ends the run, failed, if it was neither completed nor failed: to be deferred.
func (r *Run) Free() { r.over() }

// A reply that is no UTF-8 has not ended the run: freeing it does.
func (r *Run) over() {
	C.laneq_run_free(r.handle)
	r.port.forget(r.ID)
	r.cancel()
}
