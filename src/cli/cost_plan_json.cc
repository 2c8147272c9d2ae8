// fathom cost plan as one JSON object; the schema is in docs/cost.md.
#include <nlohmann/json.hpp>

#include "cli/cost_plan.h"
#include "cost/cost_json.h"

namespace fathom {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const ParameterCount& n) {
  return {{"total", n.total}, {"active", n.active}, {"mtp", n.mtp}};
}

Json json_of(const TrainingFlops& t) {
  Json j = {{"definition", name_of(t.definition)}, {"context_length", t.context_length}};
  j.update(flops_json(t.parts));
  j["model"] = t.model;
  j["recompute"] = t.recompute;
  j["hardware"] = t.hardware();
  j["six_n"] = t.six_n;
  return j;
}

Json json_of(const std::optional<DatedPrice>& p) {
  if (!p) return nullptr;
  return {{"usd", range_json(p->usd)},
          {"date", p->date.empty() ? Json(nullptr) : Json(p->date)},
          {"source", p->source}};
}

Json json_of(const Machine& m) {
  Json j = {{"name", m.name},
            {"device", m.device.empty() ? Json(nullptr) : Json(m.device)},
            {"devices", m.devices},
            {"devices_per_node", m.devices_per_node}};
  j["peak_flops_per_s"] = Json::object();
  for (const auto& [precision, peak] : m.peak_flops) j["peak_flops_per_s"][precision] = peak;
  const auto known = [](double x) { return x > 0 ? Json(x) : Json(nullptr); };
  j["memory_bytes"] = known(m.memory_bytes);
  j["memory_bytes_per_s"] = known(m.memory_bytes_per_s);
  j["intra_node_bytes_per_s"] = known(m.intra_node_bytes_per_s);
  j["inter_node_bytes_per_s"] = known(m.inter_node_bytes_per_s);
  j["rental"] = json_of(m.rental);
  j["capex"] = json_of(m.capex);
  j["electricity"] = json_of(m.electricity);
  return j;
}

void add_cost(Json& j, const RunCost& c) {
  j["device_hours"] = c.device_hours.mid;
  j["device_hours_range"] = range_json(c.device_hours);
  j["usd"] = range_json(c.usd);
  j["usd_basis"] = c.basis.empty() ? Json(nullptr) : Json(c.basis);
  j["usd_by_basis"] = {{"rental", range_json(c.rental_usd)},
                       {"straight_line", range_json(c.owned_usd)},
                       {"energy", range_json(c.energy_usd)}};
  j["kwh"] = range_json(c.kwh);
}

Json json_of(const StepTimes& s) {
  return {{"seconds", s.total},
          {"compute", s.compute},
          {"network", s.traffic},
          {"bubble", s.bubble},
          {"gradients", s.gradients},
          {"optimizer", s.optimizer},
          {"bubble_share", s.bubble_share}};
}

Json json_of(const PhasePlan& p) {
  Json j = {{"name", p.name},
            {"tokens", p.tokens > 0 ? Json(p.tokens) : Json(nullptr)},
            {"context_length", p.flops.context_length},
            {"flops_per_token", p.flops.model},
            {"time_from", p.time_from},
            {"seconds", range_json(p.seconds)},
            {"device_hours", p.device_hours.mid},
            {"device_hours_range", range_json(p.device_hours)}};
  j["tokens_per_s"] = p.tokens > 0 ? range_json(p.tokens_per_s) : Json(nullptr);
  j["step_seconds"] = range_json(p.step_seconds);
  j["flops_per_s_per_device"] = range_json(p.flops_per_s);
  j["mfu"] = range_json(p.mfu);
  return j;
}

Json json_of(const Parallelism& p, const TrainingPlan& t) {
  return {{"dp", p.dp},
          {"ep", p.ep},
          {"pp", p.pp},
          {"tp", p.tp},
          {"zero", p.zero},
          {"schedule", name_of(t.schedule)},
          {"batch_sequences", t.batch_sequences},
          {"micro_batches", t.micro_batches},
          {"bubble_share", t.bubble_share}};
}

