// fathom cost plan: what a model costs to train, to run and to teach, before anything runs. Here
// are the flags; what they mean is computed in src/cost/.
#include <fmt/format.h>
#include <unistd.h>

#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "cli/catalogue_path.h"
#include "cli/cost_commands.h"
#include "cli/cost_plan.h"
#include "cli/machine_limits.h"
#include "cli/model_path.h"
#include "cost/parse_range.h"
#include "engine/engine.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

/// As typed; empty: not given.
struct PlanFlags {
  std::string model, machine, device, rate, precision;
  int64_t devices = 0;
  bool inference = false, rl = false, json = false;
  std::string context, batch, efficiency, mfu;
  // training
  std::string tokens, throughput, hours, parallel, state, effective_time;
  std::vector<std::string> phases;
  int64_t micro_batch = 1;
  std::string schedule = "1f1b", recompute = "none";
  bool non_causal = false;
  // inference
  std::string format = "bf16", cache_format = "bf16", cache_hit, prompt, mtp_acceptance,
              memory_share;
  std::string input_throughput, output_throughput, input_per_day, output_per_day;
  int64_t tp = 0;
  // reinforcement learning
  int64_t steps = 1, prompts = 32, group = 16, steps_per_round = 1, inner_epochs = 1;
  int64_t rollout_devices = 0;
  std::string output, longest, idle;
  bool no_old_logp = false, no_ref_logp = false;
};

Result<ModelConfig> config_at(const fs::path& found) {
  if (found.extension() == ".json" && fs::is_regular_file(found)) return read_model_config(found);
  FATHOM_ASSIGN_OR_RETURN(const fs::path path, find_checkpoint(found));
  if (fs::is_regular_file(path / "config.json")) return read_model_config(path / "config.json");
  FATHOM_ASSIGN_OR_RETURN(const auto checkpoint, open_checkpoint(path));
  return checkpoint->config();
}

/// A path, a shipped model, or a published config of the catalogue; tokens: as published, or 0.
Status find_config(CostPlan& plan, double& tokens, const PlanFlags& flags) {
  plan.model = flags.model;
  const auto path = find_model(flags.model);
  if (path.ok()) {
    FATHOM_ASSIGN_OR_RETURN(plan.config, config_at(path.value()));
    return {};
  }
  if (flags.model.find('/') != std::string::npos) return path.status();
  FATHOM_ASSIGN_OR_RETURN(const Catalogue catalogue, open_catalogue());
  FATHOM_ASSIGN_OR_RETURN(const CatalogueModel* model, catalogue.model(flags.model));
  FATHOM_ASSIGN_OR_RETURN(plan.config, catalogue.config_of(*model));
  plan.model = model->title;
  tokens = model->tokens.value_or(0);
  return {};
}

/// This machine, as fathom bench measures it: its processor as one device.
Machine this_machine() {
  MachineLimits limits;
  measure_peaks(limits);
  measure_bandwidth(limits);
  Machine m;
  m.name = "this machine, measured now";
  m.devices_per_node = 1;
  m.peak_flops["f32"] = limits.peak_f32;
  if (limits.peak_bf16 > 0) m.peak_flops["bf16"] = limits.peak_bf16;
  m.memory_bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  m.memory_bytes_per_s = limits.bandwidth();
  return m;
}

Result<Machine> named_machine(const PlanFlags& flags) {
  Machine m;
  if (flags.machine == "this") {
    m = this_machine();
  } else if (!flags.machine.empty()) {
    FATHOM_ASSIGN_OR_RETURN(m, read_machine(flags.machine));
  }
  if (!flags.device.empty()) m.device = flags.device;
  if (flags.devices > 0) m.devices = flags.devices;
  if (m.device.empty()) return m;
  FATHOM_ASSIGN_OR_RETURN(const Catalogue catalogue, open_catalogue());
  FATHOM_ASSIGN_OR_RETURN(const Device* device, catalogue.device(m.device));
  fill_from_device(m, *device);
  if (!flags.machine.empty()) return m;
  if (flags.rate.empty()) m.rental = newest_price(catalogue, "rental", device->name);
  m.electricity = newest_price(catalogue, "electricity", {});
  return m;
}

