// Data for supervised tuning out of a model's own right answers: rejection sampling (DeepSeek-R1
// §2.3.3). Lines as sft_source.h reads them; the environments' demonstrations are `fathom env`'s.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "rl/chat_format.h"
#include "rl/problem_set.h"

namespace fathom {

struct SftWriteOptions {
  ProblemDraw draw;
  int64_t n_problems = 1000;
  int64_t n_samples = 16;      // answers a problem
  int64_t most_a_problem = 1;  // right ones that are kept of a problem, the shortest first
  double temp = 1;
  int64_t max_answer_tokens = 256, n_slots = 64;
};

struct SftWriteCounts {
  int64_t problems = 0, solved = 0;  // solved: with a right answer
  int64_t answers = 0, right = 0, written = 0;
};

/// Progress in problems; false stops: what was written so far does not stand.
using SftWriteProgress = std::function<bool(int64_t done, int64_t total)>;

/// Lines of the model's right, well-formed answers that ended by themselves, each text once. `out`
/// is there whole or not at all. Errors: those of rollouts; a disk that is full; stopped.
Result<SftWriteCounts> write_right_answers(const std::filesystem::path& out, Engine& engine,
                                           const ChatFormat& format, const ProblemSet& problems,
                                           const SftWriteOptions& options,
                                           const SftWriteProgress& progress = {});

/// The line: the problem's messages and the answer, whose thought `completion` goes on with.
std::string sft_line(const Problem& problem, std::string_view completion);

}  // namespace fathom
