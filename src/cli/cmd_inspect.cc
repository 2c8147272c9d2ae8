// fathom inspect: what a checkpoint or a bare config.json is, before anything runs: its layers, its
// numbers, its bytes.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "checkpoint/checkpoint.h"
#include "checkpoint/synthetic.h"
#include "cli/command.h"
#include "cli/model_path.h"
#include "cost/cost_json.h"
#include "cost/flops.h"
#include "engine/engine.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct InspectFlags {
  std::string model;
  int64_t context = 0;  // 0: 4096, or what the model takes if less
  bool json = false, check = false;
};

/// Layers [first, first + count) of one kind.
struct LayerRun {
  int64_t first = 0, count = 0;
  LayerSpec spec;
  int64_t parameters = 0, active = 0;  // of all of them
};

struct TensorBytes {
  int64_t tensors = 0, bytes = 0;
};

struct TokenizerFacts {
  std::string error;  // why it cannot be read
  int64_t vocab_size = 0;
  std::string chat_template;  // empty: none; "unknown": none that fathom knows
};

struct Facts {
  std::string path;
  ModelConfig config;
  bool bare = false;  // a config without files: bytes are those that its checkpoint would have
  std::vector<LayerRun> runs;
  ParameterCount parameters;
  int64_t context = 0;  // of flops
  FlopsPerToken flops;
  int64_t bytes_on_disk = 0, bytes_in_memory = 0;
  std::map<std::string, TensorBytes> dtypes;
  std::optional<TokenizerFacts> tokenizer;
  std::vector<std::string> notes;
  bool checked = false;
};

std::vector<LayerRun> layer_runs(const ModelConfig& c) {
  std::vector<LayerRun> runs;
  std::vector<LayerRun> single;
  for (const LayerSpec& spec : c.layers()) {
    single.push_back({static_cast<int64_t>(single.size()), 1, spec});
  }
  for (const ParameterSpec& p : parameters(c)) {
    if (p.layer < 0 || p.mtp_copy) continue;
    LayerRun& layer = single[p.layer];
    layer.parameters += p.size();
    // One expert stands for num_experts_per_tok of n_routed_experts; whole tensors, so sums of the
    // chosen ones are exact.
    if (!p.routed_expert) layer.active += p.size();
  }
  for (LayerRun& layer : single) {
    if (layer.spec.ffn == FfnKind::kMoe) {
      layer.active += 3 * c.num_experts_per_tok * c.moe_intermediate_size * c.hidden_size;
    }
    if (!runs.empty() && runs.back().spec == layer.spec) {
      ++runs.back().count;
      runs.back().parameters += layer.parameters;
      runs.back().active += layer.active;
    } else {
      runs.push_back(layer);
    }
  }
  return runs;
}

void add_bytes(Facts& f, DType dtype, int64_t n_bytes) {
  TensorBytes& t = f.dtypes[std::string(dtype_name(dtype))];
  ++t.tensors;
  t.bytes += n_bytes;
}

int64_t scale_bytes(const Weight& w) {
  if (w.scale_inv == nullptr) return 0;
  const int64_t rows = (w.rows + w.block_rows - 1) / w.block_rows;
  return rows * ((w.cols + w.block_cols - 1) / w.block_cols) * dtype_bytes(w.scale_dtype);
}

void read_tokenizer(Facts& f, const fs::path& directory) {
  if (!fs::exists(directory / "tokenizer.json")) return;
  TokenizerFacts& facts = f.tokenizer.emplace();
  const auto tokenizer = Tokenizer::open(directory);
  if (!tokenizer.ok()) {
    facts.error = tokenizer.message();
    return;
  }
  facts.vocab_size = tokenizer.value()->vocab_size();
  if (facts.vocab_size > f.config.vocab_size) {
    f.notes.push_back(fmt::format("tokenizer.json: ids below vocab_size {} wanted, up to {} found",
                                  f.config.vocab_size, facts.vocab_size - 1));
  }
  const std::string& text = tokenizer.value()->chat_template();
  if (text.empty()) return;
  const auto known = ChatTemplate::for_text(text);
  facts.chat_template = known.ok() ? std::string(known.value().name()) : "unknown";
}

