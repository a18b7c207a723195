// Cancel tokens.

#ifndef LANEQ_TOKEN_HPP
#define LANEQ_TOKEN_HPP

#include "call.hpp"

namespace laneq {

// A callback on a token. An object that goes takes it back, unless it runs already.
class registration {
 public:
  explicit registration(laneq_registration taken = 0) noexcept : held(taken) {}
  laneq_registration get() const noexcept { return held.get(); }

  // Blocks: for the callback.
  void remove() { detail::call(laneq_registration_remove, held.release()); }

 private:
  detail::handle<laneq_registration_free> held;
};

// A cancel token. Causes are `LANEQ_CAUSE_...`; 0 is none.
class token {
 public:
  token() { detail::call(laneq_token_new, held.out()); }
  // Takes a handle over.
  explicit token(laneq_token taken) noexcept : held(taken) {}
  laneq_token get() const noexcept { return held.get(); }

  token child() const {
    token out(laneq_token{0});
    detail::call(laneq_token_child, get(), out.held.out());
    return out;
  }

  int32_t cancelled() const {
    int32_t cause = 0;
    detail::call(laneq_token_cancelled, get(), &cause);
    return cause;
  }

  // Gives the cause of an earlier cancel, which stays.
  int32_t cancel(int32_t cause = LANEQ_CAUSE_HOST) const {
    int32_t before = 0;
    detail::call(laneq_token_cancel, get(), cause, &before);
    return before;
  }

  int32_t wait() const {
    int32_t cause = 0;
    detail::call(laneq_token_wait, get(), int64_t{-1}, &cause);
    return cause;
  }

  int32_t wait_for(milliseconds timeout) const {
    int32_t cause = 0;
    return detail::waited(laneq_token_wait, get(), int64_t{timeout.count()}, &cause) ? cause : 0;
  }

  [[nodiscard]] registration on_cancel(std::function<void(int32_t)> hears) const {
    using Hears = std::function<void(int32_t)>;
    laneq_registration out = 0;
    detail::call(laneq_token_on_cancel, get(), detail::heard<int32_t>,
                 detail::user(std::move(hears)), detail::destroy<Hears>, &out);
    return registration(out);
  }

 private:
  detail::handle<laneq_token_free> held;
};

}  // namespace laneq

#endif
