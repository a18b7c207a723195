/*
 * A chat host in C++17: a burst that becomes one run, a steer at a tool boundary, an interrupt, a
 * sub-agent on the same lane, handlers that throw, and a drain; then a port in a `poll` loop.
 */

#include "laneq.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <poll.h>
#include <type_traits>

using namespace std::chrono_literals;

#define CHECK(what) check((what), #what, __LINE__)

static void check(bool what, const char *text, int line) {
  if (!what) {
    std::fprintf(stderr, "line %d: not so: %s\n", line, text);
    std::exit(1);
  }
}

// The error that something throws.
template <class Function>
static laneq::error thrown_by(Function function) {
  try {
    function();
  } catch (const laneq::error &error) {
    return error;
  }
  return {LANEQ_OK, "nothing was thrown"};
}

static_assert(!std::is_copy_constructible_v<laneq::receipt>);
static_assert(std::is_nothrow_move_constructible_v<laneq::engine>);

// What the handler and main tell each other: tokens are the library's own gates.
struct gates {
  laneq::token arrived, go, stopped;
};

static void wait_for(const laneq::token &gate) { CHECK(gate.wait_for(60s) != 0); }

static laneq::settled settled(const laneq::receipt &receipt) {
  std::optional<laneq::settled> settled = receipt.wait_for(60s);
  CHECK(settled.has_value());
  return *settled;
}

