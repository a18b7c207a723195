/*
 * What C adds: submit -> run -> complete of 10,000 keys with a handler that does nothing. Prints the
 * nanoseconds a message of each round. `tests/capi/bench.rs` compares them with the same in Rust.
 *
 *   bench push|port rounds
 */

#define _POSIX_C_SOURCE 200809L

#include "host.h"

#include <inttypes.h>
#include <time.h>

#define KEYS 10000

static laneq_receipt receipts[KEYS];
static char keys[KEYS][16];

static void on_run(void *user, laneq_run run) {
  (void)user;
  OK(laneq_run_complete(run, NULL, 0, NULL));
}

static void submit_all(laneq_engine engine) {
  laneq_message sent = message("", "hello", 0);
  int i;
  sent.key.len = 10;
  for (i = 0; i < KEYS; i++) {
    sent.key.data = keys[i];
    OK(laneq_submit(engine, &sent, &receipts[i], NULL));
  }
}

static void settle_all(void) {
  laneq_settled settled;
  int i;
  memset(&settled, 0, sizeof settled);
  settled.struct_size = sizeof settled;
  for (i = 0; i < KEYS; i++) {
    OK(laneq_receipt_wait(receipts[i], -1, &settled, NULL));
    OK(laneq_receipt_free(receipts[i]));
  }
}

static void pull_all(laneq_port port) {
  laneq_notice notice;
  int i;
  memset(&notice, 0, sizeof notice);
  notice.struct_size = sizeof notice;
  for (i = 0; i < KEYS; i++) {
    OK(laneq_port_next(port, -1, &notice, NULL));
    OK(laneq_run_complete(notice.run, NULL, 0, NULL));
  }
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(int count, char **words) {
  laneq_engine engine = engine_of("");
  laneq_port port = 0;
  int i, rounds, pulls;

  CHECK(count == 3);
  pulls = strcmp(words[1], "port") == 0;
  for (i = 0; i < KEYS; i++) snprintf(keys[i], sizeof keys[i], "chat:%05d", i % 100000);
  if (pulls) {
    port = port_of(engine);
  } else {
    OK(laneq_engine_on_run(engine, "main", 4, NULL, on_run, NULL, NULL, &error));
  }
  for (rounds = atoi(words[2]); rounds > 0; rounds--) {
    int64_t begun = now_ns();
    submit_all(engine);
    if (pulls) pull_all(port);
    settle_all();
    printf("%" PRId64 "\n", (now_ns() - begun) / KEYS);
  }
  OK(laneq_engine_close(engine, 60000, NULL, &error));
  OK(laneq_engine_free(engine));
  OK(laneq_port_free(port));
  return 0;
}
