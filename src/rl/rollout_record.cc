// See rollout_record.h.
#include "rl/rollout_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

std::string record_line(const RolloutGroup& group, const ScoredRollout& r,
                        const Tokenizer& tokenizer) {
  const Problem& p = group.posed.problem;
  nlohmann::ordered_json j = {{"environment", group.posed.environment->name()},
                              {"problem_seed", p.seed},
                              {"difficulty", p.difficulty},
                              {"split", split_name(p.split)},
                              {"kind", p.kind},
                              {"completion", completion_text(tokenizer, r.rollout.answer)},
                              {"reward", r.reward},
                              {"correct", r.score.correct},
                              {"well_formed", r.score.well_formed},
                              {"declined", r.score.declined},
                              {"why", r.score.why},
                              {"advantage", r.advantage},
                              {"counts", r.counts},
                              {"finish", finish_reason_name(r.rollout.finish)},
                              {"seed", r.rollout.seed},
                              {"stream", r.rollout.stream},
                              {"weight_version", r.rollout.weight_version},
                              {"prompt_ids", r.rollout.prompt},
                              {"answer_ids", r.rollout.answer},
                              {"logp", r.rollout.logp}};
  if (!r.rollout.experts.empty()) j["expert_ids"] = r.rollout.experts;
  if (!r.rollout.sampling_sets.empty()) j["sampling_sets"] = r.rollout.sampling_sets;
  return j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

Status write_rollout_records(const fs::path& directory, int64_t step, const RolloutStep& rollouts,
                             const Tokenizer& tokenizer, int64_t keep) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error)
    return Status::error(fmt::format("{}: cannot create: {}", directory.string(), error.message()));
  std::string text;
  for (const RolloutGroup& group : rollouts.groups) {
    for (const ScoredRollout& r : group.rollouts) text += record_line(group, r, tokenizer);
  }
  FATHOM_RETURN_IF_ERROR(
      write_file_atomic(directory / fmt::format("step-{:08}.jsonl", step), text));
  std::vector<fs::path> files;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with("step-")) files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  for (size_t i = 0; i + keep < files.size(); ++i) fs::remove(files[i], error);
  return {};
}

}  // namespace fathom
