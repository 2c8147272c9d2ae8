// See rl_config.h.
#include "rl/rl_config.h"

#include <fmt/format.h>

#include "base/file.h"
#include "train/run_config.h"

namespace fathom {
namespace {

constexpr int64_t kManySteps = int64_t{1} << 53;
constexpr const char* kAlgorithms[] = {"grpo", "dr_grpo", "dapo", "gspo", "v32"};
// reading: the algorithm's own options stand where the file names none.
void describe_loss(RunFields& f, RlConfig::RlSection& r, bool reading) {
  f.choice("algorithm", r.algorithm, {"grpo", "dr_grpo", "dapo", "gspo", "v32"});
  GrpoOptions& o = r.loss;
  if (reading) {
    o = named_grpo_options(kAlgorithms[r.algorithm]).value();
    r.keep_routing = r.keep_sampling_mask = std::string_view(kAlgorithms[r.algorithm]) == "v32";
  }
  f.choice_of("advantage", o.advantage, {"mean_std", "mean"});
  f.choice_of("loss_mean", o.mean, {"sequence", "token", "constant"});
  f.choice_of("ratio", o.ratio, {"token", "sequence"});
  f.real("clip_eps_low", o.clip_eps_low, {0, 1e6});
  f.real("clip_eps_high", o.clip_eps_high, {0, 1e6});
  f.real("kl_beta", o.kl_beta, {0, 1e6});
  f.choice_of("kl", o.kl, {"k3", "unbiased"});
  f.choice_of("importance", o.importance, {"none", "truncated", "masked"});
  f.real("importance_min", o.importance_min, {0, 1});
  f.real("importance_max", o.importance_max, {1, 1e6});
  f.real("off_policy_delta", o.off_policy_delta, {0, 1e6});
  f.flag("keep_routing", r.keep_routing);
  f.flag("keep_sampling_mask", r.keep_sampling_mask);
}

void describe_rl(RunFields& f, RlConfig::RlSection& r, bool reading) {
  f.section("rl");
  describe_loss(f, r, reading);
  f.integer("prompts", r.prompts, {1, 1 << 20});
  f.integer("group_size", r.group_size, {2, 1 << 16});
  f.integer("minibatches", r.minibatches, {1, 1 << 16});
  f.flag("drop_groups", r.drop_groups);
  f.integer("refill_rounds", r.refill_rounds, {0, 1000});
  f.choice_of("overlong", r.overlong, {"keep", "punish", "filter"});
  f.integer("overlong_buffer", r.overlong_buffer, {1, 1 << 24});
  f.real("reward_weight", r.reward_weight, {0, 1e6});
  f.real("teacher_weight", r.teacher_weight, {0, 1e6});
  f.integer("reference_every", r.reference_every, {0, kManySteps});
}

void describe_rl_train(RunFields& f, RlConfig::TrainSection& t) {
  f.section("train");
  f.integer("steps", t.steps, {0, kManySteps});
  f.curve("lr", t.lr, {0, 10});
  f.integer("micro_batch_tokens", t.micro_batch_tokens, {1, int64_t{1} << 32});
  describe_optimizer(f, t.adamw);
  f.choice_of("compute", t.compute, {"bf16", "f32"});
  f.flag("recompute", t.recompute);
  f.curve("mtp_lambda", t.mtp_lambda, {0, 100});
  f.curve("bias_gamma", t.bias_gamma, {0, 10});
  f.flag("bias_recentre", t.bias_recentre);
  f.real("ema_decay", t.adamw.ema_decay, {0, 0.9999999});
  f.integer("seed", t.seed, {0, kManySteps});
  f.integer("threads", t.threads, {0, 4096});
}

void describe_rl_config(RunFields& f, RlConfig& c, bool reading) {
  f.section("model");
  f.path("init_from", c.model.init_from);
  f.path("reference", c.model.reference);
  f.path("teacher", c.model.teacher);

  f.section("tokenizer");
  f.path("path", c.tokenizer);

  f.section("problems");
  f.mix("environments", c.problems.environments);
  f.mix("splits", c.problems.splits);
  f.curve("difficulty_min", c.problems.difficulty_min, {0, kMaxDifficulty});
  f.curve("difficulty_max", c.problems.difficulty_max, {0, kMaxDifficulty});
  f.integer("seed", c.problems.seed, {0, kManySteps});

  describe_rl(f, c.rl, reading);

  f.section("rollout");
  f.real("temp", c.rollout.temp, {0.01, 100});
  f.real("top_p", c.rollout.top_p, {0.01, 1});
  f.integer("max_answer_tokens", c.rollout.max_answer_tokens, {1, 1 << 24});
  f.integer("slots", c.rollout.slots, {1, 1 << 16});
  f.choice_of("numerics", c.rollout.numerics, {"exact", "fast"});
  f.integer("record_every", c.rollout.record_every, {0, kManySteps});
  f.integer("record_keep", c.rollout.record_keep, {1, kManySteps});

  f.section("reward");
  f.curve("dense", c.reward.dense, {0, 100});
  f.real("wrong", c.reward.wrong, {-100, 0});
  f.real("length", c.reward.length, {0, 100});
  f.integer("length_free_tokens", c.reward.length_free_tokens, {0, kManySteps});

  describe_rl_train(f, c.train);

  f.section("lab");
  f.choice_of("noise", c.lab.noise, {"none", "fp8", "kernel", "routing", "retokenise"});
  f.real("routing_std", c.lab.routing_std, {0, 10});

  f.section("eval");
  f.integer("every", c.eval.every, {0, kManySteps});
  f.integer("problems", c.eval.problems, {1, 1 << 24});
  f.mix("splits", c.eval.splits);
  f.integer("difficulty_min", c.eval.difficulty_min, {0, kMaxDifficulty});
  f.integer("difficulty_max", c.eval.difficulty_max, {0, kMaxDifficulty});

  f.section("checkpoint");
  f.integer("every", c.checkpoint.every, {0, kManySteps});
  f.real("minutes", c.checkpoint.minutes, {0, 1e6});
  f.integer("keep", c.checkpoint.keep, {1, 1000000});

  f.section("log");
  f.integer("every", c.log_every, {1, kManySteps});

  f.section("ledger");
  f.real("watts", c.watts, {0, 1e9});
}

Status check_splits(const std::vector<MixPart>& splits, const std::string& where) {
  for (const MixPart& s : splits) {
    const auto known = read_split(s.name);
    if (!known.ok()) return Status::error(where + ": " + known.message());
  }
  return {};
}

Status check_rl_config(const RlConfig& c, const std::string& where) {
  const auto absent = [&](const char* key) {
    return Status::error(fmt::format("{}: {} wanted, not found", where, key));
  };
  if (c.model.init_from.empty()) return absent("model.init_from");
  if (c.problems.environments.empty()) return absent("problems.environments");
  if (c.train.steps == 0) return absent("train.steps");
  if (c.train.lr.empty()) return absent("train.lr");
  FATHOM_RETURN_IF_ERROR(check_splits(c.problems.splits, where + ": problems.splits"));
  FATHOM_RETURN_IF_ERROR(check_splits(c.eval.splits, where + ": eval.splits"));
  if (c.rl.overlong == Overlong::kPunish && c.rl.overlong_buffer > c.rollout.max_answer_tokens) {
    return Status::error(fmt::format(
        "{}: rl.overlong_buffer of at most rollout.max_answer_tokens {} wanted, {} found", where,
        c.rollout.max_answer_tokens, c.rl.overlong_buffer));
  }
  if (c.rl.minibatches > c.rl.prompts) {
    return Status::error(fmt::format("{}: rl.minibatches of at most rl.prompts {} wanted, {} found",
                                     where, c.rl.prompts, c.rl.minibatches));
  }
  return {};
}

}  // namespace

std::string_view algorithm_name(int idx) { return kAlgorithms[idx]; }

Result<RlConfig> parse_rl_config(std::string_view text, const std::string& where,
                                 const std::filesystem::path& base,
                                 const std::vector<std::string>& overrides) {
  RlConfig config;
  FATHOM_RETURN_IF_ERROR(read_run_fields(text, where, base, overrides, [&](RunFields& fields) {
    describe_rl_config(fields, config, /*reading=*/true);
  }));
  FATHOM_RETURN_IF_ERROR(check_rl_config(config, where));
  if (config.tokenizer.empty()) config.tokenizer = config.model.init_from;
  return config;
}

Result<RlConfig> read_rl_config(const std::filesystem::path& path,
                                const std::vector<std::string>& overrides) {
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  std::error_code error;
  const auto base = std::filesystem::absolute(path, error).parent_path();
  return parse_rl_config(text, path.string(), base, overrides);
}

std::string write_rl_config(const RlConfig& config) {
  RlConfig copy = config;
  return write_run_fields(
      [&](RunFields& fields) { describe_rl_config(fields, copy, /*reading=*/false); });
}

}  // namespace fathom
