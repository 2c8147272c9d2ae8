// See rl_step_record.h.
#include "rl/rl_step_record.h"

#include <nlohmann/json.hpp>

#include "rl/rl_config.h"

namespace fathom {
namespace {

nlohmann::ordered_json share_json(const ShareOf& s) {
  return {{"share", s.share()}, {"low", s.low()}, {"high", s.high()}, {"n", s.n}};
}

nlohmann::ordered_json evaluation_json(const std::vector<EvaluateRow>& rows) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const EvaluateRow& r : rows) {
    list.push_back({{"environment", r.environment},
                    {"split", split_name(r.split)},
                    {"pass_1", share_json(r.pass_1)},
                    {"decline_precision", share_json(r.decline_precision)},
                    {"mean_answer_tokens", r.mean_answer_tokens}});
  }
  return list;
}

}  // namespace

std::string to_json(const RlStepRecord& r) {
  nlohmann::ordered_json j = {{"step", r.step},
                              {"tokens", r.tokens},
                              {"prompts", r.prompts},
                              {"rollouts", r.rollouts},
                              {"trained", r.trained},
                              {"groups_dropped", r.groups_dropped},
                              {"refills", r.refills},
                              {"reward_mean", r.reward_mean},
                              {"reward_std", r.reward_std},
                              {"correct", r.correct},
                              {"correct_by", r.correct_by},
                              {"well_formed", r.well_formed},
                              {"declined", r.declined},
                              {"overlong", r.overlong},
                              {"pass_k", r.pass_k},
                              {"k", r.k},
                              {"length_mean", r.length_mean},
                              {"length_max", r.length_max},
                              {"logp_mean", r.logp_mean},
                              {"entropy", -r.logp_mean},
                              {"loss", r.loss},
                              {"loss_mtp", r.loss_mtp},
                              {"grad_norm", r.grad_norm},
                              {"clipped", r.clipped},
                              {"masked", r.masked},
                              {"ratio_min", r.ratio_min},
                              {"ratio_max", r.ratio_max},
                              {"ratio_min_after", r.ratio_min_after},
                              {"ratio_max_after", r.ratio_max_after},
                              {"logp_mismatch_max", r.logp_mismatch_max},
                              {"lr", r.lr},
                              {"dense", r.dense},
                              {"difficulty", {r.difficulty_min, r.difficulty_max}},
                              {"weight_version", r.weight_version}};
  if (r.decline_precision) j["decline_precision"] = *r.decline_precision;
  if (r.retokenised > 0) j["retokenised"] = r.retokenised;
  if (r.kl) j["kl"] = *r.kl;
  if (r.teacher_kl) j["teacher_kl"] = *r.teacher_kl;
  if (!r.router.layers.empty()) {
    j["moe_layers"] = r.router.layers;
    j["maxvio"] = r.router.maxvio;
    j["maxvio_mean"] = r.router.maxvio_mean;
    j["dead_experts"] = r.router.dead_experts;
    j["bias_max"] = r.router.bias_max;
  }
  if (!r.evaluation.empty()) j["evaluation"] = evaluation_json(r.evaluation);
  j["rollout_tokens_per_s"] = r.rollout_tokens_per_s;
  j["update_tokens_per_s"] = r.update_tokens_per_s;
  j["seconds_rollout"] = r.seconds_rollout;
  j["seconds_reward"] = r.seconds_reward;
  j["seconds_update"] = r.seconds_update;
  j["seconds_evaluation"] = r.seconds_evaluation;
  j["step_seconds"] = r.step_seconds;
  j["seconds"] = r.seconds;
  return j.dump();
}

}  // namespace fathom
