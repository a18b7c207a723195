/*
 * A host that ends at every step: killed, with its engine freed, or with its engine closed. Nothing
 * hangs, every receipt gets its fate, and what was accepted and has not run is in the journal.
 *
 *   ends [step]    all steps, or one
 */

#define _DEFAULT_SOURCE

#include "host.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define MESSAGES 6
#define SECONDS 120

typedef enum way { KILL, FREE, CLOSE } way;
static const char *const ways[] = {"kill", "free", "close"};
static const char *const texts[MESSAGES] = {"a0", "a1", "b0", "steer", "child", "let go"};

/* What the host knew when it ended: seen by the process that looks after it. */
typedef struct known {
  int accepted[MESSAGES];
  int over[MESSAGES];
  int last_step;
} known;

static known *shared;
static char toml[512], folder[256];

typedef struct host {
  way way;
  int end_at, step;
  laneq_engine engine;
  laneq_port port, other;
  laneq_receipt receipts[MESSAGES];
  laneq_run runs[4];
  laneq_steers steers;
  pthread_t listener;
  int listens;
} host;

/* Waits for ever at a port of its own, until there is nothing to wait for. */
static void *listen(void *given) {
  laneq_port port = *(laneq_port *)given;
  laneq_notice notice = {sizeof notice, 0, 0, 0, 0, 0};
  laneq_status status;
  do {
    status = laneq_port_next(port, -1, &notice, NULL);
  } while (status == LANEQ_OK && notice.kind != LANEQ_NOTICE_CLOSED);
  CHECK(status == LANEQ_OK || status == LANEQ_E_HANDLE);
  return NULL;
}

/* Every message that was accepted has its fate, whoever let go of what first. */
static void fates(host *host) {
  int i;
  for (i = 0; i < MESSAGES; i++) {
    laneq_settled now;
    if (host->receipts[i] == 0) continue;
    memset(&now, 0, sizeof now);
    now.struct_size = sizeof now;
    OK(laneq_receipt_wait(host->receipts[i], 60000, &now, &error));
    shared->over[i] = now.fate != LANEQ_FATE_RETURNED;
    OK(laneq_receipt_free(host->receipts[i]));
  }
}

static void let_runs_go(host *host) {
  int i;
  laneq_steers_free(host->steers);
  for (i = 0; i < 4; i++) laneq_run_free(host->runs[i]);
}

static void end(host *host) {
  if (host->way == KILL) _exit(0);
  if (host->way == CLOSE && host->engine) {
    laneq_status status = laneq_engine_close(host->engine, 0, NULL, NULL);
    CHECK(status == LANEQ_OK || status == LANEQ_E_STUCK);
    let_runs_go(host);
    OK(laneq_engine_close(host->engine, 60000, NULL, &error));
    OK(laneq_engine_free(host->engine));
    OK(laneq_port_free(host->port));
    OK(laneq_port_free(host->other));
  } else {
    /* In an order that no reasonable host has. */
    OK(laneq_port_free(host->port));
    OK(laneq_engine_free(host->engine));
    let_runs_go(host);
    OK(laneq_port_free(host->other));
  }
  fates(host);
  if (host->listens) CHECK(pthread_join(host->listener, NULL) == 0);
  exit(0);
}

static void step(host *host) {
  shared->last_step = host->step;
  if (host->step++ == host->end_at) end(host);
}

static void submit(host *host, int which, const char *key, int32_t mode) {
  laneq_message sent = message(key, texts[which], mode);
  laneq_admission admission = 0;
  step(host);
  OK(laneq_submit_nowait(host->engine, &sent, &admission, &error));
  step(host);
  OK(laneq_admission_wait(admission, -1, &host->receipts[which], &error));
  shared->accepted[which] = 1;
  step(host);
  OK(laneq_admission_free(admission));
}

/* The next run, which is of this key. */
static void take(host *host, int at, const char *key) {
  laneq_notice notice;
  do {
    notice = next(host->port, 60000);
    CHECK(notice.kind != LANEQ_NOTICE_NONE && notice.kind != LANEQ_NOTICE_CLOSED);
  } while (notice.kind != LANEQ_NOTICE_READY);
  host->runs[at] = notice.run;
  CHECK(is(info_of(notice.run).key, key));
  step(host);
}

static void finish(host *host, int at, int which) {
  laneq_run run = host->runs[at];
  host->runs[at] = 0;
  complete(run, "done");
  shared->over[which] = 1;
  step(host);
}

static void begin(host *host) {
  step(host);
  host->engine = engine_of(toml);
  step(host);
  OK(laneq_port_open(host->engine, &host->port, &error));
  step(host);
  OK(laneq_port_bind(host->port, "main", 4, NULL, &error));
  step(host);
  OK(laneq_port_open(host->engine, &host->other, &error));
  OK(laneq_port_bind(host->other, "other", 5, NULL, &error));
  CHECK(pthread_create(&host->listener, NULL, listen, &host->other) == 0);
  host->listens = 1;
  step(host);
  OK(laneq_engine_recover(host->engine, NULL, NULL, NULL, &error));
}

