#include "rl/rl_run.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cost/ledger_summary.h"
#include "rl/rl_run_test_support.h"
#include "rl/rollout_step.h"
#include "train/snapshot.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

// The lines of the log without what time tells, and the bytes of the last state.
std::string rl_fingerprint(const fs::path& root) {
  std::string all = read_file(*newest_snapshot(root / "checkpoints") / "state.safetensors").value();
  const std::string log = read_file(root / "log.jsonl").value();
  for (size_t at = 0; at < log.size(); at = log.find('\n', at) + 1) {
    auto j = nlohmann::json::parse(log.substr(at, log.find('\n', at) - at));
    for (const char* key :
         {"rollout_tokens_per_s", "update_tokens_per_s", "seconds_rollout", "seconds_reward",
          "seconds_update", "seconds_evaluation", "step_seconds", "seconds"})
      j.erase(key);
    all += j.dump() + "\n";
  }
  return all;
}

TEST(RlRun, ItLearnsWhatIsRewarded) {
  const RlRunFolder folder;
  RlListener listener;
  const auto r = run_rl(
      folder.call("run", listener, false, {"train.steps=30", "eval.every=30", "eval.problems=4"}));
  ASSERT_TRUE(r.ok()) << r.message();
  const auto& records = listener.records;
  ASSERT_EQ(records.size(), 30u);
  EXPECT_GT(records[29].reward_mean, records[0].reward_mean + 0.1);
  EXPECT_EQ(records[0].difficulty_max, 1);
  EXPECT_EQ(records[29].difficulty_max, 3);
  EXPECT_EQ(records[29].weight_version, 29);
  ASSERT_EQ(records[29].evaluation.size(), 1u);
  EXPECT_EQ(records[29].evaluation[0].pass_1.n, 4);
  EXPECT_GT(records[29].loss_mtp, 0);
  EXPECT_FALSE(records[29].kl.has_value());
  const auto ledger = read_ledger(folder.path("run") / "ledger.jsonl");
  ASSERT_TRUE(ledger.ok()) << ledger.message();
  const LedgerSummary s = summarize_ledger(ledger.value(), "run");
  std::vector<std::string> names;
  for (const LedgerPart& p : s.parts) names.push_back(p.name);
  for (const char* name : {"rollout", "reward", "update", "evaluation", "checkpoint"})
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  EXPECT_EQ(s.waste_ratio(), 0.0);
}

