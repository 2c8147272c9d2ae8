// fathom init: a checkpoint of any config with seeded random weights.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "checkpoint/synthetic.h"
#include "cli/command.h"
#include "cli/progress.h"

namespace fathom {
namespace {

struct InitFlags {
  std::string config, directory, dtype;
  uint64_t seed = 0;
  int64_t max_shard_bytes = int64_t{5} << 30;
  bool json = false;
};

DType dtype_of_flag(const InitFlags& flags, const ModelConfig& config) {
  if (flags.dtype == "bf16") return DType::kBF16;
  if (flags.dtype == "f32") return DType::kF32;
  if (flags.dtype == "fp8") return DType::kF8E4M3;
  return stored_dtype(config);
}

int run_init(const InitFlags& flags) {
  const auto config = read_model_config(flags.config);
  if (!config.ok()) return fail(config.status());
  SyntheticOptions options{.seed = flags.seed,
                           .dtype = dtype_of_flag(flags, config.value()),
                           .max_shard_bytes = flags.max_shard_bytes};
  Progress progress("writing", "MB", 1e6);
  options.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  const Status written = write_synthetic_checkpoint(flags.directory, config.value(), options);
  progress.finish();
  if (!written.ok()) return fail(written);
  const auto checkpoint = open_checkpoint(flags.directory);
  if (!checkpoint.ok()) return fail(checkpoint.status());
  const auto n_tensors = checkpoint.value()->names().size();
  const int64_t n_bytes = checkpoint.value()->bytes_on_disk();
  if (flags.json) {
    const nlohmann::ordered_json report = {{"path", flags.directory},
                                           {"seed", flags.seed},
                                           {"dtype", dtype_name(options.dtype)},
                                           {"tensors", n_tensors},
                                           {"bytes", n_bytes}};
    fmt::print("{}\n", report.dump());
  } else {
    fmt::print("{}: {} tensors, {} bytes, matrices {}, seed {}\n", flags.directory, n_tensors,
               n_bytes, dtype_name(options.dtype), flags.seed);
  }
  return 0;
}

}  // namespace

std::function<int()> add_init(CLI::App& sub) {
  auto flags = std::make_shared<InitFlags>();
  sub.add_option("config", flags->config, "The config.json of the model")->required();
  sub.add_option("-o,--output", flags->directory, "Directory to write; must be empty or absent")
      ->required();
  sub.add_option("--seed", flags->seed, "Seed of the random weights")->capture_default_str();
  sub.add_option("--dtype", flags->dtype, "How matrices are stored; by default as the config says")
      ->check(CLI::IsMember({"bf16", "f32", "fp8"}));
  sub.add_option("--max-shard-bytes", flags->max_shard_bytes,
                 "Size of one safetensors file at most")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  sub.add_flag("--json", flags->json, "One JSON object instead of text");
  return [flags] { return run_init(*flags); };
}

}  // namespace fathom