static bool begins(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

// Two tools; a steer arrives during the first, so that the second is skipped.
static std::string with_tools(gates &gates, laneq::run &run) {
  run.plan({"read", "write"});
  CHECK(run.start("read").is == LANEQ_LAUNCH_GO);
  gates.arrived.cancel();
  wait_for(gates.go);
  CHECK(run.finish("read", "42").is == LANEQ_VERDICT_STEER);
  CHECK(run.start("write").is == LANEQ_LAUNCH_SKIP);
  std::vector<laneq::call_result> results = run.settle();
  CHECK(results.size() == 2 && results[0].call == "read" && results[0].result == "42");
  CHECK(results[0].state == LANEQ_CALL_COMPLETED && !results[0].error);
  CHECK(results[1].state == LANEQ_CALL_CANCELLED && results[1].code == LANEQ_CODE_STEER);

  // Taken and put back by the end of the object; taken again and committed.
  CHECK(run.take_steers().messages().size() == 1);
  laneq::ending end = run.end();
  CHECK(end.is == LANEQ_END_STEERS && end.taken);
  laneq::message steer = end.taken.messages().at(0);
  CHECK(steer.text == "not that file" && steer.mode == LANEQ_MODE_STEER);
  CHECK(thrown_by([&] { run.end(); }).status == LANEQ_E_GUARD_OPEN);
  end.taken.commit();
  CHECK(run.end().is == LANEQ_END_CLOSED);
  return "steered";
}

// Goes on until it is interrupted; what it throws then is why it failed.
static std::string endless(gates &gates, laneq::run &run) {
  laneq::token token = run.token();
  laneq::registration heard = token.on_cancel([&](int32_t cause) {
    CHECK(cause == LANEQ_CAUSE_INTERRUPT);
    gates.stopped.cancel();
    throw std::runtime_error("nobody hears this");
  });
  gates.arrived.cancel();
  token.wait();
  // Whoever is taken back before its turn is not called: so wait until it was.
  wait_for(gates.stopped);
  heard.remove();
  laneq::answer asked = run.boundary();
  CHECK(asked.is == LANEQ_VERDICT_STOP && asked.cause == LANEQ_CAUSE_INTERRUPT);
  throw std::runtime_error("as you say");
}

// Spawns a child on its own lane, which has one slot, and waits for it: the slot is lent.
static std::string with_child(laneq::run &run) {
  laneq::message child("child", "hello");
  child.lane = "main";
  laneq::receipt receipt = run.spawn(child);
  CHECK(thrown_by([&] { receipt.wait(); }).status == LANEQ_E_WOULD_DEADLOCK);
  CHECK(run.wait(receipt).reply == "you said: hello");
  return "the child is done";
}

static std::string on_run(gates &gates, laneq::run &run) {
  std::string key = run.key();
  if (key == "tools") return with_tools(gates, run);
  if (key == "endless") return endless(gates, run);
  if (key == "parent") return with_child(run);
  if (key == "odd") throw 7;
  if (key == "binary") return "\xff";
  return "you said: " + run.text();
}

// A burst behind a paused lane: one run, one reply, on the last receipt.
static void burst(laneq::engine &engine) {
  std::vector<laneq::receipt> receipts;
  engine.pause("main");
  for (int i = 0; i < 3; i++) {
    receipts.push_back(engine.submit({"chat", "hello", LANEQ_MODE_COLLECT}));
  }
  CHECK(!receipts[0].wait_for(0ms));
  engine.resume("main");
  int leads = 0;
  for (const laneq::receipt &receipt : receipts) {
    laneq::settled last = settled(receipt);
    CHECK(last.fate == LANEQ_FATE_RAN && last.outcome == LANEQ_OUTCOME_DONE);
    CHECK(last.lead == last.reply.has_value());
    leads += last.lead;
  }
  CHECK(leads == 1 && begins(*settled(receipts[2]).reply, "you said: "));
}

static void steer(laneq::engine &engine, gates &gates) {
  gates = {};
  laneq::receipt first = engine.submit({"tools", "fix the bug"});
  wait_for(gates.arrived);
  laneq::receipt second = engine.submit({"tools", "not that file", LANEQ_MODE_STEER});
  CHECK(second.landed().placement == LANEQ_PLACEMENT_STEERED && second.landed().run != 0);
  gates.go.cancel();
  CHECK(settled(first).reply == "steered");
  CHECK(settled(second).fate == LANEQ_FATE_STEERED);
}

static void interrupt(laneq::engine &engine, gates &gates) {
  gates = {};
  laneq::receipt receipt = engine.submit({"endless", "go"});
  wait_for(gates.arrived);
  uint64_t run = engine.interrupt("endless");
  laneq::settled after = settled(receipt);
  CHECK(after.outcome == LANEQ_OUTCOME_STOPPED && after.run == run && after.error == "as you say");
}

static void sub_agent(laneq::engine &engine) {
  CHECK(settled(engine.submit({"parent", "ask a child"})).reply == "the child is done");
}

// Whatever a handler throws or returns, it ends its own run alone.
static void failures(laneq::engine &engine) {
  laneq::settled odd = settled(engine.submit({"odd", "go"}));
  CHECK(odd.outcome == LANEQ_OUTCOME_FAILED && begins(*odd.error, "the handler threw"));
  laneq::settled binary = settled(engine.submit({"binary", "go"}));
  CHECK(binary.outcome == LANEQ_OUTCOME_FAILED && begins(*binary.error, "reply is not UTF-8"));
}

// A refusal says why, and for a duplicate what came first.
static void duplicate(laneq::engine &engine) {
  laneq::message hello("chat", "hello");
  hello.id = "once";
  laneq::receipt first = engine.submit(hello);
  try {
    engine.submit(hello);
    CHECK(false);
  } catch (const laneq::refused &refused) {
    CHECK(refused.status == LANEQ_REFUSED_DUPLICATE && refused.first->landed().id == "once");
    CHECK(settled(*refused.first).run == settled(first).run);
  }
}

// What a paused lane holds is the host's again at the deadline.
static void drain(laneq::engine &engine) {
  engine.pause("main");
  laneq::message kept("chat", "keep me");
  kept.meta = "{\"to\": 7}";
  kept.knobs = laneq::knobs{500ms, 0, LANEQ_DROP_OLD, 5};
  engine.submit(kept);
  laneq::drained drained = engine.drain(10ms);
  CHECK(!drained.complete && drained.running == 0 && drained.returned.size() == 1);
  CHECK(drained.returned[0].text == "keep me" && drained.returned[0].meta == "{\"to\": 7}");
  CHECK(thrown_by([&] { engine.submit(kept); }).status == LANEQ_REFUSED_DRAINING);
}

// Every event is one JSON object; after a close the line has an end.
static void read_events(laneq::events events) {
  int seen = 0;
  while (std::optional<std::string> event = events.next()) {
    CHECK(begins(*event, "{\"event\":\"") && event->back() == '}');
    seen += 1;
  }
  CHECK(seen > 30 && events.lost() == 0);
}

// What a loop hears until something of this kind comes.
static laneq::notice heard(laneq::port &port, int32_t kind) {
  pollfd wait{port.descriptor(), POLLIN, 0};
  for (;;) {
    laneq::notice notice = port.next_for(0ms);
    if (notice.kind == kind) return notice;
    if (notice.kind == LANEQ_NOTICE_NONE) CHECK(poll(&wait, 1, 60000) == 1);
  }
}

// One thread with a `poll` loop, no handler: a run, its steer, a child for which it lends its slot,
// and one that is let go.
static void loop() {
  laneq::engine engine("[lanes.main]\nconcurrency = 1\n", "loop.toml");
  laneq::port port = engine.port();
  port.bind("main");
  std::atomic<int> woken{0};
  port.on_wake([&] { woken += 1; });

  laneq::admission sent = engine.submit_nowait({"chat", "hello"});
  port.watch(sent, 1);
  CHECK(heard(port, LANEQ_NOTICE_JOURNALED).tag == 1);
  laneq::receipt receipt = sent.wait();
  port.watch(receipt, 7);
  laneq::notice ready = heard(port, LANEQ_NOTICE_READY);
  CHECK(ready.run_id == ready.run.info().id && ready.run.text() == "hello");
  engine.submit({"chat", "shorter", LANEQ_MODE_STEER});
  CHECK(heard(port, LANEQ_NOTICE_STEER).run_id == ready.run_id);
  CHECK(ready.run.boundary().is == LANEQ_VERDICT_STEER);
  ready.run.take_steers().commit();

  laneq::message question("child", "which?");
  question.lane = "main";
  laneq::receipt child = ready.run.spawn(question);
  ready.run.wait_begin(child);
  heard(port, LANEQ_NOTICE_READY).run.complete("this");
  CHECK(heard(port, LANEQ_NOTICE_WAITED).run_id == ready.run_id);
  ready.run.complete(*settled(child).reply);
  CHECK(heard(port, LANEQ_NOTICE_SETTLED).tag == 7 && settled(receipt).reply == "this");
  CHECK(thrown_by([&] { ready.run.complete("again"); }).status == LANEQ_E_HANDLE);

  laneq::receipt dropped = engine.submit({"chat", "hello"});
  heard(port, LANEQ_NOTICE_READY);
  CHECK(settled(dropped).outcome == LANEQ_OUTCOME_FAILED);
  CHECK(woken > 0);
  engine.close(60s);
  heard(port, LANEQ_NOTICE_CLOSED);
}

// Counts how often what a handler captures comes to its end.
struct counted {
  explicit counted(std::atomic<int> &ended) : ended(ended) {}
  ~counted() { ended += 1; }
  std::atomic<int> &ended;
};

// A lane has one handler: this one ends with the call that is refused.
static void second_handler(laneq::engine &engine, std::atomic<int> &ended) {
  auto kept = std::make_shared<counted>(ended);
  engine.on_run("main", [kept](laneq::run &) { return std::string(); });
}

static void chat() {
  laneq::error wrong = thrown_by([] { laneq::engine::check("[lanes.main]\nspeed = 1\n", "a.toml"); });
  CHECK(wrong.status == LANEQ_E_INVALID && begins(wrong.what(), "a.toml"));
  gates gates;
  std::atomic<int> ended{0};
  {
    laneq::engine engine("[lanes.main]\nconcurrency = 1\n[queue]\ndebounce = \"0ms\"\n", "chat.toml");
    auto kept = std::make_shared<counted>(ended);
    auto handler = [&gates, kept](laneq::run &run) { return on_run(gates, run); };
    engine.on_run("main", std::move(handler));
    laneq::error again = thrown_by([&] { second_handler(engine, ended); });
    CHECK(again.status == LANEQ_E_INVALID && ended == 1);
    laneq::events events = engine.events();

    burst(engine);
    steer(engine, gates);
    interrupt(engine, gates);
    sub_agent(engine);
    failures(engine);
    duplicate(engine);
    drain(engine);

    CHECK(begins(engine.stats(), "{\"accepted\":"));
    engine.close(60s);
    read_events(std::move(events));
    kept.reset();
    CHECK(ended == 1);
  }
  CHECK(ended == 2);
}

int main() {
  try {
    chat();
    loop();
  } catch (const std::exception &thrown) {
    std::fprintf(stderr, "%s\n", thrown.what());
    return 1;
  }
  std::printf("chat: fine (library %s)\n", laneq_version());
  return 0;
}
