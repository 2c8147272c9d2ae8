#include "cost/cost_json.h"

namespace fathom {

using Json = nlohmann::ordered_json;

namespace {

Json stated_json(const std::vector<StatedCost>& all) {
  Json j = Json::array();
  for (const StatedCost& s : all) {
    j.push_back({{"usd", range_json(s.usd)},
                 {"basis", basis_name(s.basis)},
                 {"whose", s.whose},
                 {"source", s.source},
                 {"date", s.date},
                 {"note", s.note}});
  }
  return j;
}

Json rung_json(const Rung& r) {
  return {{"id", r.id},
          {"name", r.name},
          {"usd", range_json(r.usd)},
          {"basis", basis_name(r.basis)},
          {"source", r.source},
          {"date", r.date},
          {"how", r.how},
          {"beside", r.beside},
          {"stated_only", r.stated_only},
          {"stated", stated_json(r.stated)}};
}

Json figure_json(const BasisFigure& f) {
  return {{"basis", basis_name(f.basis)}, {"usd", range_json(f.usd)}, {"whose", f.whose},
          {"source", f.source},           {"date", f.date},           {"how", f.how},
          {"computed", f.computed}};
}

Json factor_json(const Factor& f) {
  return {{"per_year", range_json(f.per_year)}, {"source", f.source}, {"date", f.date}};
}

Json point_json(const TrendPoint& p) {
  return {{"name", p.name},
          {"date", to_string(p.month)},
          {"usd", range_json(p.usd)},
          {"basis", p.basis},
          {"source", p.source}};
}

Json budget_json(const BudgetReached& b) {
  return {{"usd", b.usd},
          {"earliest", to_string(b.earliest)},
          {"mid", to_string(b.mid)},
          {"latest", b.latest ? Json(to_string(*b.latest)) : Json(nullptr)},
          {"at_once", b.at_once}};
}

}  // namespace

Json flops_json(const FlopsPerToken& f) {
  return {{"attention_core", f.attention_core},
          {"attention_projections", f.attention_projections},
          {"routed_experts", f.routed_experts},
          {"shared_experts", f.shared_experts},
          {"dense_ffn", f.dense_ffn},
          {"router", f.router},
          {"head", f.head},
          {"mtp", f.mtp}};
}

Json range_json(const std::optional<Range>& r) {
  return r ? Json{{"low", r->low}, {"mid", r->mid}, {"high", r->high}} : Json(nullptr);
}

Json audit_json(const Audit& a) {
  const auto number = [](const std::optional<double>& x) { return x ? Json(*x) : Json(nullptr); };
  Json j = {{"model", a.model},
            {"title", a.title},
            {"flops_per_token", number(a.flops_per_token)},
            {"device_hours", number(a.device_hours)},
            {"usd", range_json(a.usd)},
            {"headline", a.headline.empty() ? Json(nullptr) : Json(a.headline)},
            {"verdicts", Json::array()},
            {"mfu", Json::array()},
            {"leaves_out", a.leaves_out},
            {"at_basis", Json::array()},
            {"beside", a.beside}};
  for (const Verdict& v : a.verdicts)
    j["verdicts"].push_back(
        {{"claim", v.claim}, {"holds", v.holds}, {"factor", number(v.factor)}, {"why", v.why}});
  for (const Mfu& m : a.mfu) j["mfu"].push_back({{"definition", m.definition}, {"value", m.value}});
  for (const AtBasis& b : a.at_basis)
    j["at_basis"].push_back({{"basis", basis_name(b.basis)},
                             {"model", b.model},
                             {"usd", range_json(b.usd)},
                             {"whose", b.whose},
                             {"date", b.date},
                             {"computed", b.computed}});
  return j;
}

Json ladder_json(const Ladder& ladder) {
  Json j = {{"model", ladder.run},
            {"rungs", Json::array()},
            {"borrowed", Json::array()},
            {"cluster_shares", Json::array()}};
  for (const Rung& r : ladder.rungs) j["rungs"].push_back(rung_json(r));
  for (const BorrowedCompute& b : ladder.borrowed) {
    j["borrowed"].push_back({{"what", b.what},
                             {"usd", range_json(b.usd)},
                             {"basis", basis_name(b.basis)},
                             {"source", b.source},
                             {"date", b.date},
                             {"note", b.note}});
  }
  for (const ClusterShare& s : ladder.cluster_shares)
    j["cluster_shares"].push_back(
        {{"run", s.run}, {"fraction", s.fraction}, {"usd", range_json(s.usd)}});
  j["unplaced"] = stated_json(ladder.unplaced);
  j["energy_kwh"] = range_json(ladder.energy_kwh);
  return j;
}

Json compare_json(const CostComparison& c) {
  Json j = {{"basis", basis_name(c.basis)},
            {"why", c.why},
            {"models", Json::array()},
            {"notes", c.notes}};
  for (const ComparedModel& m : c.models) {
    Json figures = Json::array();
    for (const BasisFigure& f : m.figures) figures.push_back(figure_json(f));
    j["models"].push_back({{"name", m.name},
                           {"title", m.title},
                           {"date", m.date},
                           {"usd", range_json(m.usd)},
                           {"basis", m.usd ? basis_name(c.basis) : "unknown"},
                           {"ratio", range_json(m.ratio)},
                           {"missing", m.missing},
                           {"figures", std::move(figures)}});
  }
  return j;
}

Json trend_json(const Trend& t) {
  Json j = {{"capability", point_json(t.in.capability)},
            {"frontier", t.in.frontier ? point_json(*t.in.frontier) : Json(nullptr)}};
  const TrendFactors& f = t.in.factors;
  j["factors"] = {{"algorithmic", f.combined ? Json(nullptr) : factor_json(f.algorithmic)},
                  {"hardware", f.combined ? Json(nullptr) : factor_json(f.hardware)},
                  {"cost", f.combined ? factor_json(*f.combined)
                                      : Json{{"per_year", range_json(t.factor)},
                                             {"source", "algorithmic x hardware"},
                                             {"date", f.algorithmic.date}}},
                  {"spending", factor_json(f.spending)}};
  j["points"] = Json::array();
  for (const TrendRow& r : t.rows)
    j["points"].push_back({{"date", to_string(r.month)},
                           {"usd", range_json(r.usd)},
                           {"frontier_usd", range_json(r.frontier_usd)}});
  j["models"] = Json::array();
  for (const TrendPoint& p : t.in.others) j["models"].push_back(point_json(p));
  j["budget"] = t.budget ? budget_json(*t.budget) : Json(nullptr);
  return j;
}

}  // namespace fathom
