/*
 * A host with one thread and an event loop: a burst that becomes one run, a steer at a tool
 * boundary, an interrupt, a sub-agent on the same lane, a drain, and a journal over a restart.
 * Nothing here blocks but `poll`; what must block (drain, close) does so on a thread of its own.
 */

#define _POSIX_C_SOURCE 200809L

#include "host.h"

#include <poll.h>
#include <pthread.h>

#define WATCHES 64

/* A session of this host's agents: one run at a time, so that the key finds it. */
typedef struct session {
  const char *key;
  laneq_run run;
  uint64_t id;
  laneq_receipt child;
  int32_t stopped;
  int ended;
} session;

typedef struct host {
  laneq_engine engine;
  laneq_port port;
  int32_t descriptor;
  session sessions[4];
  int settled[WATCHES];
  int journaled[WATCHES];
  uint32_t burst;
  int closed;
} host;

static session *by_key(host *host, laneq_str key) {
  size_t i;
  for (i = 0; i < 4; i++) {
    if (host->sessions[i].key && is(key, host->sessions[i].key)) return &host->sessions[i];
  }
  return NULL;
}

static session *by_id(host *host, uint64_t id) {
  size_t i;
  for (i = 0; i < 4; i++) {
    if (host->sessions[i].id == id) return &host->sessions[i];
  }
  CHECK(0);
  return NULL;
}

static laneq_receipt submit(host *host, laneq_message sent, uint64_t tag) {
  laneq_receipt receipt = 0;
  OK(laneq_submit(host->engine, &sent, &receipt, &error));
  OK(laneq_port_watch(host->port, receipt, tag, &error));
  return receipt;
}

/* The first of two tools is executing: the loop hears of the steer, and ends it. */
static void begin_tools(laneq_run run) {
  const laneq_str calls[2] = {{"read", 4}, {"write", 5}};
  int32_t launch = 0;
  OK(laneq_run_plan(run, calls, 2, &error));
  OK(laneq_call_start(run, "read", 4, &launch, NULL, &error));
  CHECK(launch == LANEQ_LAUNCH_GO);
}

static void steer_tools(session *session) {
  laneq_run run = session->run;
  int32_t launch = 0, verdict = 0, end = 0;
  uint32_t count = 0;
  laneq_steers steers = 0;
  laneq_results results = 0;
  laneq_message steer;

  OK(laneq_call_finish(run, "read", 4, 0, "42", 2, &verdict, NULL, &error));
  CHECK(verdict == LANEQ_VERDICT_STEER);
  OK(laneq_call_start(run, "write", 5, &launch, NULL, &error));
  CHECK(launch == LANEQ_LAUNCH_SKIP);
  OK(laneq_run_settle(run, &results, &error));
  OK(laneq_results_count(results, &count, &error));
  CHECK(count == 2);
  OK(laneq_results_free(results));
  OK(laneq_run_take_steers(run, &steers, &count, &error));
  CHECK(count == 1);
  memset(&steer, 0, sizeof steer);
  steer.struct_size = sizeof steer;
  OK(laneq_steers_message(steers, 0, &steer, &error));
  CHECK(is(steer.text, "not that file"));
  OK(laneq_steers_commit(steers, &error));
  OK(laneq_steers_free(steers));
  OK(laneq_run_end(run, &end, NULL, &steers, &error));
  CHECK(end == LANEQ_END_CLOSED && steers == 0);
  complete(run, "steered");
  session->ended = 1;
}

/* Lends its slot, the only one of the lane, until the child has its fate. */
static void begin_child(session *session) {
  laneq_message child = message("child", "hello", LANEQ_MODE_FOLLOWUP);
  child.lane = str("main");
  OK(laneq_run_spawn(session->run, &child, &session->child, &error));
  OK(laneq_run_wait_begin(session->run, session->child, &error));
}

