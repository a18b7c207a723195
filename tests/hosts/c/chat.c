/*
 * A chat host in C: a burst that becomes one run, a steer at a tool boundary, an interrupt, a
 * sub-agent on the same lane, and a drain. Every status is looked at.
 */

#include "laneq.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static laneq_error error;

#define OK(call) ok((call), #call, __LINE__)
#define CHECK(what) check((what), #what, __LINE__)

static void ok(laneq_status status, const char *call, int line) {
  if (status != LANEQ_OK) {
    fprintf(stderr, "line %d: %s: %s: %s\n", line, call, laneq_status_text(status), error.message);
    exit(1);
  }
}

static void check(int what, const char *text, int line) {
  if (!what) {
    fprintf(stderr, "line %d: not so: %s\n", line, text);
    exit(1);
  }
}

static laneq_str str(const char *text) {
  laneq_str made;
  made.data = text;
  made.len = strlen(text);
  return made;
}

static int is(laneq_str text, const char *other) {
  return text.len == strlen(other) && memcmp(text.data, other, text.len) == 0;
}

static int begins(laneq_str text, const char *other) {
  return text.len >= strlen(other) && memcmp(text.data, other, strlen(other)) == 0;
}

static laneq_message message(const char *key, const char *text, int32_t mode) {
  laneq_message made;
  memset(&made, 0, sizeof made);
  made.struct_size = sizeof made;
  made.key = str(key);
  made.text = str(text);
  made.mode = mode;
  return made;
}

/* What the handler and main tell each other: tokens are the library's own gates. */
typedef struct host {
  laneq_engine engine;
  laneq_token arrived;
  laneq_token go;
  laneq_token stopped;
  int steered;
  int destroyed;
} host;

static void wait_for(laneq_token gate) {
  int32_t cause = 0;
  OK(laneq_token_wait(gate, 60000, &cause, &error));
}

static void open_gate(laneq_token gate) {
  OK(laneq_token_cancel(gate, LANEQ_CAUSE_HOST, NULL, NULL));
}

static void complete(laneq_run run, const char *reply) {
  OK(laneq_run_complete(run, reply, strlen(reply), NULL));
}

/* Two tools; a steer arrives during the first, so that the second is skipped. */
static void with_tools(host *host, laneq_run run) {
  const laneq_str calls[2] = {{"read", 4}, {"write", 5}};
  int32_t launch = 0, verdict = 0, end = 0;
  uint32_t count = 0;
  laneq_steers steers = 0;
  laneq_results results = 0;
  laneq_call_result result;
  laneq_message steer;

  OK(laneq_run_plan(run, calls, 2, NULL));
  OK(laneq_call_start(run, "read", 4, &launch, NULL, NULL));
  CHECK(launch == LANEQ_LAUNCH_GO);
  open_gate(host->arrived);
  wait_for(host->go);
  OK(laneq_call_finish(run, "read", 4, 0, "42", 2, &verdict, NULL, NULL));
  CHECK(verdict == LANEQ_VERDICT_STEER);
  OK(laneq_call_start(run, "write", 5, &launch, NULL, NULL));
  CHECK(launch == LANEQ_LAUNCH_SKIP);
  OK(laneq_run_settle(run, &results, NULL));
  OK(laneq_results_count(results, &count, NULL));
  CHECK(count == 2);
  memset(&result, 0, sizeof result);
  result.struct_size = sizeof result;
  OK(laneq_results_get(results, 0, &result, NULL));
  CHECK(is(result.call, "read") && is(result.result, "42"));
  CHECK(result.state == LANEQ_CALL_COMPLETED && result.error == 0);
  OK(laneq_results_get(results, 1, &result, NULL));
  CHECK(result.state == LANEQ_CALL_CANCELLED && result.effects == LANEQ_EFFECTS_NONE);
  CHECK(result.code == LANEQ_CODE_STEER);
  OK(laneq_results_free(results));

  /* Taken and put back, taken again and committed. */
  OK(laneq_run_take_steers(run, &steers, &count, NULL));
  CHECK(count == 1 && steers != 0);
  OK(laneq_steers_free(steers));
  CHECK(laneq_steers_commit(steers, NULL) == LANEQ_E_HANDLE);
  OK(laneq_run_end(run, &end, NULL, &steers, NULL));
  CHECK(end == LANEQ_END_STEERS && steers != 0);
  memset(&steer, 0, sizeof steer);
  steer.struct_size = sizeof steer;
  OK(laneq_steers_message(steers, 0, &steer, NULL));
  CHECK(is(steer.text, "not that file") && steer.mode == LANEQ_MODE_STEER);
  CHECK(laneq_run_end(run, &end, NULL, &steers, NULL) == LANEQ_E_GUARD_OPEN);
  OK(laneq_steers_commit(steers, NULL));
  OK(laneq_steers_free(steers));
  OK(laneq_run_end(run, &end, NULL, &steers, NULL));
  CHECK(end == LANEQ_END_CLOSED && steers == 0);
  host->steered = 1;
  complete(run, "steered");
}