/// These set `value` where the flag was given.
Status read_range(Range& value, const std::string& text, Quantity q, const char* flag) {
  if (text.empty()) return {};
  FATHOM_ASSIGN_OR_RETURN(value, parse_range(text, q, flag));
  return check_positive(value, q, text, flag);
}
Status read_range(std::optional<Range>& value, const std::string& text, Quantity q,
                  const char* flag) {
  return text.empty() ? Status() : read_range(value.emplace(), text, q, flag);
}
Status read_tokens(double& value, const std::string& text, const char* flag) {
  if (text.empty()) return {};
  FATHOM_ASSIGN_OR_RETURN(value, parse_tokens(text, flag));
  return {};
}
/// Small enough that no product of lengths and batches leaves int64.
Status read_tokens(int64_t& value, const std::string& text, const char* flag) {
  if (text.empty()) return {};
  FATHOM_ASSIGN_OR_RETURN(const double n, parse_tokens(text, flag, 1e11));
  value = static_cast<int64_t>(n);
  return {};
}
Status read_share(double& value, const std::string& text, const char* flag) {
  if (text.empty()) return {};
  FATHOM_ASSIGN_OR_RETURN(value, parse_quantity(text, Quantity::kFraction, flag));
  if (value <= 1) return {};
  return Status::error(fmt::format("{}: 0% to 100% wanted, \"{}\" found", flag, text));
}

Status find_machine(CostPlan& plan, const PlanFlags& flags) {
  if (flags.machine.empty() && flags.device.empty()) {
    if (flags.rate.empty() && flags.devices == 0) return {};
    return Status::error("--machine or --device wanted with --rate and --devices, neither found");
  }
  FATHOM_ASSIGN_OR_RETURN(plan.machine, named_machine(flags));
  std::optional<Range> rate;
  FATHOM_RETURN_IF_ERROR(read_range(rate, flags.rate, Quantity::kUsdPerHour, "--rate"));
  if (rate) plan.machine->rental = DatedPrice{*rate, "", "--rate"};
  return {};
}

/// The one of `values` that name_of calls `text`.
template <typename Enum>
Result<Enum> read_name(const std::string& text, const char* flag,
                       std::initializer_list<Enum> values) {
  std::string known;
  for (const Enum value : values) {
    if (name_of(value) == text) return value;
    known += (known.empty() ? "" : ", ") + std::string(name_of(value));
  }
  return Status::error(fmt::format("{}: one of {} wanted, \"{}\" found", flag, known, text));
}

Status read_phases(TrainingInput& in, const PlanFlags& flags, double published_tokens) {
  for (const std::string& text : flags.phases) {
    FATHOM_ASSIGN_OR_RETURN(TrainingPhase phase, parse_phase(text, "--phase"));
    in.phases.push_back(std::move(phase));
  }
  const bool one = !flags.tokens.empty() || !flags.hours.empty() || in.phases.empty();
  if (one) in.phases.insert(in.phases.begin(), TrainingPhase{});
  if (one) {
    TrainingPhase& phase = in.phases.front();
    phase.tokens = flags.hours.empty() ? published_tokens > 0 ? published_tokens : 1e9 : 0;
    FATHOM_RETURN_IF_ERROR(read_tokens(phase.tokens, flags.tokens, "--tokens"));
    FATHOM_RETURN_IF_ERROR(
        read_range(phase.device_hours, flags.hours, Quantity::kDeviceHours, "--hours"));
  }
  for (TrainingPhase& phase : in.phases) {  // what a phase says itself wins
    if (phase.device_hours || phase.tokens_per_s || phase.mfu) continue;
    FATHOM_RETURN_IF_ERROR(
        read_range(phase.tokens_per_s, flags.throughput, Quantity::kTokensPerS, "--throughput"));
    FATHOM_RETURN_IF_ERROR(read_range(phase.mfu, flags.mfu, Quantity::kFraction, "--mfu"));
  }
  return {};
}