TEST(RlRun, KilledAndResumedItEndsWithTheSameBits) {
  const RlRunFolder folder;
  RlListener listener;
  const std::vector<std::string> with_reference = {"rl.kl_beta=0.05", "rl.reference_every=3",
                                                   "rl.minibatches=2", "train.bias_gamma=0.01"};
  ASSERT_TRUE(run_rl(folder.call("whole", listener, false, with_reference)).ok());
  ASSERT_TRUE(listener.records.back().kl.has_value());
  EXPECT_GT(*listener.records.back().kl, 0);
  for (const int64_t at : {2, 7}) {  // before the first checkpoint, and behind one
    const std::string name = "killed" + std::to_string(at);
    const pid_t pid = fork();
    if (pid == 0) {
      listener.kill_at = at;
      _exit(run_rl(folder.call(name, listener, false, with_reference)).ok() ? 0 : 1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto r = run_rl(folder.call(name, listener, true, with_reference));
    ASSERT_TRUE(r.ok()) << r.message();
    EXPECT_EQ(rl_fingerprint(folder.path(name)), rl_fingerprint(folder.path("whole")));
  }
}

class BadRewardEnvironment : public LowBytesEnvironment {
 public:
  std::string_view name() const override { return "bad"; }
  Score score(const Problem& p, std::string_view text, const RewardOptions& o) const override {
    Score s = LowBytesEnvironment::score(p, text, o);
    s.reward = NAN;
    return s;
  }
};

TEST(RlRun, ARewardThatIsNotFiniteIsRefusedByEnvironmentAndProblem) {
  const RlRunFolder folder;
  RlListener listener;
  RlCall call = folder.call("run", listener);
  call.open_problems = []() -> Result<ProblemSet> {
    return ProblemSet({std::make_shared<BadRewardEnvironment>()});
  };
  const auto r = run_rl(call);
  ASSERT_FALSE(r.ok());
  EXPECT_TRUE(r.message().starts_with("step 1: bad, problem ")) << r.message();
  EXPECT_NE(r.message().find("(train, difficulty 1, word): a finite reward wanted, nan found"),
            std::string::npos)
      << r.message();
}

TEST(RlRun, AStudentComesNearerToItsTeacherOnItsOwnAnswers) {
  const RlRunFolder folder;
  RlListener teaching, listener;
  ASSERT_TRUE(run_rl(folder.call("teacher", teaching, false, {"train.steps=10"})).ok());
  const auto teacher = newest_snapshot(folder.path("teacher") / "checkpoints");
  ASSERT_TRUE(teacher.has_value());
  const auto r = run_rl(folder.call(
      "student", listener, false,
      {"model.teacher=\"" + teacher->string() + "\"", "rl.reward_weight=0", "train.steps=16"}));
  ASSERT_TRUE(r.ok()) << r.message();
  const auto mean_kl = [&](size_t begin) {
    double sum = 0;
    for (size_t i = begin; i < begin + 4; ++i) sum += *listener.records.at(i).teacher_kl / 4;
    return sum;
  };
  EXPECT_GT(mean_kl(0), 0);
  EXPECT_LT(mean_kl(12), 0.7 * mean_kl(0));
}

TEST(RlRun, ATeacherOfAnotherShapeGoesToItsOwnExperts) {
  const RlRunFolder folder;
  ModelConfig other = tiny_model_config();
  other.n_routed_experts = 2 * other.n_routed_experts;
  other.num_hidden_layers += 1;
  auto teacher = TrainerModel::create(other, 3, {});
  ASSERT_TRUE(teacher.ok()) << teacher.message();
  ASSERT_TRUE(write_trained_checkpoint(folder.path("teacher"), *teacher.value()).ok());
  double kl[2];
  for (const bool keep : {false, true}) {
    RlListener listener;
    const auto r = run_rl(
        folder.call(keep ? "kept" : "own", listener, false,
                    {"model.teacher=\"" + folder.path("teacher").string() + "\"", "train.steps=1",
                     keep ? "rl.keep_routing=true" : "rl.keep_routing=false"}));
    ASSERT_TRUE(r.ok()) << r.message();
    kl[keep] = listener.records.at(0).teacher_kl.value();
  }
  EXPECT_EQ(kl[0], kl[1]);
}

TEST(RlRun, EachNoiseIsAMismatchThatIsSeenAndNoneIsNone) {
  const RlRunFolder folder;
  for (const char* noise : {"none", "fp8", "kernel", "routing"}) {
    RlListener listener;
    const auto r = run_rl(folder.call(noise, listener, false,
                                      {std::string("lab.noise=\"") + noise + "\"", "train.steps=3",
                                       "rl.importance=\"truncated\"", "lab.routing_std=0.2"}));
    ASSERT_TRUE(r.ok()) << noise << ": " << r.message();
    for (const RlStepRecord& record : listener.records) {
      EXPECT_EQ(record.logp_mismatch_max > 0, std::string(noise) != "none") << noise;
      EXPECT_EQ(record.ratio_max, 1.0) << noise;  // to the trainer's own numbers
    }
  }
}

TEST(RlRun, RoutersThatDisagreeAgreeToTheBitWhereTheChoiceIsKept) {
  const RlRunFolder folder;
  for (const bool keep : {false, true}) {
    RlListener listener;
    const auto r =
        run_rl(folder.call(keep ? "kept" : "own", listener, false,
                           {"lab.noise=\"routing\"", "lab.routing_std=0.2", "train.steps=3",
                            keep ? "rl.keep_routing=true" : "rl.keep_routing=false"}));
    ASSERT_TRUE(r.ok()) << r.message();
    for (const RlStepRecord& record : listener.records) {
      EXPECT_EQ(record.logp_mismatch_max == 0, keep);
      EXPECT_GT(record.grad_norm, 0);
    }
  }
}

TEST(RlRun, TheSamplingMaskIsKeptToTheBitOnEveryStep) {
  const RlRunFolder folder;
  RlListener kept, whole;
  const std::vector<std::string> cut = {"rollout.top_p=0.7", "train.steps=6",
                                        "rl.keep_routing=true", "rl.minibatches=2",
                                        "rollout.record_every=2"};
  auto with_mask = cut;
  with_mask.push_back("rl.keep_sampling_mask=true");
  ASSERT_TRUE(run_rl(folder.call("kept", kept, false, with_mask)).ok());
  ASSERT_TRUE(run_rl(folder.call("whole", whole, false, cut)).ok());
  for (const RlStepRecord& record : kept.records) EXPECT_EQ(record.logp_mismatch_max, 0);
  // The same first rollouts, whose probability among fewer tokens is larger.
  EXPECT_EQ(kept.records[0].reward_mean, whole.records[0].reward_mean);
  EXPECT_GT(kept.records[0].logp_mean, whole.records[0].logp_mean + 0.1);
  const std::string text = read_file(folder.path("kept") / "rollouts/step-00000002.jsonl").value();
  const auto line = nlohmann::json::parse(text.substr(0, text.find('\n')));
  const size_t n_answer = line["answer_ids"].size(),
               n_tokens = line["prompt_ids"].size() + n_answer;
  ASSERT_EQ(line["sampling_sets"].size(), n_answer);
  for (size_t i = 0; i < n_answer; ++i) {
    const auto set = line["sampling_sets"][i].get<std::vector<int32_t>>();
    EXPECT_TRUE(std::binary_search(set.begin(), set.end(), line["answer_ids"][i].get<int32_t>()));
  }
  const ModelConfig model = tiny_model_config();
  const int64_t moe_layers = model.num_hidden_layers - model.first_k_dense_replace;
  EXPECT_EQ(static_cast<int64_t>(line["expert_ids"].size()),
            static_cast<int64_t>(n_tokens - 1) * moe_layers * model.num_experts_per_tok);
}

TEST(RlRun, AnswersTokenisedAgainAreCountedAndTheRunGoesOn) {
  const RlRunFolder folder;
  RlListener listener;
  // Tokens that the tokenizer has no text for vanish on the way through the text.
  const auto r =
      run_rl(folder.call("run", listener, false, {"lab.noise=\"retokenise\"", "train.steps=2"}));
  ASSERT_TRUE(r.ok()) << r.message();
  EXPECT_GT(listener.records[0].retokenised, 0);
  EXPECT_GT(listener.records[0].trained, 0);
}

TEST(RlRun, AReferenceOfAnotherShapeIsRefused) {
  const RlRunFolder folder;
  ModelConfig other = tiny_model_config();
  other.vocab_size = 280;
  auto model = TrainerModel::create(other, 1, {});
  ASSERT_TRUE(model.ok()) << model.message();
  ASSERT_TRUE(write_trained_checkpoint(folder.path("other"), *model.value()).ok());
  RlListener listener;
  const auto r = run_rl(
      folder.call("run", listener, false,
                  {"rl.kl_beta=0.1", "model.reference=\"" + folder.path("other").string() + "\""}));
  ASSERT_FALSE(r.ok());
  EXPECT_NE(r.message().find("a reference of the policy's shape wanted"), std::string::npos)
      << r.message();
}

TEST(RlRun, RecordsAreBoundedAndSayWhatWasSampled) {
  const RlRunFolder folder;
  RlListener listener;
  ASSERT_TRUE(run_rl(folder.call("run", listener, false, {"rollout.record_keep=2"})).ok());
  std::vector<std::string> files;
  for (const auto& e : fs::directory_iterator(folder.path("run") / "rollouts"))
    files.push_back(e.path().filename());
  std::sort(files.begin(), files.end());
  EXPECT_EQ(files, (std::vector<std::string>{"step-00000008.jsonl", "step-00000012.jsonl"}));
  const std::string text = read_file(folder.path("run") / "rollouts/step-00000008.jsonl").value();
  const auto line = nlohmann::json::parse(text.substr(0, text.find('\n')));
  EXPECT_EQ(line["environment"], "low_bytes");
  EXPECT_EQ(line["answer_ids"].size(), line["logp"].size());
  EXPECT_EQ(line["weight_version"], 7);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 16);
}

TEST(RlRun, GroupsWithoutSpreadAreDroppedAndRefilled) {
  class Constant : public LowBytesEnvironment {
   public:
    Score score(const Problem& p, std::string_view, const RewardOptions&) const override {
      Score s;
      s.reward = p.seed % 2 == 0 ? 1 : 0;
      return s;
    }
  };
  const RlRunFolder folder;
  RlListener listener;
  RlCall call = folder.call("run", listener, false,
                            {"train.steps=1", "rl.drop_groups=true", "rl.refill_rounds=2"});
  call.open_problems = []() -> Result<ProblemSet> {
    return ProblemSet({std::make_shared<Constant>()});
  };
  const auto r = run_rl(call);
  ASSERT_TRUE(r.ok()) << r.message();
  EXPECT_EQ(listener.records[0].groups_dropped, 12);
  EXPECT_EQ(listener.records[0].refills, 2);
  EXPECT_EQ(listener.records[0].trained, 0);
}

TEST(OverlongPunishment, FallsOverTheBuffer) {
  EXPECT_EQ(overlong_punishment(60, 100, 40), 0);
  EXPECT_EQ(overlong_punishment(80, 100, 40), -0.5);
  EXPECT_EQ(overlong_punishment(100, 100, 40), -1);
}

TEST(RlConfig, NamedLossesAreSetsWhoseOptionsCanBeOverridden) {
  const std::string text =
      "[model]\ninit_from = \"m\"\n[problems]\nenvironments = \"tables\"\n"
      "[rl]\nalgorithm = \"v32\"\nclip_eps_high = 0.5\n[train]\nsteps = 1\n"
      "lr = 1e-5\n";
  const auto c = parse_rl_config(text, "run.toml", "/base", {});
  ASSERT_TRUE(c.ok()) << c.message();
  EXPECT_EQ(c.value().rl.loss.kl, KlEstimator::kUnbiased);
  EXPECT_EQ(c.value().rl.loss.advantage, AdvantageKind::kMean);
  EXPECT_EQ(c.value().rl.loss.clip_eps_high, 0.5);
  EXPECT_EQ(c.value().rl.loss.off_policy_delta, 0.1);
  const std::string written = write_rl_config(c.value());
  const auto again = parse_rl_config(written, "again", "/elsewhere", {});
  ASSERT_TRUE(again.ok()) << again.message() << written;
  EXPECT_EQ(write_rl_config(again.value()), written);
  const auto mixed = parse_rl_config(text, "run.toml", "/base",
                                     {"problems.environments={ tables = 3, arithmetic = 1 }"});
  ASSERT_TRUE(mixed.ok()) << mixed.message();
  ASSERT_EQ(mixed.value().problems.environments.size(), 2u);
  EXPECT_TRUE(parse_rl_config(text, "run.toml", "/base", {"problems.splits=\"rows\""})
                  .message()
                  .starts_with("run.toml: problems.splits: "));
}

}  // namespace
}  // namespace fathom