static void ready(host *host, laneq_notice notice) {
  laneq_run_info info = info_of(notice.run);
  session *session = by_key(host, info.key);
  laneq_str text;
  char reply[4096];

  CHECK(info.id == notice.run_id && is(info.lane, "main"));
  if (session) {
    session->run = notice.run;
    session->id = notice.run_id;
    if (is(info.key, "tools")) begin_tools(notice.run);
    if (is(info.key, "parent")) begin_child(session);
  } else if (is(info.key, "let go")) {
    OK(laneq_run_free(notice.run));
    CHECK(laneq_run_free(notice.run) == LANEQ_E_HANDLE);
  } else {
    if (is(info.key, "chat")) host->burst = info.messages;
    OK(laneq_run_text(notice.run, &text, &error));
    snprintf(reply, sizeof reply, "you said: %.*s", (int)text.len, text.data);
    complete(notice.run, reply);
  }
}

static void waited(session *session) {
  laneq_settled child = settled(session->child);
  CHECK(child.fate == LANEQ_FATE_RAN && is(child.reply, "you said: hello"));
  OK(laneq_receipt_free(session->child));
  complete(session->run, "the child is done");
  session->ended = 1;
}

static void stop(session *session, int32_t cause) {
  session->stopped = cause;
  OK(laneq_run_fail(session->run, "as you say", 10, &error));
  session->ended = 1;
}

/* Everything that is there; then nothing is, and the descriptor says so. */
static void hear(host *host) {
  laneq_notice notice = next(host->port, 0);
  for (; notice.kind != LANEQ_NOTICE_NONE; notice = next(host->port, 0)) {
    switch (notice.kind) {
    case LANEQ_NOTICE_READY: ready(host, notice); break;
    case LANEQ_NOTICE_STEER: steer_tools(by_id(host, notice.run_id)); break;
    case LANEQ_NOTICE_STOP: stop(by_id(host, notice.run_id), notice.cause); break;
    case LANEQ_NOTICE_WAITED: waited(by_id(host, notice.run_id)); break;
    case LANEQ_NOTICE_SETTLED: host->settled[notice.tag] += 1; break;
    case LANEQ_NOTICE_JOURNALED: host->journaled[notice.tag] += 1; break;
    case LANEQ_NOTICE_CLOSED: host->closed = 1; return;
    default: CHECK(0);
    }
  }
}

/* The event loop, until this is so. */
static void loop_until(host *host, const int *so) {
  struct pollfd poll_for = {0, POLLIN, 0};
  poll_for.fd = host->descriptor;
  while (!*so) {
    CHECK(poll(&poll_for, 1, 60000) == 1);
    hear(host);
  }
}

static int readable(host *host) {
  struct pollfd poll_for = {0, POLLIN, 0};
  poll_for.fd = host->descriptor;
  return poll(&poll_for, 1, 0);
}

static void open_host(host *host, const char *toml) {
  int32_t again = -1;
  memset(host, 0, sizeof *host);
  host->engine = engine_of(toml);
  host->port = port_of(host->engine);
  OK(laneq_port_descriptor(host->port, &host->descriptor, &error));
  OK(laneq_port_descriptor(host->port, &again, &error));
  CHECK(again == host->descriptor && !readable(host));
}

static void *close_engine(void *given) {
  OK(laneq_engine_close(((host *)given)->engine, 60000, NULL, NULL));
  return NULL;
}

/* The loop hears of the close, and of its end, while another thread waits for it. */
static void close_host(host *host) {
  pthread_t closer;
  CHECK(pthread_create(&closer, NULL, close_engine, host) == 0);
  loop_until(host, &host->closed);
  CHECK(pthread_join(closer, NULL) == 0);
  CHECK(next(host->port, -1).kind == LANEQ_NOTICE_CLOSED);
  OK(laneq_port_free(host->port));
  OK(laneq_engine_free(host->engine));
  CHECK(laneq_port_free(host->port) == LANEQ_E_HANDLE);
}

static void burst(host *host) {
  laneq_receipt receipts[3];
  uint64_t i;
  OK(laneq_engine_pause(host->engine, "main", 4, &error));
  for (i = 0; i < 3; i++) {
    receipts[i] = submit(host, message("chat", "hello", LANEQ_MODE_COLLECT), i);
  }
  CHECK(!readable(host));
  OK(laneq_engine_resume(host->engine, "main", 4, &error));
  CHECK(readable(host));
  for (i = 0; i < 3; i++) {
    loop_until(host, &host->settled[i]);
    CHECK(settled(receipts[i]).fate == LANEQ_FATE_RAN && host->settled[i] == 1);
    OK(laneq_receipt_free(receipts[i]));
  }
  CHECK(host->burst == 3);
}

