#include "cost/parallelism.h"

#include <fmt/format.h>

#include <charconv>

#include "cost/key_values.h"

namespace fathom {
namespace {

Status set_key(Parallelism& p, std::string_view key, std::string_view value,
               const std::string& where) {
  const struct {
    std::string_view name;
    int64_t* field;
    int64_t least, most;
  } keys[] = {{"dp", &p.dp, 1, int64_t{1} << 30},
              {"ep", &p.ep, 1, int64_t{1} << 30},
              {"pp", &p.pp, 1, int64_t{1} << 30},
              {"tp", &p.tp, 1, int64_t{1} << 30},
              {"zero", &p.zero, 0, 3}};
  for (const auto& k : keys) {
    if (key != k.name) continue;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), *k.field);
    if (error == std::errc() && end == value.data() + value.size() && *k.field >= k.least &&
        *k.field <= k.most) {
      return {};
    }
    return Status::error(fmt::format("{}: {}: a whole number from {} to {} wanted, \"{}\" found",
                                     where, key, k.least, k.most, value));
  }
  return Status::error(fmt::format("{}: dp, ep, pp, tp or zero wanted, \"{}\" found", where, key));
}

}  // namespace

Result<Parallelism> parse_parallelism(std::string_view text, const std::string& where) {
  Parallelism p;
  FATHOM_ASSIGN_OR_RETURN(const auto pairs, parse_key_values(text, where));
  for (const auto& [key, value] : pairs) {
    FATHOM_RETURN_IF_ERROR(set_key(p, key, value, where));
  }
  return p;
}

namespace {

Status check_model(const Parallelism& p, const ModelConfig& c, PipelineSchedule schedule) {
  if (p.ep > 1 && c.n_routed_experts == 0) {
    return Status::error(
        fmt::format("parallel: ep=1 wanted for a model without experts, ep={} found", p.ep));
  }
  if (c.n_routed_experts > 0 && c.n_routed_experts % p.ep != 0) {
    return Status::error(
        fmt::format("parallel: ep that divides n_routed_experts {} wanted, ep={} found",
                    c.n_routed_experts, p.ep));
  }
  const int64_t layers = c.num_hidden_layers + c.num_nextn_predict_layers;
  if (p.pp > layers)
    return Status::error(
        fmt::format("parallel: pp of at most {} layers wanted, pp={} found", layers, p.pp));
  if (c.num_attention_heads % p.tp != 0) {
    return Status::error(
        fmt::format("parallel: tp that divides num_attention_heads {} wanted, tp={} found",
                    c.num_attention_heads, p.tp));
  }
  if (schedule == PipelineSchedule::kDualPipe && p.pp % 2 != 0) {
    return Status::error(
        fmt::format("parallel: an even pp wanted for the schedule dualpipe, pp={} found", p.pp));
  }
  return {};
}

}  // namespace

Result<Parallelism> resolve(Parallelism p, int64_t devices, const ModelConfig& config,
                            PipelineSchedule schedule) {
  if (devices % (p.pp * p.tp) != 0 || (p.dp != 0 && p.dp * p.pp * p.tp != devices)) {
    const std::string dp = p.dp == 0 ? "" : fmt::format("dp={} x ", p.dp);
    return Status::error(fmt::format("parallel: {}pp={} x tp={} that {} {} devices wanted", dp,
                                     p.pp, p.tp, p.dp == 0 ? "divides" : "makes", devices));
  }
  p.dp = devices / (p.pp * p.tp);
  if (p.dp % p.ep != 0) {
    return Status::error(
        fmt::format("parallel: ep that divides dp={} wanted, ep={} found", p.dp, p.ep));
  }
  FATHOM_RETURN_IF_ERROR(check_model(p, config, schedule));
  return p;
}

std::string to_text(const Parallelism& p) {
  std::string text = fmt::format("dp {}", p.dp);
  if (p.ep > 1) text += fmt::format(" · ep {}", p.ep);
  if (p.pp > 1) text += fmt::format(" · pp {}", p.pp);
  if (p.tp > 1) text += fmt::format(" · tp {}", p.tp);
  return p.dp > 1 ? text + fmt::format(" · ZeRO-{}", p.zero) : text;
}

}  // namespace fathom
