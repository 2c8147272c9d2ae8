// Environment: problems whose answers can be checked by a rule. Everything is a function of (seed, difficulty), so a problem can be made
// again anywhere, and its right answer stands in no place that a completion, or the program it asks to run, could read.
// Thread-safe: all of it; scoring runs on several threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace fathom {

/// What the policy sees, and what the environment needs to make the rest again.
struct Problem {
  std::string question;
  uint64_t seed = 0;
  double difficulty = 0;  // 0 … 1
};

struct Score {
  double reward = 0;
  bool correct = false;
  bool well_formed = false;  // thinking closed, an answer of the asked shape behind it
  bool declined = false;     // the completion says that there is no answer
  std::string why;           // one sentence, for a person
};

class Environment {
 public:
  virtual ~Environment() = default;
  virtual std::string_view name() const = 0;
  /// Requires: 0 <= difficulty <= 1.
  virtual Problem sample(uint64_t seed, double difficulty) const = 0;
  /// completion: all that the policy wrote, thinking included. Never fails: what cannot be read earns what a wrong answer earns.
  virtual Score score(const Problem& problem, std::string_view completion) const = 0;
  /// A completion that earns the full reward, with the thinking that leads to it: what supervised training shows.
  virtual std::string demonstrate(const Problem& problem) const = 0;
};

/// "arithmetic", "countdown". Error: the names that there are.
Result<std::unique_ptr<Environment>> make_environment(std::string_view name);

/// A completion cut at its thinking: `<think>…</think>answer`, where the opening tag may stand in the prompt already.
struct Completion {
  bool closed = false;  // there was exactly one </think>
  std::string_view thinking, answer;
};
Completion split_completion(std::string_view completion);

}  // namespace fathom
