// fathom bench: how fast a model prefills and decodes, or a trainer steps, beside what this machine
// can do at most, measured in the same run.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/threads.h"
#include "checkpoint/synthetic.h"
#include "cli/bench_train.h"
#include "cli/command.h"
#include "cli/machine_limits.h"
#include "cli/model_flags.h"
#include "cli/model_path.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "device/isa.h"
#include "engine/bench.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

struct BenchFlags {
  ModelFlags model;
  BenchSpec spec;
  TrainBenchSpec train_spec;
  bool train = false, json = false;
};

/// A directory under $TMPDIR or /tmp that is removed with what it holds.
class TemporaryDirectory {
 public:
  static Result<std::unique_ptr<TemporaryDirectory>> create() {
    std::error_code error;
    const fs::path parent = fs::temp_directory_path(error);
    std::string name = (error ? fs::path("/tmp") : parent) / "fathom-bench-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) {
      return Status::error(
          fmt::format("{}: a temporary directory wanted, none could be made", name));
    }
    return std::unique_ptr<TemporaryDirectory>(new TemporaryDirectory(name));
  }
  ~TemporaryDirectory() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const fs::path& path() const { return path_; }

 private:
  explicit TemporaryDirectory(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

Status write_synthetic(const fs::path& directory, const fs::path& config_file) {
  FATHOM_ASSIGN_OR_RETURN(const ModelConfig config, read_model_config(config_file));
  SyntheticOptions options;
  options.dtype = stored_dtype(config);
  Progress progress("making weights", "MB", 1e6);
  options.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  return write_synthetic_checkpoint(directory, config, options);
}

ordered_json machine_json(const MachineLimits& limits) {
  ordered_json json = {{"threads", num_threads()}, {"isa", describe_isa()}};
  json.update(to_json(limits));
  return json;
}

void print_limits(const MachineLimits& limits) {
  fmt::print(
      "machine: {} threads, {} · read {:.1f} GB/s (4 KiB pages), {:.1f} GB/s (2 MiB) · peak {:.0f} "
      "GFLOP/s f32",
      num_threads(), describe_isa(), limits.read_4k / 1e9, limits.read_2m / 1e9,
      limits.peak_f32 / 1e9);
  if (limits.peak_bf16 > 0) fmt::print(", {:.0f} bf16", limits.peak_bf16 / 1e9);
  fmt::print("\n");
}

double prefill_share(const BenchPoint& p, double peak) {
  return p.prefill_rate * p.prefill_flops_per_token / peak;
}

double decode_share(const BenchPoint& p, double bandwidth) {
  return bandwidth > 0 ? p.decode_rate * p.decode_bytes_per_token / bandwidth : 0;
}

ordered_json point_json(const BenchPoint& p, const BenchSpec& spec, const MachineLimits& limits,
                        double peak) {
  ordered_json json = {{"depth", p.depth}};
  if (spec.n_prompt > 0) {
    json.update({{"prefill_tokens", spec.n_prompt},
                 {"prefill_tokens_per_s", p.prefill_rate},
                 {"prefill_flops_per_token", p.prefill_flops_per_token},
                 {"prefill_share_of_peak", prefill_share(p, peak)},
                 {"prefill_runs", p.prefill_rates}});
  }
  if (spec.n_decode > 0) {
    json.update({{"decode_tokens", spec.n_decode},
                 {"decode_tokens_per_s", p.decode_rate},
                 {"decode_bytes_per_token", p.decode_bytes_per_token},
                 {"decode_share_of_bandwidth", decode_share(p, limits.bandwidth())},
                 {"decode_runs", p.decode_rates}});
  }
  return json;
}

void print_points(const std::vector<BenchPoint>& points, const BenchSpec& spec,
                  const MachineLimits& limits, double peak) {
  fmt::print("{:>7}  {:>22}  {:>8}  {:>21}  {:>10}  {:>12}\n", "depth",
             fmt::format("prefill {} tok/s", spec.n_prompt), "of peak",
             fmt::format("decode {} tok/s", spec.n_decode), "a token", "of bandwidth");
  for (const BenchPoint& p : points) {
    fmt::print("{:>7}  {:>22.1f}  {:>7.1f}%  {:>21.2f}  {:>10}  {:>11.1f}%\n", p.depth,
               p.prefill_rate, 100 * prefill_share(p, peak), p.decode_rate,
               human_bytes(static_cast<int64_t>(p.decode_bytes_per_token)),
               100 * decode_share(p, limits.bandwidth()));
  }
}

Status bench_model_at(const fs::path& path, const BenchFlags& flags) {
  FATHOM_ASSIGN_OR_RETURN(const auto engine, Engine::open(path, engine_options(flags.model)));
  Model& model = engine->model();
  Progress progress("measuring", "depths");
  int64_t n_done = 0;
  const auto n_depths = static_cast<int64_t>(flags.spec.depths.size());
  FATHOM_ASSIGN_OR_RETURN(const auto points,
                          bench_model(*engine, flags.spec, [&](const BenchPoint&) {
                            progress.update(++n_done, n_depths);
                          }));
  progress.finish();
  const int64_t rss = peak_rss_bytes();  // before the buffers of the bandwidth
  MachineLimits limits;
  measure_peaks(limits);
  measure_bandwidth(limits);
  const double peak = limits.peak(model.options().compute);
  const int64_t cache_bytes = model.cache().shape().bytes_per_token();
  if (!flags.json) {
    fmt::print(
        "{}: weights {}, packed copies {}, cache {} a token, peak memory {} · compute {}, numerics "
        "{}\n",
        flags.model.model.empty() ? engine->where() : flags.model.model,
        human_bytes(model.weight_bytes()), human_bytes(model.packed_bytes()),
        human_bytes(cache_bytes), human_bytes(rss), flags.model.compute, flags.model.numerics);
    print_limits(limits);
    print_points(points, flags.spec, limits, peak);
    return {};
  }
  ordered_json list = ordered_json::array();
  for (const BenchPoint& p : points) list.push_back(point_json(p, flags.spec, limits, peak));
  const ordered_json report = {
      {"model", flags.model.model.empty() ? engine->where() : flags.model.model},
      {"compute", flags.model.compute},
      {"numerics", flags.model.numerics},
      {"machine", machine_json(limits)},
      {"weight_bytes", model.weight_bytes()},
      {"packed_bytes", model.packed_bytes()},
      {"cache_bytes_per_token", cache_bytes},
      {"peak_rss_bytes", rss},
      {"repeats", flags.spec.n_repeats},
      {"points", std::move(list)}};
  fmt::print("{}\n", report.dump());
  return {};
}

Status run_model(const BenchFlags& flags) {
  FATHOM_ASSIGN_OR_RETURN(const fs::path path, find_model(flags.model.model));
  if (path.extension() != ".json") return bench_model_at(path, flags);
  FATHOM_ASSIGN_OR_RETURN(const auto temporary, TemporaryDirectory::create());
  const fs::path directory = temporary->path() / "model";
  FATHOM_RETURN_IF_ERROR(write_synthetic(directory, path));
  return bench_model_at(directory, flags);
}

Status run_train(BenchFlags flags) {
  engine_options(flags.model);  // threads
  TrainBenchSpec& spec = flags.train_spec;
  spec.compute = flags.model.compute == "f32" ? Compute::kF32 : Compute::kBf16;
  MachineLimits limits;
  measure_peaks(limits);
  Progress progress("training", "steps");
  FATHOM_ASSIGN_OR_RETURN(const TrainBenchResult result, bench_train(spec, [&](int64_t n_done) {
                            progress.update(n_done, spec.n_steps);
                          }));
  progress.finish();
  const int64_t rss = peak_rss_bytes();
  const double flops_per_s = result.flops_per_token * result.tokens_per_s;
  const double mfu = flops_per_s / limits.peak(spec.compute);
  if (!flags.json) {
    fmt::print(
        "{} {}: {:.1f} M parameters, {} x {} tokens a step · {:.1f} tokens/s, {:.3f} s a step, MFU "
        "{:.1f}% "
        "({:.1f} of {:.1f} GFLOP/s), peak memory {}, loss {:.4f}\n",
        spec.preset, flags.model.compute, static_cast<double>(result.n_parameters) / 1e6,
        spec.n_sequences, spec.n_tokens, result.tokens_per_s, result.step_s, 100 * mfu,
        flops_per_s / 1e9, limits.peak(spec.compute) / 1e9, human_bytes(rss), result.loss);
    return {};
  }
  const ordered_json report = {{"preset", spec.preset},
                               {"compute", flags.model.compute},
                               {"threads", num_threads()},
                               {"parameters", result.n_parameters},
                               {"batch", spec.n_sequences},
                               {"seq", spec.n_tokens},
                               {"steps", spec.n_steps},
                               {"tokens_per_s", result.tokens_per_s},
                               {"step_s", result.step_s},
                               {"flops_per_token", result.flops_per_token},
                               {"mfu", mfu},
                               {"peak_flops_per_s_f32", limits.peak_f32},
                               {"peak_flops_per_s_bf16", limits.peak_bf16},
                               {"peak_rss_bytes", rss},
                               {"loss", result.loss}};
  fmt::print("{}\n", report.dump());
  return {};
}

void add_train_flags(CLI::App& sub, BenchFlags& flags) {
  auto* train =
      sub.add_flag("--train", flags.train,
                   "Measure training instead: forward, backward and AdamW on random tokens");
  TrainBenchSpec& spec = flags.train_spec;
  constexpr int64_t kOne = 1, kMany = int64_t{1} << 20;
  add_choice(sub, "--preset", spec.preset, {"nano", "small"}, "Shape of the model (default: small)")
      ->needs(train);
  add_number(sub, "--steps", spec.n_steps, kOne, kMany, "N",
             "Steps measured, after one that is not (default: 5)")
      ->needs(train);
  add_number(sub, "--batch", spec.n_sequences, kOne, kMany, "N", "Sequences of a step (default: 8)")
      ->needs(train);
  add_number(sub, "--seq", spec.n_tokens, kOne, kMany, "N", "Tokens of a sequence (default: 512)")
      ->needs(train);
}

}  // namespace

