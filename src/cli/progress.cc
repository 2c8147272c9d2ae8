// See progress.h.
#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace fathom {

Progress::Progress(std::string label, std::string unit, double per_unit)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      per_unit_(per_unit),
      on_terminal_(isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      last_(start_) {}

void Progress::update(int64_t done, int64_t total) {
  if (!on_terminal_) return;
  const Clock::time_point now = Clock::now();
  if (now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0;
  const double left = done > 0 ? seconds * (1 - share) / share : 0;
  fmt::print(stderr, "\r\033[K{} {:5.1f}%  {:.1f} {}/s  {:.0f} s left", label_, 100 * share,
             static_cast<double>(done) / per_unit_ / seconds, unit_, left);
  std::fflush(stderr);
  shown_ = true;
}

void Progress::finish() {
  if (shown_) fmt::print(stderr, "\r\033[K");
  shown_ = false;
}

}  // namespace fathom