Status read_files(Facts& f, const fs::path& path, bool check) {
  FATHOM_ASSIGN_OR_RETURN(const auto checkpoint, open_checkpoint(path));
  f.config = checkpoint->config();
  f.notes = checkpoint->notes();
  f.bytes_on_disk = checkpoint->bytes_on_disk();
  for (const std::string& name : checkpoint->names()) {
    const auto weight = checkpoint->weight(name);
    if (!weight.ok()) continue;  // no vector or matrix: nothing that the model reads
    const Weight& w = weight.value();
    add_bytes(f, w.dtype, w.size() * dtype_bytes(w.dtype));
    if (w.scale_inv != nullptr) add_bytes(f, w.scale_dtype, scale_bytes(w));
  }
  for (const ParameterSpec& p : parameters(f.config)) {
    if (p.mtp_copy) continue;  // the main model's tensors serve
    FATHOM_ASSIGN_OR_RETURN(const Weight w, checkpoint->weight(p.name));
    f.bytes_in_memory += w.size() * dtype_bytes(w.dtype) + scale_bytes(w);
  }
  read_tokenizer(f, path);
  if (check) FATHOM_RETURN_IF_ERROR(check_finite(*checkpoint));
  f.checked = check;
  return {};
}

Status read_bare_config(Facts& f, const fs::path& path) {
  FATHOM_ASSIGN_OR_RETURN(f.config, read_model_config(path));
  f.bare = true;
  for (const TensorToWrite& t : checkpoint_layout(f.config, stored_dtype(f.config))) {
    add_bytes(f, t.dtype, t.n_bytes());
    f.bytes_on_disk += t.n_bytes();
    f.bytes_in_memory += t.n_bytes();
  }
  for (const ParameterSpec& p : parameters(f.config)) {
    if (p.mtp_copy) f.bytes_in_memory -= p.size() * (stored_dtype(f.config) == DType::kF32 ? 4 : 2);
  }
  return {};
}

Result<Facts> gather(const InspectFlags& flags) {
  Facts f;
  FATHOM_ASSIGN_OR_RETURN(fs::path path, find_model(flags.model));
  const bool bare = path.extension() == ".json" && fs::is_regular_file(path);
  if (!bare) {
    FATHOM_ASSIGN_OR_RETURN(path, find_checkpoint(path));
  }
  f.path = path.string();
  FATHOM_RETURN_IF_ERROR(bare ? read_bare_config(f, path) : read_files(f, path, flags.check));
  f.runs = layer_runs(f.config);
  f.parameters = count_parameters(f.config);
  f.context =
      flags.context > 0 ? flags.context : std::min<int64_t>(4096, f.config.max_position_embeddings);
  f.flops = forward_flops(f.config, f.context);
  return f;
}

std::string attention_text(const ModelConfig& c, const LayerSpec& spec) {
  if (spec.attention == AttentionKind::kGqa) {
    return fmt::format("GQA {} heads on {}, {} wide{}", c.num_attention_heads,
                       c.num_key_value_heads, c.head_dim, c.qk_norm ? ", normed" : "");
  }
  const std::string q = c.q_lora_rank > 0 ? fmt::format("q {}, ", c.q_lora_rank) : "";
  return fmt::format("MLA {} heads, {}kv {} + {}", c.num_attention_heads, q, c.kv_lora_rank,
                     c.qk_rope_head_dim);
}

std::string ffn_text(const ModelConfig& c, const LayerSpec& spec) {
  if (spec.ffn == FfnKind::kDense) return fmt::format("dense {}", c.intermediate_size);
  const std::string shared =
      c.n_shared_experts > 0 ? fmt::format(" + {} shared", c.n_shared_experts) : "";
  return fmt::format("MoE {} of {}{}, {} wide", c.num_experts_per_tok, c.n_routed_experts, shared,
                     c.moe_intermediate_size);
}

