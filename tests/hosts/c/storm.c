/*
 * A storm of signals on every thread, the library's too, without SA_RESTART: nothing is cut short,
 * nothing fails, and the library has taken no signal for itself. Linux: it looks for its threads.
 */

#define _GNU_SOURCE

#include "host.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#define ROUNDS 200

static atomic_long caught;
static atomic_int over;

static void on_signal(int number) {
  (void)number;
  atomic_fetch_add(&caught, 1);
}

static void *storm(void *unused) {
  long self = syscall(SYS_gettid);
  (void)unused;
  while (!atomic_load(&over)) {
    DIR *threads = opendir("/proc/self/task");
    struct dirent *entry;
    CHECK(threads != NULL);
    while ((entry = readdir(threads)) != NULL) {
      long thread = atol(entry->d_name);
      if (thread > 0 && thread != self) syscall(SYS_tgkill, getpid(), thread, SIGUSR1);
    }
    closedir(threads);
  }
  return NULL;
}

static void on_run(void *user, laneq_run run) {
  (void)user;
  OK(laneq_run_complete(run, "pushed", 6, NULL));
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void round_of(laneq_engine engine, laneq_port port) {
  laneq_message pulled = message("pulled", "x", LANEQ_MODE_FOLLOWUP);
  laneq_message pushed = message("pushed", "x", LANEQ_MODE_FOLLOWUP);
  laneq_receipt receipts[2];
  laneq_notice notice;
  laneq_settled after;

  pushed.lane = str("cron");
  OK(laneq_submit(engine, &pulled, &receipts[0], &error));
  OK(laneq_submit(engine, &pushed, &receipts[1], &error));
  notice = next(port, -1);
  CHECK(notice.kind == LANEQ_NOTICE_READY);
  complete(notice.run, "pulled");
  memset(&after, 0, sizeof after);
  after.struct_size = sizeof after;
  OK(laneq_receipt_wait(receipts[1], -1, &after, &error));
  CHECK(is(after.reply, "pushed"));
  CHECK(is(settled(receipts[0]).reply, "pulled"));
  OK(laneq_receipt_free(receipts[0]));
  OK(laneq_receipt_free(receipts[1]));
}

static void waits(laneq_port port) {
  int64_t begun = now_ms();
  laneq_token token = 0;
  int32_t cause = 0;
  CHECK(next(port, 50).kind == LANEQ_NOTICE_NONE);
  CHECK(now_ms() - begun >= 49);
  OK(laneq_token_new(&token, &error));
  begun = now_ms();
  CHECK(laneq_token_wait(token, 50, &cause, &error) == LANEQ_E_TIMED_OUT);
  CHECK(now_ms() - begun >= 49);
  OK(laneq_token_free(token));
}

int main(void) {
  struct sigaction mine, found, before[32];
  pthread_t thunder;
  char folder[256], toml[400];
  laneq_engine engine;
  laneq_port port = 0;
  int i, number;

  memset(&mine, 0, sizeof mine);
  mine.sa_handler = on_signal;
  memset(before, 0, sizeof before);
  CHECK(sigaction(SIGUSR1, &mine, NULL) == 0);
  /* Whoever started this may have told it to ignore some. */
  for (number = 1; number < 32; number++) (void)sigaction(number, NULL, &before[number]);
  make_folder(folder, "storm");
  snprintf(toml, sizeof toml,
           "[queue]\ndebounce = \"0ms\"\n[journal]\npath = \"%s/journal\"\n", folder);
  CHECK(pthread_create(&thunder, NULL, storm, NULL) == 0);
  engine = engine_of(toml);
  OK(laneq_port_open(engine, &port, &error));
  OK(laneq_port_bind(port, "main", 4, NULL, &error));
  OK(laneq_engine_on_run(engine, "cron", 4, NULL, on_run, NULL, NULL, &error));
  for (i = 0; i < ROUNDS; i++) round_of(engine, port);
  waits(port);
  OK(laneq_engine_drain(engine, 60000, NULL, &error));
  OK(laneq_engine_close(engine, 60000, NULL, &error));
  OK(laneq_port_free(port));
  OK(laneq_engine_free(engine));
  atomic_store(&over, 1);
  CHECK(pthread_join(thunder, NULL) == 0);
  for (number = 1; number < 32; number++) {
    if (sigaction(number, NULL, &found) != 0) continue;
    CHECK(found.sa_handler == before[number].sa_handler);
  }
  CHECK(atomic_load(&caught) > ROUNDS);
  remove_journal(folder);
  CHECK(rmdir(folder) == 0);
  printf("storm: fine (%ld signals)\n", atomic_load(&caught));
  return 0;
}
