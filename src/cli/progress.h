// One line on stderr that tells how far a long job is: share, rate, time left. Only on a terminal,
// ten times a second at most.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace fathom {

class Progress {
 public:
  /// `unit` of one of what is counted, e.g. "MB", of which one is `per_unit` of the numbers given
  /// to update().
  Progress(std::string label, std::string unit, double per_unit = 1);
  ~Progress() { finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(int64_t done, int64_t total);
  /// Takes the line away.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  std::string label_, unit_;
  double per_unit_;
  bool on_terminal_, shown_ = false;
  Clock::time_point start_, last_;
};

}  // namespace fathom
