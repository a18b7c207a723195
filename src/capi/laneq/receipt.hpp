// Receipts: where a message landed, and what becomes of it. Refusals.

#ifndef LANEQ_RECEIPT_HPP
#define LANEQ_RECEIPT_HPP

#include "message.hpp"

#include <memory>

namespace laneq {

// As `laneq_landed`.
struct landed {
  std::string id, key;
  uint64_t run;
  int32_t placement, fallback;
  uint32_t position;
};

// As `laneq_settled`. `reply` is there on the receipt with `lead` alone.
struct settled {
  std::optional<std::string> reply, error;
  uint64_t run;
  int32_t fate, outcome;
  bool lead;

  explicit settled(const laneq_settled &raw)
      : reply(detail::maybe(raw.reply)), error(detail::maybe(raw.error)), run(raw.run),
        fate(raw.fate), outcome(raw.outcome), lead(raw.lead != 0) {}
};

// The answer to an accepted message, which goes its way also without.
class receipt {
 public:
  // Takes a handle over.
  explicit receipt(laneq_receipt taken) noexcept : held(taken) {}
  laneq_receipt get() const noexcept { return held.get(); }

  laneq::landed landed() const {
    laneq_landed raw = detail::sized<laneq_landed>();
    detail::call(laneq_receipt_landed, get(), &raw);
    return {detail::own(raw.id), detail::own(raw.key), raw.run, raw.placement, raw.fallback,
            raw.position};
  }

  laneq::message message() const { return detail::message_of(laneq_receipt_message, get()); }

  settled wait() const {
    laneq_settled raw = detail::sized<laneq_settled>();
    detail::call(laneq_receipt_wait, get(), int64_t{-1}, &raw);
    return settled(raw);
  }

  std::optional<settled> wait_for(milliseconds timeout) const {
    laneq_settled raw = detail::sized<laneq_settled>();
    if (!detail::waited(laneq_receipt_wait, get(), int64_t{timeout.count()}, &raw)) return {};
    return settled(raw);
  }

 private:
  detail::handle<laneq_receipt_free> held;
};

// A message was refused, for `status`. `LANEQ_REFUSED_DIRECTIVE` is none: the words were carried
// out, and `what()` is the answer for the person.
class refused : public error {
 public:
  refused(laneq_status reason, const std::string &message, std::shared_ptr<const receipt> first)
      : error(reason, message), first(std::move(first)) {}

  // Of a duplicate: the receipt of the message that came first; else none.
  std::shared_ptr<const receipt> first;
};

namespace detail {

// Throws what a status means; `first` is the receipt of a duplicate's first, or 0.
[[noreturn]] inline void refuse(laneq_status status, const laneq_error &said, laneq_receipt first) {
  receipt kept(first);
  if (status > LANEQ_REFUSED_FULL) throw error(status, words(said));
  auto came = first == 0 ? nullptr : std::make_shared<const receipt>(std::move(kept));
  throw refused(status, words(said), std::move(came));
}

inline receipt accepted(laneq_status status, laneq_receipt out, const laneq_error &said) {
  if (status != LANEQ_OK) refuse(status, said, out);
  return receipt(out);
}

template <class Function, class... Arguments>
receipt submitted(Function function, Arguments... arguments) {
  laneq_error said;
  laneq_receipt out = 0;
  laneq_status status = function(arguments..., &out, &said);
  return accepted(status, out, said);
}

}  // namespace detail

}  // namespace laneq

#endif