static void steer(host *host) {
  laneq_receipt first, second;
  session *tools = &host->sessions[0];
  tools->key = "tools";
  first = submit(host, message("tools", "fix the bug", 0), 3);
  hear(host);
  CHECK(tools->run != 0);
  second = submit(host, message("tools", "not that file", LANEQ_MODE_STEER), 4);
  loop_until(host, &tools->ended);
  loop_until(host, &host->settled[3]);
  loop_until(host, &host->settled[4]);
  CHECK(is(settled(first).reply, "steered"));
  CHECK(settled(second).fate == LANEQ_FATE_STEERED);
  OK(laneq_receipt_free(first));
  OK(laneq_receipt_free(second));
}

static void interrupt(host *host) {
  laneq_receipt receipt;
  session *endless = &host->sessions[1];
  uint64_t run = 0;
  endless->key = "endless";
  receipt = submit(host, message("endless", "go", 0), 5);
  hear(host);
  OK(laneq_engine_interrupt(host->engine, "endless", 7, &run, &error));
  CHECK(run == endless->id);
  loop_until(host, &endless->ended);
  CHECK(endless->stopped == LANEQ_CAUSE_INTERRUPT);
  loop_until(host, &host->settled[5]);
  CHECK(settled(receipt).outcome == LANEQ_OUTCOME_STOPPED);
  CHECK(is(settled(receipt).error, "as you say"));
  OK(laneq_receipt_free(receipt));
}

static void sub_agent(host *host) {
  laneq_receipt receipt;
  session *parent = &host->sessions[2];
  parent->key = "parent";
  receipt = submit(host, message("parent", "ask a child", 0), 6);
  loop_until(host, &parent->ended);
  loop_until(host, &host->settled[6]);
  CHECK(is(settled(receipt).reply, "the child is done"));
  OK(laneq_receipt_free(receipt));
}

static void let_go(host *host) {
  laneq_receipt receipt = submit(host, message("let go", "x", 0), 7);
  loop_until(host, &host->settled[7]);
  CHECK(settled(receipt).outcome == LANEQ_OUTCOME_FAILED);
  OK(laneq_receipt_free(receipt));
}

typedef struct drained {
  host *host;
  laneq_report report;
} drained;

static void *drain_engine(void *given) {
  drained *drained = given;
  OK(laneq_engine_drain(drained->host->engine, 60000, &drained->report, NULL));
  return NULL;
}

/* The loop executes what waits, while another thread waits for it. */
static void drain(host *host) {
  laneq_receipt receipts[3];
  laneq_message late = message("late", "too late", 0);
  laneq_drained figures;
  drained drained = {0, 0};
  pthread_t drainer;
  uint64_t i;

  drained.host = host;
  for (i = 0; i < 3; i++) {
    receipts[i] = submit(host, message("last", "words", LANEQ_MODE_FOLLOWUP), 8 + i);
  }
  CHECK(pthread_create(&drainer, NULL, drain_engine, &drained) == 0);
  for (i = 0; i < 3; i++) {
    loop_until(host, &host->settled[8 + i]);
    CHECK(settled(receipts[i]).fate == LANEQ_FATE_RAN);
    OK(laneq_receipt_free(receipts[i]));
  }
  CHECK(pthread_join(drainer, NULL) == 0);
  memset(&figures, 0, sizeof figures);
  figures.struct_size = sizeof figures;
  OK(laneq_report_get(drained.report, &figures, &error));
  CHECK(figures.complete == 1 && figures.returned == 0);
  OK(laneq_report_free(drained.report));
  CHECK(laneq_submit(host->engine, &late, NULL, &error) == LANEQ_REFUSED_DRAINING);
}

