// Package laneq is a lane queue for AI agents, over its C ABI. Runs come through ports, on
// goroutines: no callback of the library ever enters Go.
//
// The library is found by the linker as `laneq`; if it is not where the linker looks, set
// CGO_CFLAGS and CGO_LDFLAGS (`pkg-config --cflags --libs laneq` prints both).
package laneq

/*
#cgo LDFLAGS: -llaneq
#include <laneq.h>

static laneq_str str(_GoString_ text) {
  laneq_str out = {_GoStringPtr(text), _GoStringLen(text)};
  if (out.len == 0) out.data = NULL;
  return out;
}

static laneq_status engine_new(_GoString_ config, laneq_engine *out, laneq_error *error) {
  laneq_config raw = {.struct_size = sizeof raw, .text = str(config)};
  return laneq_engine_new(&raw, out, error);
}

static laneq_status pause_lane(laneq_engine engine, _GoString_ lane, laneq_error *error) {
  return laneq_engine_pause(engine, _GoStringPtr(lane), _GoStringLen(lane), error);
}

static laneq_status resume_lane(laneq_engine engine, _GoString_ lane, laneq_error *error) {
  return laneq_engine_resume(engine, _GoStringPtr(lane), _GoStringLen(lane), error);
}

static laneq_status stop(laneq_engine engine, _GoString_ key, uint32_t *withdrawn,
                         laneq_error *error) {
  return laneq_engine_stop(engine, _GoStringPtr(key), _GoStringLen(key), withdrawn, NULL, error);
}

static laneq_status interrupt(laneq_engine engine, _GoString_ key, uint64_t *run,
                              laneq_error *error) {
  return laneq_engine_interrupt(engine, _GoStringPtr(key), _GoStringLen(key), run, error);
}
*/
import "C"

import (
	"time"
	"unsafe"
)

// Engine runs messages in order within a session and in parallel across sessions.
type Engine struct {
	handle C.laneq_engine
	// Where receipts are watched: a port without lanes, so that no run is in their way.
	ear *Port
}

// New starts an engine from settings in TOML; "" is the defaults.
func New(config string) (*Engine, error) {
	engine := &Engine{}
	var said C.laneq_error
	if err := fault(C.engine_new(config, &engine.handle, &said), &said); err != nil {
		return nil, err
	}
	ear, err := engine.Port()
	if err != nil {
		C.laneq_engine_free(engine.handle)
		return nil, err
	}
	engine.ear = ear
	return engine, nil
}

// Pause lets nothing start in a lane; what runs finishes.
func (e *Engine) Pause(lane string) error {
	var said C.laneq_error
	return fault(C.pause_lane(e.handle, lane, &said), &said)
}

// Resume takes a pause back.
func (e *Engine) Resume(lane string) error {
	var said C.laneq_error
	return fault(C.resume_lane(e.handle, lane, &said), &said)
}

// Stop withdraws what waits under a key, and stops its run. It gives how many were withdrawn.
func (e *Engine) Stop(key string) (uint32, error) {
	var said C.laneq_error
	var withdrawn C.uint32_t
	err := fault(C.stop(e.handle, key, &withdrawn, &said), &said)
	return uint32(withdrawn), err
}

// Interrupt stops the run of a key; what waits goes on. It gives the run, or 0 if there was none.
func (e *Engine) Interrupt(key string) (uint64, error) {
	var said C.laneq_error
	var run C.uint64_t
	err := fault(C.interrupt(e.handle, key, &run, &said), &said)
	return uint64(run), err
}

// Stats gives all figures as a JSON object.
func (e *Engine) Stats() (string, error) {
	var said C.laneq_error
	var json C.laneq_text
	if err := fault(C.laneq_engine_stats(e.handle, &json, &said), &said); err != nil {
		return "", err
	}
	return text(json), nil
}

// Drained is what a drain came to.
type Drained struct {
	// Everything reached its fate by itself.
	Complete bool
	// How many reached a fate; how many runs were told to stop and had not ended.
	Settled, Running int
	// Messages that are the host's again.
	Returned []Message
}

// Drain refuses new messages and waits until all that is admitted has its fate; at the deadline the
// rest is returned. It blocks a thread.
func (e *Engine) Drain(deadline time.Duration) (Drained, error) {
	var said C.laneq_error
	var report C.laneq_report
	status := C.laneq_engine_drain(e.handle, C.int64_t(deadline.Milliseconds()), &report, &said)
	if err := fault(status, &said); err != nil {
		return Drained{}, err
	}
	defer C.laneq_report_free(report)
	raw := C.laneq_drained{struct_size: C.size_t(unsafe.Sizeof(C.laneq_drained{}))}
	if err := fault(C.laneq_report_get(report, &raw, &said), &said); err != nil {
		return Drained{}, err
	}
	out := Drained{Complete: raw.complete != 0, Settled: int(raw.settled), Running: int(raw.running)}
	for i := C.uint32_t(0); i < raw.returned; i++ {
		message := blank()
		if err := fault(C.laneq_report_returned(report, i, &message, &said), &said); err != nil {
			return out, err
		}
		out.Returned = append(out.Returned, read(&message))
	}
	return out, nil
}

// Close stops everything and waits for it, within the deadline; the error has status StatusStuck if
// runs are still in hand. Ports end. It blocks a thread. It may be called again after an error.
func (e *Engine) Close(deadline time.Duration) error {
	var said C.laneq_error
	status := C.laneq_engine_close(e.handle, C.int64_t(deadline.Milliseconds()), nil, &said)
	if err := fault(status, &said); err != nil {
		return err
	}
	<-e.ear.ended
	C.laneq_engine_free(e.handle)
	return nil
}
