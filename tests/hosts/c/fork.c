/*
 * A fork after the first call: the child is turned away at every door, its parent goes on.
 */

#define _POSIX_C_SOURCE 200809L

#include "laneq.h"

#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static void handler(void *user, laneq_run run) {
  (void)user;
  laneq_run_complete(run, "done", 4, NULL);
}

static void destroy(void *user) { *(int *)user += 1; }

static int child(laneq_engine engine) {
  laneq_error error;
  laneq_text stats = 0;
  laneq_message message;
  laneq_engine other = 0;
  int destroyed = 0;

  memset(&message, 0, sizeof message);
  message.struct_size = sizeof message;
  message.key.data = "k";
  message.key.len = 1;
  message.text = message.key;
  if (laneq_submit(engine, &message, NULL, &error) != LANEQ_E_FORKED) return 1;
  if (error.status != LANEQ_E_FORKED || error.message_len == 0) return 2;
  if (laneq_engine_stats(engine, &stats, &error) != LANEQ_E_FORKED || stats != 0) return 3;
  if (laneq_engine_new(NULL, &other, &error) != LANEQ_E_FORKED) return 4;
  if (laneq_engine_close(engine, -1, NULL, &error) != LANEQ_E_FORKED) return 5;
  if (laneq_engine_on_run(engine, NULL, 0, NULL, handler, &destroyed, destroy, &error) !=
      LANEQ_E_FORKED)
    return 6;
  if (destroyed != 1) return 7;
  if (laneq_engine_free(engine) != LANEQ_E_FORKED) return 8;
  return 0;
}

int main(void) {
  laneq_engine engine = 0;
  laneq_receipt receipt = 0;
  laneq_message message;
  laneq_settled settled;
  laneq_error error;
  int status = -1;
  pid_t pid;

  if (laneq_engine_new(NULL, &engine, &error) != LANEQ_OK) return 1;
  if (laneq_engine_on_run(engine, NULL, 0, NULL, handler, NULL, NULL, &error) != LANEQ_OK) return 2;
  pid = fork();
  if (pid == 0) _exit(child(engine));
  if (pid < 0 || waitpid(pid, &status, 0) != pid) return 3;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fprintf(stderr, "the child ended with %d\n", WEXITSTATUS(status));
    return 4;
  }
  memset(&message, 0, sizeof message);
  message.struct_size = sizeof message;
  message.key.data = "k";
  message.key.len = 1;
  message.text = message.key;
  if (laneq_submit(engine, &message, &receipt, &error) != LANEQ_OK) return 5;
  memset(&settled, 0, sizeof settled);
  settled.struct_size = sizeof settled;
  if (laneq_receipt_wait(receipt, 60000, &settled, &error) != LANEQ_OK) return 6;
  if (settled.fate != LANEQ_FATE_RAN) return 7;
  if (laneq_receipt_free(receipt) != LANEQ_OK) return 8;
  if (laneq_engine_close(engine, 60000, NULL, &error) != LANEQ_OK) return 9;
  if (laneq_engine_free(engine) != LANEQ_OK) return 10;
  printf("fork: fine\n");
  return 0;
}