/* A tool, and a steer while it executes. */
static void tools(host *host) {
  const laneq_str call = {"read", 4};
  laneq_run run = host->runs[0];
  laneq_results results = 0;
  int32_t launch = 0;
  OK(laneq_run_plan(run, &call, 1, &error));
  step(host);
  OK(laneq_call_start(run, "read", 4, &launch, NULL, &error));
  submit(host, 3, "a", LANEQ_MODE_STEER);
  OK(laneq_call_finish(run, "read", 4, 0, NULL, 0, NULL, NULL, &error));
  step(host);
  OK(laneq_run_settle(run, &results, &error));
  step(host);
  OK(laneq_results_free(results));
  OK(laneq_run_take_steers(run, &host->steers, NULL, &error));
  step(host);
  OK(laneq_steers_commit(host->steers, &error));
  shared->over[3] = 1;
  step(host);
  OK(laneq_steers_free(host->steers));
  host->steers = 0;
  step(host);
}

static void child(host *host) {
  laneq_message child = message("c", texts[4], 0);
  child.lane = str("main");
  OK(laneq_run_spawn(host->runs[0], &child, &host->receipts[4], &error));
  shared->accepted[4] = 1;
  step(host);
  OK(laneq_run_wait_begin(host->runs[0], host->receipts[4], &error));
  step(host);
  take(host, 1, "b");
  finish(host, 1, 2);
  take(host, 2, "c");
  finish(host, 2, 4);
  CHECK(next(host->port, 60000).kind == LANEQ_NOTICE_WAITED);
  step(host);
}

static void whole_life(host *host) {
  begin(host);
  submit(host, 0, "a", LANEQ_MODE_FOLLOWUP);
  submit(host, 1, "a", LANEQ_MODE_FOLLOWUP);
  submit(host, 2, "b", LANEQ_MODE_FOLLOWUP);
  take(host, 0, "a");
  tools(host);
  child(host);
  finish(host, 0, 0);
  take(host, 0, "a");
  finish(host, 0, 1);
  submit(host, 5, "l", LANEQ_MODE_FOLLOWUP);
  take(host, 3, "l");
  OK(laneq_run_free(host->runs[3]));
  host->runs[3] = 0;
  shared->over[5] = 1;
  step(host);
  /* The last step of all, whatever was asked for. */
  end(host);
}

typedef struct came {
  laneq_receipt receipts[MESSAGES];
  int count;
} came;

static void on_recovered(void *user, laneq_receipt receipt) {
  came *came = user;
  CHECK(came->count < MESSAGES);
  came->receipts[came->count++] = receipt;
}

/* What came back is what was accepted and not over, and it runs. A kill may bring back more. */
static void look_after(way way) {
  laneq_engine engine = engine_of(toml);
  laneq_port port = port_of(engine);
  came came;
  int i, j, left;
  memset(&came, 0, sizeof came);
  OK(laneq_engine_recover(engine, on_recovered, &came, NULL, &error));
  for (i = 0; i < MESSAGES; i++) {
    int back = 0;
    for (j = 0; j < came.count; j++) {
      laneq_message kept = message("", "", 0);
      OK(laneq_receipt_message(came.receipts[j], &kept, &error));
      back += is(kept.text, texts[i]);
    }
    CHECK(back <= 1);
    if (shared->accepted[i] && !shared->over[i]) CHECK(back == 1);
    if (shared->over[i] && way == CLOSE) CHECK(back == 0);
  }
  for (left = came.count; left > 0;) {
    laneq_notice notice = next(port, 60000);
    CHECK(notice.kind == LANEQ_NOTICE_READY);
    left -= (int)info_of(notice.run).messages;
    complete(notice.run, "after all");
  }
  for (j = 0; j < came.count; j++) {
    CHECK(settled(came.receipts[j]).outcome == LANEQ_OUTCOME_DONE);
    OK(laneq_receipt_free(came.receipts[j]));
  }
  OK(laneq_engine_close(engine, 60000, NULL, &error));
  OK(laneq_engine_free(engine));
  OK(laneq_port_free(port));
  exit(0);
}

/* A process of its own, since a forked child may call the library only if its parent did not. */
static int apart(way way, int end_at, int looks) {
  int status = -1;
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    host host;
    memset(&host, 0, sizeof host);
    host.way = way;
    host.end_at = end_at;
    alarm(SECONDS);
    if (looks) look_after(way);
    whole_life(&host);
  }
  CHECK(waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int one(way way, int end_at) {
  int fine;
  memset(shared, 0, sizeof *shared);
  fine = apart(way, end_at, 0) && apart(way, end_at, 1);
  if (!fine) fprintf(stderr, "%s at step %d: not so\n", ways[way], end_at);
  remove_journal(folder);
  return fine;
}

int main(int count, char **words) {
  int way, at, tried = 0, failed = 0;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED);
  make_folder(folder, "ends");
  snprintf(toml, sizeof toml,
           "[lanes.main]\nconcurrency = 1\n[lanes.other]\nconcurrency = 1\n[queue]\ndebounce = \"0ms\"\n"
           "[journal]\npath = \"%s/journal\"\n",
           folder);
  for (way = KILL; way <= CLOSE; way++) {
    for (at = count > 1 ? atoi(words[1]) : 0;; at++) {
      failed += !one((enum way)way, at);
      tried += 1;
      /* Beyond its last step the life is whole. */
      if (count > 1 || failed > 3 || shared->last_step < at) break;
    }
  }
  CHECK(rmdir(folder) == 0);
  if (failed) return 1;
  printf("ends: fine (%d ends)\n", tried);
  return 0;
}