static void on_cancel(void *user, int32_t cause) {
  host *host = user;
  CHECK(cause == LANEQ_CAUSE_INTERRUPT);
  open_gate(host->stopped);
}

/* Goes on until it is interrupted. */
static void endless(host *host, laneq_run run) {
  laneq_token token = 0;
  laneq_registration heard = 0;
  int32_t verdict = 0, cause = 0;

  OK(laneq_run_token(run, &token, NULL));
  OK(laneq_token_on_cancel(token, on_cancel, host, NULL, &heard, NULL));
  open_gate(host->arrived);
  OK(laneq_token_wait(token, -1, &cause, NULL));
  /* Whoever is taken back before its turn is not called: so wait until it was. */
  wait_for(host->stopped);
  OK(laneq_registration_remove(heard, NULL));
  OK(laneq_token_free(token));
  OK(laneq_run_boundary(run, &verdict, &cause, NULL));
  CHECK(verdict == LANEQ_VERDICT_STOP && cause == LANEQ_CAUSE_INTERRUPT);
  OK(laneq_run_fail(run, "as you say", 10, NULL));
}

/* Spawns a child on its own lane, which has one slot, and waits for it: the slot is lent. */
static void with_child(laneq_run run) {
  laneq_message child = message("child", "hello", LANEQ_MODE_FOLLOWUP);
  laneq_receipt receipt = 0;
  laneq_settled settled;

  child.lane = str("main");
  OK(laneq_run_spawn(run, &child, &receipt, NULL));
  memset(&settled, 0, sizeof settled);
  settled.struct_size = sizeof settled;
  CHECK(laneq_receipt_wait(receipt, -1, &settled, NULL) == LANEQ_E_WOULD_DEADLOCK);
  OK(laneq_run_wait(run, receipt, -1, &settled, NULL));
  CHECK(settled.fate == LANEQ_FATE_RAN && is(settled.reply, "you said: hello"));
  OK(laneq_receipt_free(receipt));
  complete(run, "the child is done");
}

static void on_run(void *user, laneq_run run) {
  host *host = user;
  laneq_run_info info;
  laneq_str text;
  char reply[4096];

  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  OK(laneq_run_get(run, &info, NULL));
  OK(laneq_run_text(run, &text, NULL));
  CHECK(is(info.lane, "main"));
  if (is(info.key, "tools")) {
    with_tools(host, run);
  } else if (is(info.key, "endless")) {
    endless(host, run);
  } else if (is(info.key, "parent")) {
    with_child(run);
  } else {
    int len = snprintf(reply, sizeof reply, "you said: %.*s", (int)text.len, text.data);
    CHECK(len > 0 && (size_t)len < sizeof reply);
    complete(run, reply);
  }
}

static void on_destroy(void *user) { ((host *)user)->destroyed += 1; }

static laneq_receipt submit(host *host, laneq_message sent) {
  laneq_receipt receipt = 0;
  OK(laneq_submit(host->engine, &sent, &receipt, &error));
  return receipt;
}

static laneq_settled settled(laneq_receipt receipt) {
  laneq_settled settled;
  memset(&settled, 0, sizeof settled);
  settled.struct_size = sizeof settled;
  OK(laneq_receipt_wait(receipt, 60000, &settled, &error));
  return settled;
}

static void fresh_gates(host *host) {
  OK(laneq_token_free(host->arrived));
  OK(laneq_token_free(host->go));
  OK(laneq_token_free(host->stopped));
  OK(laneq_token_new(&host->arrived, &error));
  OK(laneq_token_new(&host->go, &error));
  OK(laneq_token_new(&host->stopped, &error));
}

/* A burst behind a paused lane: one run, one reply, on the last receipt. */
static void burst(host *host) {
  laneq_receipt receipts[3];
  laneq_settled last;
  int i, leads = 0;

  OK(laneq_engine_pause(host->engine, "main", 4, &error));
  for (i = 0; i < 3; i++) {
    receipts[i] = submit(host, message("chat", "hello", LANEQ_MODE_COLLECT));
  }
  OK(laneq_engine_resume(host->engine, "main", 4, &error));
  for (i = 0; i < 3; i++) {
    last = settled(receipts[i]);
    CHECK(last.fate == LANEQ_FATE_RAN && last.outcome == LANEQ_OUTCOME_DONE);
    leads += last.lead;
    CHECK(last.lead == (last.reply.data != NULL));
  }
  CHECK(leads == 1 && begins(last.reply, "you said: "));
  for (i = 0; i < 3; i++) {
    OK(laneq_receipt_free(receipts[i]));
  }
}