std::string router_text(const ModelConfig& c) {
  const char* method = c.topk_method == TopkMethod::kNoauxTc  ? "noaux_tc"
                       : c.topk_method == TopkMethod::kGreedy ? "greedy"
                                                              : "group_limited_greedy";
  std::string text = fmt::format(
      "{}, {}", c.scoring_func == ScoringFunc::kSigmoid ? "sigmoid" : "softmax", method);
  if (c.n_group > 1) text += fmt::format(", {} of {} groups", c.topk_group, c.n_group);
  if (c.norm_topk_prob) text += ", weights normalised";
  return text + fmt::format(", scaled by {}", c.routed_scaling_factor);
}

std::string rope_text(const ModelConfig& c) {
  const RopeConfig& r = c.rope;
  std::string text = fmt::format("theta {}", r.rope_theta);
  if (r.scaling == RopeScaling::kNone) return text;
  const char* kind = r.scaling == RopeScaling::kYarn     ? "YaRN"
                     : r.scaling == RopeScaling::kLlama3 ? "llama3"
                                                         : "linear";
  text += fmt::format(", {} x{}", kind, r.factor);
  if (r.original_max_position_embeddings > 0)
    text += fmt::format(" beyond {}", r.original_max_position_embeddings);
  return text;
}

/// 671026419200 → "671.0 B" with steps k, M, B, T; four significant digits.
std::string scaled(double x, const char* const (&steps)[6]) {
  int i = 0;
  while (x >= 999.95 && i < 5) {
    x /= 1000;
    ++i;
  }
  return i == 0 ? fmt::format("{:.0f} {}", x, steps[0]) : fmt::format("{:.1f} {}", x, steps[i]);
}

std::string count_text(int64_t n) {
  std::string text = scaled(static_cast<double>(n), {"", "k", "M", "B", "T", "Q"});
  if (text.ends_with(' ')) text.pop_back();
  return text;
}
std::string bytes_text(int64_t n) {
  return scaled(static_cast<double>(n), {"B", "kB", "MB", "GB", "TB", "PB"});
}
std::string flop_text(double n) {
  return scaled(n, {"FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP"});
}

/// 70272 → "70,272".
std::string grouped(int64_t n) {
  std::string text = std::to_string(n);
  for (auto i = static_cast<int64_t>(text.size()) - 3; i > 0; i -= 3) text.insert(i, ",");
  return text;
}

std::string range_text(const LayerRun& r) {
  return r.count == 1 ? std::to_string(r.first)
                      : fmt::format("{}-{}", r.first, r.first + r.count - 1);
}

void print_schedule(const Facts& f) {
  std::vector<std::array<std::string, 5>> rows = {
      {"layers", "attention", "feed-forward", "parameters", "active"}};
  for (const LayerRun& r : f.runs) {
    rows.push_back({range_text(r) + (r.spec.mtp ? " mtp" : ""), attention_text(f.config, r.spec),
                    ffn_text(f.config, r.spec), count_text(r.parameters), count_text(r.active)});
  }
  std::array<size_t, 5> width{};
  for (const auto& row : rows) {
    for (size_t i = 0; i < 5; ++i) width[i] = std::max(width[i], row[i].size());
  }
  for (const auto& row : rows) {
    fmt::print("  {:<{}}  {:<{}}  {:<{}}  {:>{}}  {:>{}}\n", row[0], width[0], row[1], width[1],
               row[2], width[2], row[3], width[3], row[4], width[4]);
  }
}

void line(const char* name, const std::string& text) { fmt::print("{:<14}{}\n", name, text); }

void print_bytes(const Facts& f) {
  std::string text;
  for (const auto& [dtype, t] : f.dtypes) {
    text += fmt::format("{}{} {} in {} tensors", text.empty() ? "" : " · ", dtype,
                        bytes_text(t.bytes), t.tensors);
  }
  line("weights", text);
  line("bytes",
       fmt::format("{} on disk{}, {} in memory", bytes_text(f.bytes_on_disk),
                   f.bare ? " (as its checkpoint would be)" : "", bytes_text(f.bytes_in_memory)));
}

void print_tokenizer(const Facts& f) {
  if (f.bare) return;
  if (!f.tokenizer) return line("tokenizer", "none (token ids still give logits)");
  if (!f.tokenizer->error.empty()) return line("tokenizer", f.tokenizer->error);
  line("tokenizer", fmt::format("{} tokens", grouped(f.tokenizer->vocab_size)));
  const std::string& name = f.tokenizer->chat_template;
  line("chat template", name.empty()        ? "none"
                        : name == "unknown" ? "none that fathom knows"
                                            : name);
}

