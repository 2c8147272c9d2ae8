// See sft_writer.h.
#include "rl/sft_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/threads.h"
#include "rl/evaluate.h"
#include "rl/rollout.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSftWriteStream = uint64_t{0x73667477} << 32;

// Calls block(first problem, how many) until all are done.
Status in_blocks(int64_t n, int64_t at_once, const SftWriteProgress& progress,
                 const std::function<Status(int64_t, int64_t)>& block) {
  for (int64_t begin = 0; begin < n; begin += at_once) {
    if (progress && !progress(begin, n)) return Status::error("writing samples: stopped");
    FATHOM_RETURN_IF_ERROR(block(begin, std::min(at_once, n - begin)));
  }
  return {};
}

// The answers of one problem that are kept, as texts.
std::vector<std::string> best_answers(std::vector<std::pair<size_t, std::string>> right,
                                      int64_t most) {
  std::sort(right.begin(), right.end());  // by tokens
  std::set<std::string> seen;
  std::vector<std::string> kept;
  for (auto& [n_tokens, text] : right) {
    if (static_cast<int64_t>(kept.size()) < most && seen.insert(text).second)
      kept.push_back(std::move(text));
  }
  return kept;
}

}  // namespace

std::string sft_line(const Problem& problem, std::string_view completion) {
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  for (const ChatMessage& m : problem.messages)
    messages.push_back({{"role", m.role}, {"content", m.content}});
  messages.push_back({{"role", "assistant"}, {"content", "<think>\n" + std::string(completion)}});
  const nlohmann::ordered_json line = {{"messages", std::move(messages)}};
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Result<SftWriteCounts> write_right_answers(const fs::path& out, Engine& engine,
                                           const ChatFormat& format, const ProblemSet& problems,
                                           const SftWriteOptions& options,
                                           const SftWriteProgress& progress) {
  FATHOM_ASSIGN_OR_RETURN(const auto file, AtomicFile::create(out));
  SftWriteCounts counts;
  ProblemDraw draw = options.draw;
  draw.most_prompt_tokens = engine.n_ctx() - options.max_answer_tokens;
  const int64_t k = options.n_samples;
  const int64_t at_once = std::max<int64_t>(1, 4 * options.n_slots / k);
  FATHOM_RETURN_IF_ERROR(
      in_blocks(options.n_problems, at_once, progress, [&](int64_t begin, int64_t n) -> Status {
        std::vector<PosedProblem> posed;
        std::vector<RolloutRequest> requests;
        for (int64_t p = begin; p < begin + n; ++p) {
          FATHOM_ASSIGN_OR_RETURN(PosedProblem one,
                                  problems.draw(draw, kSftWriteStream, p, format));
          for (int64_t i = 0; i < k; ++i)
            requests.push_back({one.prompt, static_cast<uint64_t>(p * k + i)});
          posed.push_back(std::move(one));
        }
        RolloutOptions how;
        how.temp = options.temp;
        how.max_answer_tokens = options.max_answer_tokens;
        how.n_slots = options.n_slots;
        how.seed = options.draw.seed;
        RolloutStats stats;
        FATHOM_ASSIGN_OR_RETURN(const auto rollouts, sample_rollouts(engine, requests, how, stats));
        std::vector<Score> scores(rollouts.size());
        parallel_for(static_cast<int64_t>(rollouts.size()), [&](int64_t i) {
          const PosedProblem& p = posed[i / k];
          scores[i] = p.environment->score(
              p.problem, completion_text(format.tokenizer(), rollouts[i].answer), {});
        });
        for (int64_t p = 0; p < n; ++p) {
          std::vector<std::pair<size_t, std::string>> right;
          for (int64_t i = p * k; i < (p + 1) * k; ++i) {
            if (!scores[i].correct || !scores[i].well_formed || rollouts[i].overlong()) continue;
            right.emplace_back(rollouts[i].answer.size(),
                               completion_text(format.tokenizer(), rollouts[i].answer));
          }
          counts.right += static_cast<int64_t>(right.size());
          counts.solved += !right.empty();
          for (const std::string& text : best_answers(std::move(right), options.most_a_problem)) {
            const std::string line = sft_line(posed[p].problem, text);
            FATHOM_RETURN_IF_ERROR(file->write(line.data(), line.size()));
            ++counts.written;
          }
        }
        counts.problems += n;
        counts.answers += static_cast<int64_t>(rollouts.size());
        return {};
      }));
  FATHOM_RETURN_IF_ERROR(file->commit());
  return counts;
}

}  // namespace fathom
