// A chat host in Go: a burst that becomes one run, a steer at a boundary, an interrupt, a sub-agent
// on the same lane, and a drain. Runs come through a port, each on a goroutine of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"laneq"
)

const settings = "[lanes.main]\nconcurrency = 1\n[queue]\ndebounce = \"0ms\"\n"

// What runs and main tell each other.
type host struct {
	engine  *laneq.Engine
	arrived chan struct{}
}

func must(err error) {
	if err != nil {
		log.Panic(err)
	}
}

func check(so bool, what string) {
	if !so {
		log.Panic("not so: ", what)
	}
}

func status(err error) int {
	var said *laneq.Error
	if errors.As(err, &said) {
		return said.Status
	}
	return 0
}

func (h *host) submit(key, text string, mode int) *laneq.Receipt {
	receipt, err := h.engine.Submit(laneq.Message{Key: key, Text: text, Mode: mode})
	must(err)
	return receipt
}

func settled(receipt *laneq.Receipt) laneq.Settled {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	settled, err := receipt.Wait(ctx)
	must(err)
	return settled
}

func (h *host) onRun(run *laneq.Run) {
	defer run.Free()
	switch run.Key {
	case "tools":
		must(run.Complete(h.withTools(run)))
	case "endless":
		close(h.arrived)
		<-run.Context().Done()
		verdict, err := run.Boundary()
		must(err)
		check(verdict == laneq.Stop, "a stop at the boundary")
		must(run.Fail("as you say"))
	case "parent":
		must(run.Complete(withChild(run)))
	case "careless":
		// Free ends it.
	default:
		must(run.Complete("you said: " + run.Text))
	}
}

// A tool, during which a steer arrives: taken and put back, taken again and committed.
func (h *host) withTools(run *laneq.Run) string {
	verdict, err := run.Boundary()
	must(err)
	check(verdict == laneq.Go, "nothing at the first boundary")
	close(h.arrived)
	<-run.Steered()
	verdict, err = run.Boundary()
	must(err)
	check(verdict == laneq.Steer, "a steer at the boundary")
	steers, err := run.TakeSteers()
	must(err)
	steers.PutBack()
	steers, err = run.TakeSteers()
	must(err)
	check(len(steers.Messages) == 1, "one steer")
	must(steers.Commit())
	return "instead: " + steers.Messages[0].Text
}

// A child on its own lane, which has one slot: it is lent while the parent waits.
func withChild(run *laneq.Run) string {
	receipt, err := run.Spawn(laneq.Message{Key: "child", Text: "hello", Lane: "main"})
	must(err)
	settled, err := run.Wait(receipt)
	must(err)
	return "the child: " + settled.Reply
}

// A burst behind a paused lane: one run, one reply, on one receipt.
func (h *host) burst() {
	must(h.engine.Pause("main"))
	var receipts []*laneq.Receipt
	for i := 0; i < 3; i++ {
		receipts = append(receipts, h.submit("chat", "hello", laneq.ModeCollect))
	}
	_, err := receipts[0].Poll()
	check(status(err) == laneq.StatusTimedOut, "no fate yet")
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = receipts[0].Wait(over)
	check(err == context.Canceled, "a wait ends with its context")
	must(h.engine.Resume("main"))
	leads := 0
	for _, receipt := range receipts {
		settled := settled(receipt)
		check(settled.Fate == laneq.FateRan && settled.Outcome == laneq.OutcomeDone, "done")
		if settled.Lead {
			leads++
			check(strings.HasPrefix(settled.Reply, "you said: "), settled.Reply)
		}
	}
	check(leads == 1, "one reply")
}

func (h *host) steer() {
	h.arrived = make(chan struct{})
	first := h.submit("tools", "fix the bug", 0)
	<-h.arrived
	second := h.submit("tools", "not that file", laneq.ModeSteer)
	run, err := second.Steers()
	must(err)
	check(settled(first).Reply == "instead: not that file", "steered")
	after := settled(second)
	check(after.Fate == laneq.FateSteered && after.Run == run, "delivered to that run")
}

func (h *host) interrupt() {
	h.arrived = make(chan struct{})
	receipt := h.submit("endless", "go", 0)
	<-h.arrived
	run, err := h.engine.Interrupt("endless")
	must(err)
	after := settled(receipt)
	check(after.Outcome == laneq.OutcomeStopped && after.Run == run, "stopped")
	check(after.Error == "as you say", after.Error)
}

func (h *host) subAgent() {
	reply := settled(h.submit("parent", "ask a child", 0)).Reply
	check(reply == "the child: you said: hello", reply)
	check(settled(h.submit("careless", "go", 0)).Outcome == laneq.OutcomeFailed, "freed is failed")
}

// A refusal says why, and for a duplicate what came first.
func (h *host) duplicate() {
	hello := laneq.Message{Key: "chat", Text: "hello", ID: "once"}
	first, err := h.engine.Submit(hello)
	must(err)
	_, err = h.engine.Submit(hello)
	var refused *laneq.Error
	check(errors.As(err, &refused) && refused.Status == laneq.RefusedDuplicate, "a duplicate")
	check(settled(refused.First).Run == settled(first).Run, "the first receipt")
}

// What a paused lane holds is the host's again at the deadline.
func (h *host) drain() {
	must(h.engine.Pause("main"))
	h.submit("chat", "keep me", 0)
	drained, err := h.engine.Drain(10 * time.Millisecond)
	must(err)
	check(!drained.Complete && len(drained.Returned) == 1, "one is returned")
	check(drained.Returned[0].Text == "keep me", drained.Returned[0].Text)
	_, err = h.engine.Submit(drained.Returned[0])
	check(status(err) == laneq.RefusedDraining, "refused")
}

func main() {
	log.SetFlags(log.Lshortfile)
	time.AfterFunc(2*time.Minute, func() { log.Fatal("it hangs") })
	engine, err := laneq.New(settings)
	must(err)
	port, err := engine.Port("main")
	must(err)
	_, err = engine.Port("main")
	check(err != nil, "a lane has one port")
	h := &host{engine: engine}
	ended := make(chan struct{})
	go func() {
		for run := range port.Runs() {
			go h.onRun(run)
		}
		close(ended)
	}()

	h.burst()
	h.steer()
	h.interrupt()
	h.subAgent()
	h.duplicate()
	h.drain()

	stats, err := engine.Stats()
	must(err)
	check(strings.HasPrefix(stats, "{\"accepted\":"), stats)
	must(engine.Close(time.Minute))
	<-ended
	fmt.Println("chat: fine")
}