void print_text(const Facts& f) {
  const ModelConfig& c = f.config;
  line("model", fmt::format("{} · {} layers · hidden {} · vocabulary {} · context {}", c.model_type,
                            c.num_hidden_layers, c.hidden_size, grouped(c.vocab_size),
                            grouped(c.max_position_embeddings)));
  print_schedule(f);
  if (c.n_routed_experts > 0) line("router", router_text(c));
  line("rope", rope_text(c));
  const std::string mtp =
      f.parameters.mtp > 0 ? fmt::format(", {} more in MTP", count_text(f.parameters.mtp)) : "";
  line("parameters", fmt::format("{} total, {} active{}", count_text(f.parameters.total),
                                 count_text(f.parameters.active), mtp));
  print_bytes(f);
  line("cache",
       fmt::format("{} bytes a token ({} numbers x {} layers, bf16)",
                   grouped(cache_bytes_per_token(c)), c.cache_entry_dim(), c.num_hidden_layers));
  line("forward", fmt::format("{} a token over {} tokens ({:.0f}% attention core, {:.0f}% head)",
                              flop_text(f.flops.total), grouped(f.context),
                              100 * f.flops.attention_core / f.flops.total,
                              100 * f.flops.head / f.flops.total));
  print_tokenizer(f);
  if (f.checked) line("check", "every value is finite");
  for (const std::string& note : f.notes) line("note", note);
}

Json tokenizer_json(const TokenizerFacts& t) {
  if (!t.error.empty()) return {{"error", t.error}};
  return {{"vocab_size", t.vocab_size},
          {"chat_template", t.chat_template.empty() ? Json(nullptr) : Json(t.chat_template)}};
}

void print_json(const Facts& f) {
  Json j = {{"path", f.path}, {"model_type", f.config.model_type}};
  for (const LayerRun& r : f.runs) {
    j["layers"].push_back({{"first", r.first},
                           {"count", r.count},
                           {"attention", r.spec.attention == AttentionKind::kMla ? "mla" : "gqa"},
                           {"ffn", r.spec.ffn == FfnKind::kMoe ? "moe" : "dense"},
                           {"mtp", r.spec.mtp},
                           {"parameters", r.parameters},
                           {"active_parameters", r.active}});
  }
  j["parameters"] = {
      {"total", f.parameters.total}, {"active", f.parameters.active}, {"mtp", f.parameters.mtp}};
  j["bytes_on_disk"] = f.bytes_on_disk;
  j["bytes_in_memory"] = f.bytes_in_memory;
  for (const auto& [dtype, t] : f.dtypes)
    j["dtypes"][dtype] = {{"tensors", t.tensors}, {"bytes", t.bytes}};
  j["cache_bytes_per_token"] = cache_bytes_per_token(f.config);
  j["flops_per_token"] = {{"context_length", f.context}, {"total", f.flops.total}};
  j["flops_per_token"].update(flops_json(f.flops));
  j["tokenizer"] = f.tokenizer ? tokenizer_json(*f.tokenizer) : Json(nullptr);
  j["checked"] = f.checked;
  j["notes"] = f.notes;
  j["config"] = Json::parse(write_model_config(f.config));
  fmt::print("{}\n", j.dump(2));
}

}  // namespace

std::function<int()> add_inspect(CLI::App& sub) {
  auto flags = std::make_shared<InspectFlags>();
  sub.add_option("model", flags->model, std::string(kModelHelp) + ", or a bare config.json");
  sub.add_option(
         "-c,--context", flags->context,
         "Sequence length of the FLOPs; by default 4096, or what the model takes if that is less")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  sub.add_flag("--check", flags->check, "Read every weight and look for NaN and infinity");
  sub.add_flag("--json", flags->json, "One JSON object instead of text");
  return [flags] {
    const auto facts = gather(*flags);
    if (!facts.ok()) return fail(facts.status());
    flags->json ? print_json(facts.value()) : print_text(facts.value());
    return 0;
  };
}

}  // namespace fathom