Status read_training(TrainingInput& in, const PlanFlags& flags, double published_tokens) {
  in.precision = flags.precision;
  in.definition = flags.non_causal ? FlopsDefinition::kNonCausal : FlopsDefinition::kCausal;
  FATHOM_ASSIGN_OR_RETURN(in.recompute,
                          read_name(flags.recompute, "--recompute",
                                    {Recompute::kNone, Recompute::kSelective, Recompute::kFull}));
  FATHOM_ASSIGN_OR_RETURN(in.schedule, read_name(flags.schedule, "--schedule",
                                                 {PipelineSchedule::k1F1B, PipelineSchedule::kZb1p,
                                                  PipelineSchedule::kDualPipe}));
  in.micro_batch = flags.micro_batch;
  FATHOM_RETURN_IF_ERROR(read_tokens(in.context_length, flags.context, "--context"));
  FATHOM_RETURN_IF_ERROR(read_tokens(in.batch_sequences, flags.batch, "--batch"));
  FATHOM_ASSIGN_OR_RETURN(in.parallelism, parse_parallelism(flags.parallel, "--parallel"));
  FATHOM_ASSIGN_OR_RETURN(in.state, parse_state_bytes(flags.state, "--state"));
  FATHOM_RETURN_IF_ERROR(
      read_range(in.efficiency, flags.efficiency, Quantity::kFraction, "--efficiency"));
  FATHOM_RETURN_IF_ERROR(
      read_range(in.effective_time, flags.effective_time, Quantity::kFraction, "--effective-time"));
  return read_phases(in, flags, published_tokens);
}

Status read_inference(InferenceInput& in, const PlanFlags& flags) {
  in.format = flags.format;
  in.precision = flags.precision;
  in.cache_format = flags.cache_format;
  in.tp = flags.tp;
  FATHOM_RETURN_IF_ERROR(read_tokens(in.batch, flags.batch, "--batch"));
  FATHOM_RETURN_IF_ERROR(read_tokens(in.context_length, flags.context, "--context"));
  FATHOM_RETURN_IF_ERROR(read_tokens(in.prompt_length, flags.prompt, "--prompt"));
  FATHOM_RETURN_IF_ERROR(read_share(in.cache_hit, flags.cache_hit, "--cache-hit"));
  FATHOM_RETURN_IF_ERROR(read_share(in.mtp_acceptance, flags.mtp_acceptance, "--mtp-acceptance"));
  FATHOM_RETURN_IF_ERROR(read_share(in.memory_share, flags.memory_share, "--memory-share"));
  FATHOM_RETURN_IF_ERROR(
      read_range(in.efficiency, flags.efficiency, Quantity::kFraction, "--efficiency"));
  FATHOM_RETURN_IF_ERROR(read_range(in.input_tokens_per_s, flags.input_throughput,
                                    Quantity::kTokensPerS, "--input-throughput"));
  FATHOM_RETURN_IF_ERROR(read_range(in.output_tokens_per_s, flags.output_throughput,
                                    Quantity::kTokensPerS, "--output-throughput"));
  FATHOM_RETURN_IF_ERROR(
      read_tokens(in.input_tokens_per_day, flags.input_per_day, "--input-per-day"));
  return read_tokens(in.output_tokens_per_day, flags.output_per_day, "--output-per-day");
}

Status read_output_length(RlInput& in, const PlanFlags& flags) {
  if (flags.output.empty()) return {};
  const auto tokens = parse_range(flags.output, Quantity::kTokens, "--output");
  const auto bare = parse_range(flags.output, Quantity::kCount, "--output");
  FATHOM_ASSIGN_OR_RETURN(in.output_length, bare.ok() ? bare : tokens);
  return check_positive(in.output_length, Quantity::kTokens, flags.output, "--output");
}

Status read_rl(RlInput& in, const PlanFlags& flags) {
  in.steps = flags.steps, in.prompts = flags.prompts, in.group = flags.group;
  in.steps_per_round = flags.steps_per_round, in.inner_epochs = flags.inner_epochs;
  in.rollout_devices = flags.rollout_devices;
  in.logp_old = !flags.no_old_logp, in.logp_ref = !flags.no_ref_logp;
  FATHOM_RETURN_IF_ERROR(read_inference(in.rollout, flags));
  in.rollout.cache_hit = 0;
  if (flags.batch.empty()) in.rollout.batch = 0;
  in.rollout.precision.clear();
  in.precision = flags.precision;
  FATHOM_RETURN_IF_ERROR(read_tokens(in.prompt_length, flags.prompt, "--prompt"));
  FATHOM_RETURN_IF_ERROR(read_tokens(in.longest_output, flags.longest, "--longest"));
  FATHOM_RETURN_IF_ERROR(read_output_length(in, flags));
  FATHOM_RETURN_IF_ERROR(read_range(in.mfu, flags.mfu, Quantity::kFraction, "--mfu"));
  if (flags.idle.empty()) return {};
  FATHOM_ASSIGN_OR_RETURN(in.other_idle, parse_range(flags.idle, Quantity::kFraction, "--idle"));
  return {};
}