void add_training(Json& j, const TrainingPlan& t) {
  const DeviceMemory& m = t.memory;
  j["precision"] = t.precision;
  j["layout"] = json_of(t.parallelism, t);
  j["memory_bytes_per_device"] = {
      {"weights", m.weights}, {"gradients", m.gradients},     {"masters", m.masters},
      {"moments", m.moments}, {"activations", m.activations}, {"logits", m.logits},
      {"total", m.total()}};
  j["fits"] = t.fits ? Json(*t.fits) : Json(nullptr);
  const MoeTraffic& x = t.traffic;
  j["moe_bytes_per_token"] = {
      {"nodes_reached", x.nodes_reached},        {"devices_reached", x.devices_reached},
      {"inter_node_dispatch", x.inter_dispatch}, {"inter_node_combine", x.inter_combine},
      {"intra_node_dispatch", x.intra_dispatch}, {"intra_node_combine", x.intra_combine}};
  j["roofline_step"] = nullptr;
  if (t.fast) j["roofline_step"] = {{"fast", json_of(*t.fast)}, {"slow", json_of(*t.slow)}};
  for (const PhasePlan& p : t.phases) j["phases"].push_back(json_of(p));
  j["tokens"] = t.tokens;
  j["training_flop"] = t.total_flop;
  add_cost(j, t.cost);
}

Json json_of(const PassTimes& t) {
  return {
      {"compute_seconds", t.compute}, {"memory_seconds", t.memory}, {"network_seconds", t.network}};
}

void add_inference(Json& j, const CostPlan& p) {
  const InferencePlan& i = *p.inference;
  j["format"] = p.inference_input.format;
  j["batch"] = p.inference_input.batch;
  j["context_length"] = p.inference_input.context_length;
  j["cache_hit"] = p.inference_input.cache_hit;
  j["tp"] = i.tp;
  j["weight_bytes"] = i.weights.total();
  j["weight_bytes_per_device"] = i.device_weight_bytes;
  j["kv_bytes_per_token"] = i.kv_bytes_per_token;
  j["kv_bytes_per_sequence"] = i.bytes_per_sequence;
  j["cache_room_bytes"] = i.cache_room ? Json(*i.cache_room) : Json(nullptr);
  j["max_sequences"] = i.max_sequences ? Json(*i.max_sequences) : Json(nullptr);
  j["least_devices"] = i.least_devices > 0 ? Json(i.least_devices) : Json(nullptr);
  j["prefill_flops_per_token"] = i.prefill_flops.total;
  j["decode_flops_per_token"] = i.decode_flops.total;
  j["prefill"] = i.from_roofline ? json_of(i.prefill) : Json(nullptr);
  j["decode"] = i.from_roofline ? json_of(i.decode) : Json(nullptr);
  j["input_tokens_per_s"] = range_json(i.input_tokens_per_s);
  j["output_tokens_per_s"] = range_json(i.output_tokens_per_s);
  j["usd_per_hour"] = range_json(i.usd_per_hour);
  j["usd_basis"] = i.basis.empty() ? Json(nullptr) : Json(i.basis);
  j["usd_per_mtok_in"] = range_json(i.usd_per_mtok_in);
  j["usd_per_mtok_in_miss"] = range_json(i.usd_per_mtok_in_miss);
  j["usd_per_mtok_out"] = range_json(i.usd_per_mtok_out);
  j["machines"] = range_json(i.machines);
  j["usd_per_day"] = range_json(i.usd_per_day);
}

void add_rl(Json& j, const RlPlan& r) {
  j["steps"] = r.steps;
  j["outputs_per_step"] = r.outputs_per_step;
  j["tokens_per_step"] = range_json(r.tokens_per_step);
  j["rollout_devices"] = r.rollout_devices;
  for (const RlPart& x : r.parts) {
    j["parts"].push_back({{"name", x.name},
                          {"flop_per_step", x.flop},
                          {"seconds_per_step", range_json(x.seconds)},
                          {"device_hours", x.device_hours.mid},
                          {"device_hours_range", range_json(x.device_hours)}});
  }
  j["seconds_per_step"] = range_json(r.seconds_per_step);
  j["waiting_share"] = range_json(r.waiting_share);
  add_cost(j, r.cost);
}

}  // namespace

Json cost_plan_json(const CostPlan& p) {
  Json j = {{"model", p.model},
            {"mode", p.inference ? "inference"
                     : p.rl      ? "rl"
                                 : "training"},
            {"parameters", json_of(count_parameters(p.config))},
            {"flops_per_token", p.rl ? p.rl->flops_per_token : p.flops.model},
            {"flops", json_of(p.flops)},
            {"kv_bytes_per_token", cache_bytes_per_token(p.config)},
            {"machine", p.machine ? json_of(*p.machine) : Json(nullptr)}};
  if (p.training) add_training(j, *p.training);
  if (p.inference) add_inference(j, p);
  if (p.rl) add_rl(j, *p.rl);
  return j;
}

}  // namespace fathom
