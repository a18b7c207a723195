// Handlers: lambdas for the runs of a lane.

#ifndef LANEQ_HANDLER_HPP
#define LANEQ_HANDLER_HPP

#include "run.hpp"

namespace laneq {

// What a handler can do.
struct handler_options {
  // It never looks at its boundary, so that steers are follow-ups.
  bool unsteerable = false;
};

// The host's code for a run: what it returns is the reply, what it throws fails the run. The first
// answer counts, so that it may also `complete` or `fail` the run itself.
using handler = std::function<std::string(run &)>;

namespace detail {

inline laneq_handler_options raw_options(handler_options options) {
  laneq_handler_options raw = sized<laneq_handler_options>();
  raw.unsteerable = options.unsteerable;
  return raw;
}

// A handler's call. Reply and `what()` may be no UTF-8, which the run then fails with.
inline void handle_run(void *user, laneq_run lent) noexcept {
  laneq_error said;
  laneq_status status = LANEQ_OK;
  try {
    run run(lent);
    std::string reply = (*static_cast<handler *>(user))(run);
    status = laneq_run_complete(lent, reply.data(), reply.size(), &said);
  } catch (const std::exception &thrown) {
    std::string_view what = thrown.what();
    status = laneq_run_fail(lent, what.data(), what.size(), &said);
  } catch (...) {
    std::string_view what = "the handler threw what is no std::exception";
    status = laneq_run_fail(lent, what.data(), what.size(), &said);
  }
  if (status != LANEQ_OK) laneq_run_fail(lent, said.message, said.message_len, nullptr);
}

}  // namespace detail

}  // namespace laneq

#endif
