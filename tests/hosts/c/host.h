/* What the hosts that pull share: every status is looked at. */

#ifndef HOST_H
#define HOST_H

#include "laneq.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static laneq_error error;

#define OK(call) ok((call), #call, __LINE__)
#define CHECK(what) check((what), #what, __LINE__)

static inline void ok(laneq_status status, const char *call, int line) {
  if (status != LANEQ_OK) {
    fprintf(stderr, "line %d: %s: %s: %s\n", line, call, laneq_status_text(status), error.message);
    exit(1);
  }
}

static inline void check(int what, const char *text, int line) {
  if (!what) {
    fprintf(stderr, "line %d: not so: %s\n", line, text);
    exit(1);
  }
}

static inline laneq_str str(const char *text) {
  laneq_str made;
  made.data = text;
  made.len = strlen(text);
  return made;
}

static inline int is(laneq_str text, const char *other) {
  return text.len == strlen(other) && memcmp(text.data, other, text.len) == 0;
}

static inline laneq_message message(const char *key, const char *text, int32_t mode) {
  laneq_message made;
  memset(&made, 0, sizeof made);
  made.struct_size = sizeof made;
  made.key = str(key);
  made.text = str(text);
  made.mode = mode;
  return made;
}

static inline laneq_engine engine_of(const char *toml) {
  laneq_config config;
  laneq_engine engine = 0;
  memset(&config, 0, sizeof config);
  config.struct_size = sizeof config;
  config.text = str(toml);
  OK(laneq_engine_new(&config, &engine, &error));
  return engine;
}

static inline laneq_port port_of(laneq_engine engine) {
  laneq_port port = 0;
  OK(laneq_port_open(engine, &port, &error));
  OK(laneq_port_bind_any(port, NULL, &error));
  return port;
}

static inline laneq_notice next(laneq_port port, int64_t timeout_ms) {
  laneq_notice notice;
  memset(&notice, 0, sizeof notice);
  notice.struct_size = sizeof notice;
  OK(laneq_port_next(port, timeout_ms, &notice, &error));
  return notice;
}

static inline laneq_run_info info_of(laneq_run run) {
  laneq_run_info info;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  OK(laneq_run_get(run, &info, &error));
  return info;
}

/* What became of a message, which is known. */
static inline laneq_settled settled(laneq_receipt receipt) {
  laneq_settled settled;
  memset(&settled, 0, sizeof settled);
  settled.struct_size = sizeof settled;
  OK(laneq_receipt_wait(receipt, 0, &settled, &error));
  return settled;
}

static inline void complete(laneq_run run, const char *reply) {
  OK(laneq_run_complete(run, reply, strlen(reply), &error));
  CHECK(laneq_run_complete(run, NULL, 0, NULL) == LANEQ_E_HANDLE);
}

/* A folder for one journal. */
static inline void make_folder(char folder[256], const char *name) {
  const char *temp = getenv("TMPDIR");
  snprintf(folder, 256, "%s/laneq-%s-XXXXXX", temp ? temp : "/tmp", name);
  CHECK(mkdtemp(folder) != NULL);
}

static inline void remove_journal(const char *folder) {
  char path[300];
  snprintf(path, sizeof path, "%s/journal", folder);
  unlink(path);
  snprintf(path, sizeof path, "%s/journal.lock", folder);
  unlink(path);
}

#endif
