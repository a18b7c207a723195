package laneq

/*
#include <laneq.h>

static laneq_status bind_lane(laneq_port port, _GoString_ lane, laneq_error *error) {
  return laneq_port_bind(port, _GoStringPtr(lane), _GoStringLen(lane), NULL, error);
}
*/
import "C"

import (
	"runtime"
	"sync"
	"unsafe"
)

// Port is where goroutines take runs. One goroutine, and one thread, hears all that it tells.
type Port struct {
	engine *Engine
	handle C.laneq_port
	runs   chan *Run
	// Closed by Close, and by the end of the goroutine that hears.
	left, ended chan struct{}
	leave       sync.Once

	// Guards what follows; held for no call.
	mu      sync.Mutex
	inHand  map[uint64]*Run
	watched map[uint64]chan struct{}
	tags    uint64
}

// Port opens a port and binds these lanes.
func (e *Engine) Port(lanes ...string) (*Port, error) {
	port := &Port{
		engine: e, runs: make(chan *Run),
		left: make(chan struct{}), ended: make(chan struct{}),
		inHand: map[uint64]*Run{}, watched: map[uint64]chan struct{}{},
	}
	var said C.laneq_error
	if err := fault(C.laneq_port_open(e.handle, &port.handle, &said), &said); err != nil {
		return nil, err
	}
	go port.hear()
	for _, lane := range lanes {
		if err := port.Bind(lane); err != nil {
			port.Close()
			return nil, err
		}
	}
	return port, nil
}

// Bind makes the runs of a lane this port's.
func (p *Port) Bind(lane string) error {
	var said C.laneq_error
	return fault(C.bind_lane(p.handle, lane, &said), &said)
}

// BindAny binds every lane that has no port of its own, now or later.
func (p *Port) BindAny() error {
	var said C.laneq_error
	return fault(C.laneq_port_bind_any(p.handle, nil, &said), &said)
}

// Runs gives every run as it is ready, until the engine or the port is closed. Each is to be
// completed or failed. Handle it on a goroutine of its own: steers and stops are heard in between.
func (p *Port) Runs() <-chan *Run { return p.runs }

// Close lets the lanes go; runs in hand stay valid, but hear no more of steers and stops.
func (p *Port) Close() {
	p.leave.Do(func() {
		close(p.left)
		C.laneq_port_free(p.handle)
	})
}

func (p *Port) hear() {
	defer p.end()
	notice := C.laneq_notice{struct_size: C.size_t(unsafe.Sizeof(C.laneq_notice{}))}
	for C.laneq_port_next(p.handle, -1, &notice, nil) == C.LANEQ_OK {
		switch notice.kind {
		case C.LANEQ_NOTICE_CLOSED:
			return
		case C.LANEQ_NOTICE_READY:
			p.ready(notice.run, uint64(notice.run_id))
		case C.LANEQ_NOTICE_SETTLED:
			p.settled(uint64(notice.tag))
		default:
			if run := p.run(uint64(notice.run_id)); run != nil {
				run.hear(notice.kind)
			}
		}
	}
}

// Whoever waits for something that will not be told any more looks for itself.
func (p *Port) end() {
	p.Close()
	p.mu.Lock()
	watched := p.watched
	p.watched = nil
	p.mu.Unlock()
	for _, came := range watched {
		close(came)
	}
	close(p.runs)
	close(p.ended)
}

func (p *Port) ready(handle C.laneq_run, id uint64) {
	run := newRun(p, handle, id)
	if err := run.read(); err != nil {
		// It was abandoned meanwhile.
		run.Free()
		return
	}
	p.mu.Lock()
	p.inHand[id] = run
	p.mu.Unlock()
	select {
	case p.runs <- run:
	case <-p.left:
		run.Free()
	}
}

func (p *Port) run(id uint64) *Run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inHand[id]
}

func (p *Port) forget(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.inHand, id)
}

// watch gives a channel that is closed when the receipt has its fate, or the port ends.
func (p *Port) watch(receipt *Receipt) (<-chan struct{}, error) {
	defer runtime.KeepAlive(receipt)
	came := make(chan struct{})
	p.mu.Lock()
	if p.watched == nil {
		p.mu.Unlock()
		close(came)
		return came, nil
	}
	p.tags++
	tag := p.tags
	p.watched[tag] = came
	p.mu.Unlock()
	var said C.laneq_error
	err := fault(C.laneq_port_watch(p.handle, receipt.handle, C.uint64_t(tag), &said), &said)
	if err != nil {
		p.settled(tag)
	}
	return came, err
}

func (p *Port) settled(tag uint64) {
	p.mu.Lock()
	came := p.watched[tag]
	delete(p.watched, tag)
	p.mu.Unlock()
	if came != nil {
		close(came)
	}
}
