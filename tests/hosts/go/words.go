package laneq

// #include <laneq.h>
import "C"

import "fmt"

// What happens to a message while its session is busy.
const (
	ModeFollowup     = C.LANEQ_MODE_FOLLOWUP
	ModeCollect      = C.LANEQ_MODE_COLLECT
	ModeSteer        = C.LANEQ_MODE_STEER
	ModeSteerBacklog = C.LANEQ_MODE_STEER_BACKLOG
	ModeInterrupt    = C.LANEQ_MODE_INTERRUPT
)

// The one final state of a message.
const (
	FateRan       = C.LANEQ_FATE_RAN
	FateSteered   = C.LANEQ_FATE_STEERED
	FateDropped   = C.LANEQ_FATE_DROPPED
	FateWithdrawn = C.LANEQ_FATE_WITHDRAWN
	FateExpired   = C.LANEQ_FATE_EXPIRED
	FateParked    = C.LANEQ_FATE_PARKED
	FateReturned  = C.LANEQ_FATE_RETURNED
)

// How a run ended.
const (
	OutcomeDone    = C.LANEQ_OUTCOME_DONE
	OutcomeFailed  = C.LANEQ_OUTCOME_FAILED
	OutcomeStopped = C.LANEQ_OUTCOME_STOPPED
)

// What a boundary answers.
const (
	Go    = C.LANEQ_VERDICT_GO
	Steer = C.LANEQ_VERDICT_STEER
	Stop  = C.LANEQ_VERDICT_STOP
)

// Some of what an Error can say; the others are in laneq.h.
const (
	StatusHandle        = C.LANEQ_E_HANDLE
	StatusWouldDeadlock = C.LANEQ_E_WOULD_DEADLOCK
	StatusClosed        = C.LANEQ_E_CLOSED
	StatusTimedOut      = C.LANEQ_E_TIMED_OUT
	StatusStopped       = C.LANEQ_E_STOPPED
	StatusStuck         = C.LANEQ_E_STUCK
	RefusedDuplicate    = C.LANEQ_REFUSED_DUPLICATE
	RefusedDraining     = C.LANEQ_REFUSED_DRAINING
)

// Error is what a call of the library says.
type Error struct {
	// A number of laneq.h: LANEQ_E_... or LANEQ_REFUSED_...
	Status int
	// What was wrong, and what would be right.
	Message string
	// Of a duplicate: the receipt of the message that came first; else nil.
	First *Receipt
}

func (e *Error) Error() string { return fmt.Sprintf("laneq: %s (%d)", e.Message, e.Status) }

// A status of 0 is no error: nil of the interface, which a nil *Error would not be.
func fault(status C.laneq_status, said *C.laneq_error) error {
	if status == C.LANEQ_OK {
		return nil
	}
	return refusal(status, said)
}

func refusal(status C.laneq_status, said *C.laneq_error) *Error {
	message := C.GoStringN(&said.message[0], C.int(said.message_len))
	return &Error{Status: int(status), Message: message}
}

func own(text C.laneq_str) string { return C.GoStringN(text.data, C.int(text.len)) }

// The string of a text, which is freed.
func text(handle C.laneq_text) string {
	defer C.laneq_text_free(handle)
	var out C.laneq_str
	C.laneq_text_get(handle, &out, nil)
	return own(out)
}