std::function<int()> add_bench(CLI::App& sub) {
  auto flags = std::make_shared<BenchFlags>();
  add_model_flags(sub, flags->model);
  sub.get_option("--model")->description(
      fmt::format("{}, or a config.json, of which a model of random weights is made (default: {})",
                  kModelHelp, kDefaultModel));
  constexpr int64_t kZero = 0, kMany = int64_t{1} << 24;
  BenchSpec& spec = flags->spec;
  add_number(sub, "-p,--prompt", spec.n_prompt, kZero, kMany, "N",
             "Tokens to prefill; 0: none (default: 512)");
  add_number(sub, "-n,--decode", spec.n_decode, kZero, kMany, "N",
             "Tokens to decode one by one; 0: none (default: 128)");
  sub.add_option("-d,--depth", spec.depths, "Tokens in the cache before (default: 0)")
      ->delimiter(',')
      ->check(CLI::Range(kZero, kMany).description(""))
      ->type_name("N,N");
  add_number(sub, "-r,--repeats", spec.n_repeats, 1, 1000, "N",
             "Repeats, of which the median is told (default: 5)");
  sub.add_flag("--json", flags->json, "One JSON object");
  add_train_flags(sub, *flags);
  return [flags] {
    const Status status = flags->train ? run_train(*flags) : run_model(*flags);
    return status.ok() ? 0 : fail(status);
  };
}

}  // namespace fathom
