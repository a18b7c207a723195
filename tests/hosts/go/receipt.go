package laneq

/*
#include <laneq.h>

static laneq_str str(_GoString_ text) {
  laneq_str out = {_GoStringPtr(text), _GoStringLen(text)};
  if (out.len == 0) out.data = NULL;
  return out;
}

typedef laneq_status (*sends)(uint64_t, const laneq_message *, laneq_receipt *, laneq_error *);

// Submits, or spawns from a run. Go's strings do not go into a struct of C: they come one by one.
static laneq_status send(int from_run, uint64_t handle, _GoString_ key, _GoString_ id,
                         _GoString_ text, _GoString_ payload, _GoString_ meta, _GoString_ sender,
                         _GoString_ authority, _GoString_ lane, int32_t mode,
                         laneq_receipt *receipt, laneq_error *error) {
  sends send = from_run ? laneq_run_spawn : laneq_submit;
  laneq_message raw = {.struct_size = sizeof raw, .key = str(key), .id = str(id), .text = str(text),
                       .payload = str(payload), .meta = str(meta), .sender = str(sender),
                       .authority = str(authority), .lane = str(lane), .mode = mode};
  return send(handle, &raw, receipt, error);
}
*/
import "C"

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"unsafe"
)

// Message is what a host submits: a key, and a text or a payload.
type Message struct {
	Key, ID, Text, Payload, Meta, Sender, Authority, Lane string
	// 0 is the session's, else that of the settings.
	Mode int
}

func blank() C.laneq_message {
	return C.laneq_message{struct_size: C.size_t(unsafe.Sizeof(C.laneq_message{}))}
}

func read(raw *C.laneq_message) Message {
	return Message{
		Key: own(raw.key), ID: own(raw.id), Text: own(raw.text), Payload: own(raw.payload),
		Meta: own(raw.meta), Sender: own(raw.sender), Authority: own(raw.authority),
		Lane: own(raw.lane), Mode: int(raw.mode),
	}
}

// Submit hands a message over. A refusal is an *Error; that of a duplicate has the first receipt.
// It blocks until the message is in the journal, if there is one.
func (e *Engine) Submit(message Message) (*Receipt, error) {
	return send(0, C.uint64_t(e.handle), e.ear, message)
}

func send(fromRun C.int, from C.uint64_t, ear *Port, m Message) (*Receipt, error) {
	var said C.laneq_error
	var out C.laneq_receipt
	status := C.send(fromRun, from, m.Key, m.ID, m.Text, m.Payload, m.Meta, m.Sender, m.Authority,
		m.Lane, C.int32_t(m.Mode), &out, &said)
	var receipt *Receipt
	if out != 0 {
		receipt = &Receipt{handle: out, ear: ear}
		runtime.SetFinalizer(receipt, func(r *Receipt) { C.laneq_receipt_free(r.handle) })
	}
	if status == C.LANEQ_OK {
		return receipt, nil
	}
	refused := refusal(status, &said)
	refused.First = receipt
	return nil, refused
}

// Receipt is the answer to an accepted message, which goes its way also without.
type Receipt struct {
	handle C.laneq_receipt
	ear    *Port
	watch  sync.Once
	came   <-chan struct{}
	failed error
}

// Settled is what became of a message.
type Settled struct {
	// The run's one reply, on the receipt with Lead alone, and what it said when it failed.
	Reply, Error string
	// The run that executed or received it; 0: none.
	Run           uint64
	Fate, Outcome int
	// On exactly one receipt of a run's batch, so that a host answers once.
	Lead bool
}

// Steers tells the run that the message steers; 0: it waits its turn.
func (r *Receipt) Steers() (uint64, error) {
	defer runtime.KeepAlive(r)
	raw := C.laneq_landed{struct_size: C.size_t(unsafe.Sizeof(C.laneq_landed{}))}
	var said C.laneq_error
	err := fault(C.laneq_receipt_landed(r.handle, &raw, &said), &said)
	return uint64(raw.run), err
}

// Poll looks only: the error has status StatusTimedOut while there is no fate.
func (r *Receipt) Poll() (Settled, error) {
	defer runtime.KeepAlive(r)
	raw := C.laneq_settled{struct_size: C.size_t(unsafe.Sizeof(C.laneq_settled{}))}
	var said C.laneq_error
	if err := fault(C.laneq_receipt_wait(r.handle, 0, &raw, &said), &said); err != nil {
		return Settled{}, err
	}
	return Settled{
		Reply: own(raw.reply), Error: own(raw.error), Run: uint64(raw.run),
		Fate: int(raw.fate), Outcome: int(raw.outcome), Lead: raw.lead != 0,
	}, nil
}

// Wait waits for what becomes of the message, or for the context. No thread waits meanwhile. Inside
// a run use Run.Wait, which lends the slot.
func (r *Receipt) Wait(ctx context.Context) (Settled, error) {
	settled, err := r.Poll()
	var said *Error
	if !errors.As(err, &said) || said.Status != StatusTimedOut {
		return settled, err
	}
	r.watch.Do(func() { r.came, r.failed = r.ear.watch(r) })
	if r.failed != nil {
		return Settled{}, r.failed
	}
	select {
	case <-r.came:
		return r.Poll()
	case <-ctx.Done():
		return Settled{}, ctx.Err()
	}
}