/* Ten messages share a commit or two; the loop hears when each is safe. */
static void journal_first(const char *toml) {
  host host;
  laneq_admission admissions[10];
  laneq_receipt receipt = 0;
  laneq_message twin = message("kept", "0", LANEQ_MODE_FOLLOWUP);
  laneq_text text = 0;
  char numbers[10][2];
  uint64_t i;

  open_host(&host, toml);
  OK(laneq_engine_pause(host.engine, "main", 4, &error));
  for (i = 0; i < 10; i++) {
    laneq_message sent;
    snprintf(numbers[i], 2, "%d", (int)i);
    sent = message("kept", numbers[i], LANEQ_MODE_FOLLOWUP);
    if (i == 0) sent.id = str("first");
    OK(laneq_submit_nowait(host.engine, &sent, &admissions[i], &error));
    OK(laneq_port_watch_admission(host.port, admissions[i], i, &error));
  }
  for (i = 0; i < 10; i++) {
    loop_until(&host, &host.journaled[i]);
    CHECK(host.journaled[i] == 1);
    OK(laneq_admission_wait(admissions[i], 0, &receipt, &error));
    OK(laneq_receipt_free(receipt));
    OK(laneq_admission_wait(admissions[i], -1, NULL, &error));
    OK(laneq_admission_free(admissions[i]));
  }
  twin.id = str("first");
  CHECK(laneq_submit(host.engine, &twin, &receipt, &error) == LANEQ_REFUSED_DUPLICATE);
  OK(laneq_receipt_free(receipt));
  OK(laneq_engine_journal_error(host.engine, &text, &error));
  CHECK(text == 0);
  OK(laneq_engine_transcript(host.engine, "kept", 4, &text, &error));
  CHECK(text == 0);
  close_host(&host);
}

typedef struct came {
  host *host;
  laneq_receipt receipts[10];
  int count;
} came;

static void on_recovered(void *user, laneq_receipt receipt) {
  came *came = user;
  laneq_message refused = message("kept", "not here", 0);
  CHECK(laneq_engine_recover(came->host->engine, NULL, NULL, NULL, NULL) ==
        LANEQ_E_WOULD_DEADLOCK);
  CHECK(laneq_submit(came->host->engine, &refused, NULL, NULL) == LANEQ_REFUSED_JOURNAL);
  came->receipts[came->count] = receipt;
  came->count += 1;
}

/* All ten are back, in order, and run. */
static void journal_again(const char *toml) {
  host host;
  came came;
  laneq_recovered recovered;
  laneq_message kept;
  uint64_t i;

  open_host(&host, toml);
  memset(&came, 0, sizeof came);
  came.host = &host;
  memset(&recovered, 0, sizeof recovered);
  recovered.struct_size = sizeof recovered;
  OK(laneq_engine_recover(host.engine, on_recovered, &came, &recovered, &error));
  CHECK(recovered.pending == 10 && recovered.retried == 0 && came.count == 10);
  for (i = 0; i < 10; i++) {
    OK(laneq_port_watch(host.port, came.receipts[i], i, &error));
  }
  for (i = 0; i < 10; i++) {
    loop_until(&host, &host.settled[i]);
    CHECK(settled(came.receipts[i]).outcome == LANEQ_OUTCOME_DONE);
    memset(&kept, 0, sizeof kept);
    kept.struct_size = sizeof kept;
    OK(laneq_receipt_message(came.receipts[i], &kept, &error));
    CHECK(kept.text.len == 1 && kept.text.data[0] == (char)('0' + (int)i));
    OK(laneq_receipt_free(came.receipts[i]));
  }
  OK(laneq_engine_recover(host.engine, on_recovered, &came, &recovered, &error));
  CHECK(recovered.pending == 0 && came.count == 10);
  close_host(&host);
}

static void journal(void) {
  char folder[256], toml[400];
  make_folder(folder, "port");
  snprintf(toml, sizeof toml,
           "[lanes.main]\nconcurrency = 1\n[journal]\npath = \"%s/journal\"\n", folder);
  journal_first(toml);
  journal_again(toml);
  remove_journal(folder);
  CHECK(rmdir(folder) == 0);
}

int main(void) {
  host host;
  open_host(&host, "[lanes.main]\nconcurrency = 1\n[queue]\ndebounce = \"0ms\"\n");
  burst(&host);
  steer(&host);
  interrupt(&host);
  sub_agent(&host);
  let_go(&host);
  drain(&host);
  close_host(&host);
  journal();
  printf("port: fine (library %s)\n", laneq_version());
  return 0;
}