Status compute(CostPlan& plan, const PlanFlags& flags) {
  const TrainingInput& training = plan.training_input;
  plan.flops =
      training_flops(plan.config, training.context_length, training.definition, training.recompute);
  if (!plan.machine) return {};
  if (flags.inference) {
    FATHOM_ASSIGN_OR_RETURN(plan.inference,
                            plan_inference(plan.config, *plan.machine, plan.inference_input));
  } else if (flags.rl) {
    FATHOM_ASSIGN_OR_RETURN(plan.rl, plan_rl(plan.config, *plan.machine, plan.rl_input));
  } else {
    FATHOM_ASSIGN_OR_RETURN(plan.training, plan_training(plan.config, *plan.machine, training));
  }
  return {};
}

Result<CostPlan> make_plan(const PlanFlags& flags) {
  CostPlan plan;
  double published_tokens = 0;
  FATHOM_RETURN_IF_ERROR(find_config(plan, published_tokens, flags));
  FATHOM_RETURN_IF_ERROR(find_machine(plan, flags));
  FATHOM_RETURN_IF_ERROR(read_training(plan.training_input, flags, published_tokens));
  FATHOM_RETURN_IF_ERROR(read_inference(plan.inference_input, flags));
  FATHOM_RETURN_IF_ERROR(read_rl(plan.rl_input, flags));
  FATHOM_RETURN_IF_ERROR(compute(plan, flags));
  return plan;
}

/// Adds flags to one group of the help, which stays within 80 columns.
class Group {
 public:
  Group(CLI::App& sub, const char* name) : sub_(sub), name_(name) {}
  void text(const char* flag, std::string& value, const char* help) {
    sub_.add_option(flag, value, help)->type_name("TEXT")->group(name_);
  }
  void count(const char* flag, int64_t& value, const char* help) {
    sub_.add_option(flag, value, help)
        ->check(CLI::Range(int64_t{1}, int64_t{1} << 24).description(""))
        ->type_name("N")
        ->group(name_);
  }
  void flag(const char* flag, bool& value, const char* help) {
    sub_.add_flag(flag, value, help)->group(name_);
  }

 private:
  CLI::App& sub_;
  const char* name_;
};

void add_machine_flags(CLI::App& sub, PlanFlags& f) {
  Group g(sub, "What it runs on");
  g.text("--machine", f.machine, "Its TOML (docs/cost.md), or \"this\": measured now");
  g.text("--device", f.device, "A device of the catalogue: h800");
  g.count("--devices", f.devices, "How many of it");
  g.text("--rate", f.rate, "Rental of a device: '$2/h', '$1.8/h..$2.5/h'");
  g.text("--precision", f.precision, "Of the matrix products: bf16, fp8, f32");
  g.text("--efficiency", f.efficiency, "Share of its limits that work reaches: 40%..70%");
}

void add_training_flags(CLI::App& sub, PlanFlags& f) {
  Group g(sub, "Training (the default)");
  g.text("--tokens", f.tokens, "14.8T; else the catalogue's, else 1B");
  g.text("--mfu", f.mfu, "Time from an MFU: 35%..45% of the peak");
  g.text("--throughput", f.throughput, "Time from '272.8B tokens/day' of all devices");
  g.text("--hours", f.hours, "Time as known, in device-hours: '2.664M h'");
  sub.add_option("--phase", f.phases, "'NAME: key=value, ...', again for each")
      ->type_name("TEXT")
      ->expected(1)
      ->take_all()
      ->group("Training (the default)");
  g.text("--context", f.context, "Tokens of a sequence (4096)");
  g.text("--batch", f.batch, "Sequences of a step (4 a stage and micro-batch)");
  g.count("--micro-batch", f.micro_batch, "Sequences of one pass (1)");
  g.text("--parallel", f.parallel, "pp=16,ep=64,tp=1,zero=1; dp is what is left");
  g.text("--schedule", f.schedule, "Of the pipeline: 1f1b, zb1p, dualpipe");
  g.text("--recompute", f.recompute, "none, selective (V3's), full");
  g.flag("--non-causal", f.non_causal, "FLOPs as if every position attended to all");
  g.text("--state", f.state, "weights=bf16,gradients=f32,moments=bf16,...");
  g.text("--effective-time", f.effective_time, "Share of time not lost to failures (100%)");
}

