// See run_config.h: the list of keys, and what must hold between them.
#include "train/run_config.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "train/run_fields.h"

namespace fathom {

void describe_optimizer(RunFields& f, AdamWOptions& o) {
  f.choice_of("optimizer", o.kind, {"adamw", "muon"});
  f.real("muon_momentum", o.muon_momentum, {0, 0.999999});
  f.real("beta1", o.beta1, {0, 0.999999});
  f.real("beta2", o.beta2, {0, 0.999999});
  f.real("eps", o.eps, {1e-30, 1});
  f.real("weight_decay", o.weight_decay, {0, 10});
  f.real("clip", o.clip_max_norm, {0, 1e9});
  f.choice_of("moments", o.moments, {"f32", "bf16"});
}
namespace {

constexpr int64_t kMany = int64_t{1} << 53;  // what a double still counts

void describe_train(RunFields& f, RunConfig::TrainSection& t) {
  f.section("train");
  f.integer("steps", t.steps, {0, kMany});
  f.integer("tokens", t.tokens, {0, kMany});
  f.real("epochs", t.epochs, {0, 1e6});
  f.curve("batch_size", t.batch_size, {1, 1 << 24});
  f.integer("micro_batch_size", t.micro_batch_size, {1, 1 << 20});
  f.curve("lr", t.lr, {0, 10});
  describe_optimizer(f, t.adamw);
  f.choice_of("compute", t.compute, {"bf16", "f32"});
  f.flag("fp8", t.fp8);
  f.flag("recompute", t.recompute);
  f.curve("mtp_lambda", t.mtp_lambda, {0, 100});
  f.real("balance_alpha", t.balance_alpha, {0, 100});
  f.curve("bias_gamma", t.bias_gamma, {0, 10});
  f.flag("bias_recentre", t.bias_recentre);
  f.real("ema_decay", t.adamw.ema_decay, {0, 0.9999999});
  f.integer("seed", t.seed, {0, kMany});
  f.integer("threads", t.threads, {0, 4096});
}

Status wanted(const std::string& where, const char* what) {
  return Status::error(fmt::format("{}: {}, not found", where, what));
}

Status check_batch(const Curve& curve, int64_t micro, const std::string& where) {
  for (const Phase& phase : curve) {
    for (double value : {phase.value, phase.from.value_or(phase.value)}) {
      if (std::fmod(value, static_cast<double>(micro)) == 0) continue;
      return Status::error(fmt::format(
          "{}: train.batch_size: whole multiples of train.micro_batch_size ({}) wanted, {} found",
          where, micro, value));
    }
  }
  return {};
}

Status check(const RunConfig& c, const std::string& where) {
  if (c.tokenizer.path.empty()) return wanted(where, "tokenizer.path wanted");
  if (c.data.options.sources.empty()) return wanted(where, "data.sources wanted");
  if (c.data.seq_len == 0) return wanted(where, "data.seq_len wanted");
  if (c.train.batch_size.empty()) return wanted(where, "train.batch_size wanted");
  if (c.train.lr.empty()) return wanted(where, "train.lr wanted");
  const int n_lengths = (c.train.steps > 0) + (c.train.tokens > 0) + (c.train.epochs > 0);
  if (n_lengths != 1) {
    return Status::error(
        fmt::format("{}: one of train.steps, train.tokens and train.epochs wanted, {} found", where,
                    n_lengths == 0 ? "none" : "several"));
  }
  const Curve& batch = c.train.batch_size;
  if (c.train.epochs > 0 && (batch.size() > 1 || batch[0].shape != PhaseShape::kConstant)) {
    return Status::error(fmt::format(
        "{}: train.batch_size: a number wanted where train.epochs is given, phases found", where));
  }
  const bool has_config = !c.model.config.empty() || !c.model.keys.empty();
  if (c.model.init_from.empty() && !has_config) {
    return wanted(where,
                  "model.config, model.init_from or keys of a config.json in [model] wanted");
  }
  if (!c.model.init_from.empty() && has_config) {
    return Status::error(fmt::format(
        "{}: model.init_from brings its own config: it alone wanted in [model], {} found as well",
        where, c.model.config.empty() ? "other keys" : "model.config"));
  }
  return check_batch(c.train.batch_size, c.train.micro_batch_size, where);
}

void describe_run_config(RunFields& f, RunConfig& c) {
  f.section("model");
  f.path("config", c.model.config);
  f.path("init_from", c.model.init_from);
  f.real("embedding_scale", c.model.embedding_scale, {0, 1e6});
  f.real("residual_scale", c.model.residual_scale, {0, 1e6});
  f.model_keys(c.model.keys);

  f.section("tokenizer");
  f.path("path", c.tokenizer.path);

  f.section("data");
  DataOptions& data = c.data.options;
  f.sources("sources", data.sources);
  f.sources("validation", data.validation);
  f.real("validation_fraction", data.validation_fraction, {0, 0.9});
  f.integer("seq_len", c.data.seq_len, {2, 1 << 24});
  f.real("fim_rate", data.fim_rate, {0, 1});
  f.flag("document_mask", c.data.document_mask);
  f.choice_of("too_long", c.data.too_long, {"refuse", "leave_out"});
  int64_t seed = static_cast<int64_t>(data.seed);
  f.integer("seed", seed, {0, kMany});
  data.seed = static_cast<uint64_t>(seed);
  f.path("cache", c.data.cache);

  describe_train(f, c.train);

  f.section("eval");
  f.integer("every", c.eval.every, {0, kMany});
  f.integer("max_tokens", c.eval.max_tokens, {0, kMany});

  f.section("checkpoint");
  f.integer("every", c.checkpoint.every, {0, kMany});
  f.real("minutes", c.checkpoint.minutes, {0, 1e6});
  f.integer("keep", c.checkpoint.keep, {1, 1000000});

  f.section("log");
  f.integer("every", c.log.every, {1, kMany});
  f.real("peak_flops", c.log.peak_flops, {0, 1e21});

  f.section("ledger");
  f.real("watts", c.ledger.watts, {0, 1e9});

  f.section("guard");
  f.flag("nan", c.guard.nan);
  f.real("spike_factor", c.guard.spike_factor, {0, 1e9});
  f.integer("spike_after", c.guard.spike_after, {1, kMany});
}

}  // namespace

ScheduleOptions RunConfig::schedule() const {
  ScheduleOptions options;
  options.total = train.steps > 0 ? Length{LengthUnit::kSteps, static_cast<double>(train.steps)}
                                  : Length{LengthUnit::kTokens, static_cast<double>(train.tokens)};
  options.seq_len = data.seq_len;
  options.micro_batch_size = train.micro_batch_size;
  options.batch_size = train.batch_size;
  options.lr = train.lr;
  options.mtp_lambda = train.mtp_lambda;
  options.bias_gamma = train.bias_gamma;
  return options;
}

Result<RunConfig> parse_run_config(std::string_view text, const std::string& where,
                                   const std::filesystem::path& base,
                                   const std::vector<std::string>& overrides) {
  RunConfig config;
  FATHOM_RETURN_IF_ERROR(read_run_fields(text, where, base, overrides, [&](RunFields& fields) {
    describe_run_config(fields, config);
  }));
  if (config.tokenizer.path.empty()) config.tokenizer.path = config.model.init_from;
  FATHOM_RETURN_IF_ERROR(check(config, where));
  return config;
}

Result<RunConfig> read_run_config(const std::filesystem::path& path,
                                  const std::vector<std::string>& overrides) {
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  std::error_code error;
  const auto base = std::filesystem::absolute(path, error).parent_path();
  return parse_run_config(text, path.string(), base, overrides);
}

std::string write_run_config(const RunConfig& config) {
  RunConfig copy = config;
  return write_run_fields([&](RunFields& fields) { describe_run_config(fields, copy); });
}

Result<ModelConfig> resolve_model_config(const RunConfig& config, const std::string& where) {
  using nlohmann::json;
  FATHOM_CHECK(config.model.init_from.empty());
  const json keys = config.model.keys.empty() ? json::object() : json::parse(config.model.keys);
  if (keys.empty()) return read_model_config(config.model.config);
  json whole = json::object();
  std::string origin = where + ": [model]";
  if (!config.model.config.empty()) {
    FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(config.model.config));
    whole = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!whole.is_object()) {
      return Status::error(fmt::format("{}: a JSON object wanted, another text found",
                                       config.model.config.string()));
    }
    origin = fmt::format("{} with the keys of [model] in {}", config.model.config.string(), where);
  }
  whole.update(keys);
  FATHOM_ASSIGN_OR_RETURN(
      ModelConfig model,
      parse_model_config(whole.dump(-1, ' ', false, json::error_handler_t::replace), origin));
  const json known = json::parse(write_model_config(model));
  for (const auto& [key, value] : keys.items()) {
    if (!known.contains(key)) {
      return Status::error(
          fmt::format("{}: model.{}: a key of a {} model wanted, an unknown one found", where, key,
                      model.model_type));
    }
  }
  return model;
}

}  // namespace fathom