static void steer(host *host) {
  laneq_receipt first, second;
  laneq_landed landed;

  fresh_gates(host);
  first = submit(host, message("tools", "fix the bug", 0));
  wait_for(host->arrived);
  second = submit(host, message("tools", "not that file", LANEQ_MODE_STEER));
  memset(&landed, 0, sizeof landed);
  landed.struct_size = sizeof landed;
  OK(laneq_receipt_landed(second, &landed, &error));
  CHECK(landed.placement == LANEQ_PLACEMENT_STEERED && landed.run != 0 && landed.fallback == 0);
  open_gate(host->go);
  CHECK(is(settled(first).reply, "steered"));
  CHECK(settled(second).fate == LANEQ_FATE_STEERED);
  CHECK(host->steered);
  OK(laneq_receipt_free(first));
  OK(laneq_receipt_free(second));
}

static void interrupt(host *host) {
  laneq_receipt receipt;
  laneq_settled after;
  uint64_t run = 0;

  fresh_gates(host);
  receipt = submit(host, message("endless", "go", 0));
  wait_for(host->arrived);
  OK(laneq_engine_interrupt(host->engine, "endless", 7, &run, &error));
  CHECK(run != 0);
  after = settled(receipt);
  CHECK(after.outcome == LANEQ_OUTCOME_STOPPED && after.run == run);
  CHECK(is(after.error, "as you say"));
  OK(laneq_receipt_free(receipt));
}

static void sub_agent(host *host) {
  laneq_receipt receipt = submit(host, message("parent", "ask a child", 0));
  CHECK(is(settled(receipt).reply, "the child is done"));
  OK(laneq_receipt_free(receipt));
}

/* What a paused lane holds is the host's again at the deadline. */
static void drain(host *host) {
  laneq_message kept;
  laneq_report report = 0;
  laneq_drained drained;
  laneq_message late = message("chat", "too late", 0);

  OK(laneq_engine_pause(host->engine, "main", 4, &error));
  kept = message("chat", "keep me", 0);
  kept.meta = str("{\"to\": 7}");
  OK(laneq_submit(host->engine, &kept, NULL, &error));
  OK(laneq_engine_drain(host->engine, 10, &report, &error));
  memset(&drained, 0, sizeof drained);
  drained.struct_size = sizeof drained;
  OK(laneq_report_get(report, &drained, &error));
  CHECK(drained.complete == 0 && drained.returned == 1 && drained.running == 0);
  CHECK(begins(drained.json, "{\"complete\":false"));
  memset(&kept, 0, sizeof kept);
  kept.struct_size = sizeof kept;
  OK(laneq_report_returned(report, 0, &kept, &error));
  CHECK(is(kept.text, "keep me") && is(kept.meta, "{\"to\": 7}") && kept.id.data == NULL);
  OK(laneq_report_free(report));
  CHECK(laneq_submit(host->engine, &late, NULL, &error) == LANEQ_REFUSED_DRAINING);
}

/* Every event is one JSON object; after a close the line has an end. */
static void read_events(laneq_events events) {
  laneq_text json = 0;
  laneq_str text;
  laneq_status status;
  uint64_t seen = 0, lost = 1;

  while ((status = laneq_events_next(events, 60000, &json, &error)) == LANEQ_OK) {
    OK(laneq_text_get(json, &text, &error));
    CHECK(begins(text, "{\"event\":\"") && text.data[text.len - 1] == '}');
    OK(laneq_text_free(json));
    seen += 1;
  }
  CHECK(status == LANEQ_E_CLOSED && seen > 30);
  OK(laneq_events_lost(events, &lost, &error));
  CHECK(lost == 0);
  OK(laneq_events_free(events));
}

int main(void) {
  host host;
  laneq_config config;
  laneq_events events = 0;
  laneq_text stats = 0;
  laneq_str text;

  CHECK(laneq_abi_version() >> 16 == LANEQ_ABI_MAJOR);
  memset(&host, 0, sizeof host);
  memset(&config, 0, sizeof config);
  config.struct_size = sizeof config;
  config.text = str("[lanes.main]\nconcurrency = 1\n[queue]\ndebounce = \"0ms\"\n");
  config.name = str("chat.toml");
  OK(laneq_engine_new(&config, &host.engine, &error));
  OK(laneq_engine_on_run(host.engine, "main", 4, NULL, on_run, &host, on_destroy, &error));
  OK(laneq_events_open(host.engine, NULL, &events, &error));

  burst(&host);
  steer(&host);
  interrupt(&host);
  sub_agent(&host);
  drain(&host);

  OK(laneq_engine_stats(host.engine, &stats, &error));
  OK(laneq_text_get(stats, &text, &error));
  CHECK(begins(text, "{\"accepted\":9,\"refused\":1,\"pending\":0,"));
  OK(laneq_text_free(stats));
  OK(laneq_engine_close(host.engine, 60000, NULL, &error));
  read_events(events);
  CHECK(host.destroyed == 0);
  OK(laneq_engine_free(host.engine));
  CHECK(host.destroyed == 1);
  CHECK(laneq_engine_free(host.engine) == LANEQ_E_HANDLE);
  OK(laneq_token_free(host.arrived));
  OK(laneq_token_free(host.go));
  OK(laneq_token_free(host.stopped));
  printf("chat: fine (library %s)\n", laneq_version());
  return 0;
}