void add_inference_flags(CLI::App& sub, PlanFlags& f) {
  Group g(sub, "Inference (with --batch sequences at once, --context entries attended to)");
  g.flag("--inference", f.inference, "What fits, tokens/s, $ per million tokens");
  g.text("--format", f.format, "Of weights: bf16, fp8, q8_0, q6_k ... q2_k");
  g.text("--cache-format", f.cache_format, "bf16, or fp8 as FlashMLA keeps it");
  g.text("--prompt", f.prompt, "Tokens of a prompt (the context)");
  g.text("--cache-hit", f.cache_hit, "Share of input tokens found in the cache: 56%");
  g.text("--mtp-acceptance", f.mtp_acceptance, "Draft with MTP; accepted share: 85%");
  g.count("--tp", f.tp, "Devices that share what is no expert's");
  g.text("--memory-share", f.memory_share, "Of memory, for weights and cache (90%)");
  g.text("--input-throughput", f.input_throughput, "Known: '73.7K tokens/s', hits included");
  g.text("--output-throughput", f.output_throughput, "Known: '14.8K tokens/s'");
  g.text("--input-per-day", f.input_per_day, "Traffic to serve, input tokens: 608B");
  g.text("--output-per-day", f.output_per_day, "Traffic to serve, output tokens: 168B");
}

void add_rl_flags(CLI::App& sub, PlanFlags& f) {
  Group g(sub, "Reinforcement learning (GRPO; --mfu is that of the update)");
  g.flag("--rl", f.rl, "Rollouts, log-probabilities, update, waiting");
  g.count("--steps", f.steps, "Updates of the policy (1)");
  g.count("--prompts", f.prompts, "Prompts of a step (32)");
  g.count("--group", f.group, "Rollouts of a prompt (16)");
  g.count("--steps-per-round", f.steps_per_round, "Steps that a round of rollouts feeds (1)");
  g.count("--inner-epochs", f.inner_epochs, "Times that an output is trained on (1)");
  g.text("--output", f.output, "Tokens of an output, the mean: 4K..12K (1000)");
  g.text("--longest", f.longest, "Of a round's longest output (3 x the mean)");
  g.count("--rollout-devices", f.rollout_devices, "Of one engine (the fewest nodes that do)");
  g.text("--idle", f.idle, "Share of time lost otherwise: 5%..20%");
  g.flag("--no-old-logp", f.no_old_logp, "Old log-probabilities come with the rollouts");
  g.flag("--no-ref-logp", f.no_ref_logp, "No reference model");
}

}  // namespace

std::function<int()> add_cost_plan(CLI::App& sub) {
  auto flags = std::make_shared<PlanFlags>();
  sub.add_option("model", flags->model, "A config.json, a directory, or a model's name")
      ->required();
  sub.add_flag("--json", flags->json, "One JSON object instead of text");
  add_machine_flags(sub, *flags);
  add_training_flags(sub, *flags);
  add_inference_flags(sub, *flags);
  add_rl_flags(sub, *flags);
  sub.footer(
      "keys of a phase: tokens, context, hours (device-hours), hours-per-T (for each\n"
      "trillion tokens), devices and duration, throughput, mfu\n\n"
      "  fathom cost plan deepseek-v3 --device h800 --devices 2048 --mfu 35%..45% \\\n"
      "    --rate '$2/h' --tokens 14.8T --phase 'post-training: hours=5K h'\n"
      "  fathom cost plan deepseek-v3 --inference --format fp8 --batch 64 \\\n"
      "    --device h200 --devices 8 --cache-hit 56%\n"
      "  fathom cost plan models/base --machine this --tokens 6M --context 512");
  return [flags] {
    if (flags->inference && flags->rl) {
      fmt::print(stderr, "fathom: one of --inference and --rl wanted, both found\n");
      return 2;
    }
    const auto plan = make_plan(*flags);
    if (!plan.ok()) return fail(plan.status());
    if (flags->json) {
      fmt::print("{}\n", cost_plan_json(plan.value()).dump(2));
    } else {
      print_cost_plan(plan.value());
    }
    return 0;
  };
}

}  // namespace fathom
