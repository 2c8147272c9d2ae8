// fathom rl --rollout-noise … --remedy …, the mismatch laboratory, as a user calls it: a tokenizer
// and a tiny model of random weights, every noise with every remedy.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "base/test_folder.h"
#include "tests/command.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class RlLaboratory : public testing::Test {
 protected:
  RlLaboratory() {
    const CommandResult text = run_fathom("env sample arithmetic -n 200 --documents");
    EXPECT_EQ(text.exit_code, 0) << text.err;
    folder_.write("sums.jsonl", text.out);
    folder_.write("config.json", R"({"model_type": "deepseek_v3", "vocab_size": 320,
      "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
      "q_lora_rank": null, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4,
      "v_head_dim": 8, "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2,
      "moe_intermediate_size": 16, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1,
      "num_nextn_predict_layers": 1, "max_position_embeddings": 512, "initializer_range": 0.2})");
    folder_.write("lab.toml", R"([model]
init_from = "model"
[tokenizer]
path = "tokenizer"
[problems]
environments = "arithmetic"
difficulty_max = 1
[rl]
prompts = 2
group_size = 2
[rollout]
max_answer_tokens = 24
[train]
steps = 2
lr = 1e-3
)");
    ok("tokenize train '" + path("sums.jsonl") + "' --vocab-size 320 -o '" + path("tokenizer") +
       "'");
    ok("init '" + path("config.json") + "' -o '" + path("model") + "'");
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  CommandResult ok(const std::string& arguments) const {
    CommandResult r = run_fathom(arguments);
    EXPECT_EQ(r.exit_code, 0) << arguments << "\n" << r.err;
    return r;
  }
  // The value of `key` of each step.
  std::vector<double> logged(const std::string& run, const std::string& key) const {
    std::vector<double> values;
    std::istringstream log(read_file(folder_.path() / run / "log.jsonl").value());
    for (std::string line; std::getline(log, line);) {
      const json j = json::parse(line);
      if (j.contains(key)) values.push_back(j[key]);
    }
    return values;
  }
  TestFolder folder_;
};

TEST_F(RlLaboratory, EachNoiseMeetsEachRemedyAndOnePageComparesThem) {
  const std::string call = "rl '" + path("lab.toml") + "' -o '" + path("lab") +
                           "' --rollout-noise none,routing --remedy none,replay";
  const CommandResult r = ok(call);
  for (const std::string run : {"none-none", "none-replay", "routing-replay"})
    EXPECT_EQ(logged("lab/" + run, "logp_mismatch_max"), (std::vector<double>{0, 0})) << run;
  for (const double mismatch : logged("lab/routing-none", "logp_mismatch_max"))
    EXPECT_GT(mismatch, 0);
  EXPECT_NE(r.out.find("noise routing, remedy replay\n"), std::string::npos);
  EXPECT_TRUE(r.out.ends_with("report: " + path("lab/report.html") + "\n")) << r.out;
  const std::string page = read_file(folder_.path() / "lab/report.html").value();
  for (const char* run : {"none, none", "none, replay", "routing, none", "routing, replay"})
    EXPECT_NE(page.find(run), std::string::npos) << run;
  // What has ended is not done again.
  const auto log = read_file(folder_.path() / "lab/routing-none/log.jsonl").value();
  ok(call + " --resume");
  EXPECT_EQ(read_file(folder_.path() / "lab/routing-none/log.jsonl").value(), log);
}

TEST_F(RlLaboratory, ANoiseThatIsNoneIsRefused) {
  const CommandResult r = run_fathom("rl '" + path("lab.toml") + "' --rollout-noise fp4");
  EXPECT_NE(r.exit_code, 0);
  EXPECT_NE(r.err.find("fp4 not in {none,fp8,kernel,routing,retokenise}"), std::string::npos)
      << r.err;
  EXPECT_FALSE(fs::exists(folder_.path() / "lab"));
}

}  // namespace
}  // namespace fathom
