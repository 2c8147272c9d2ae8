// Looking things up in the catalogue, and dates. Reading it: catalogue_read.cc.
#include "cost/catalogue.h"

#include <fmt/format.h>

#include <algorithm>

#include "cost/near.h"

namespace fathom {
namespace {

struct BasisRow {
  Basis basis;
  const char *name, *meaning;
};
constexpr BasisRow kBases[] = {
    {Basis::kPhysical, "physical", "hours, tokens or FLOP; no money"},
    {Basis::kRental, "rental", "device-hours x a rental price"},
    {Basis::kAmortised, "amortised", "owned hardware: its loss of value while it ran, and energy"},
    {Basis::kStraightLine, "straight-line", "owned hardware: its price over its life and use"},
    {Basis::kCloud, "cloud", "device-hours x a cloud provider's price"},
    {Basis::kAcquisition, "acquisition", "buying the cluster that it ran on"},
    {Basis::kStatement, "statement", "somebody's word; what it contains was not given"},
    {Basis::kAllInRd, "all-in-rd", "with experiments and failed runs"},
    {Basis::kStaff, "staff", "the people"},
    {Basis::kCompanyHardware, "company-hardware", "all hardware of the company"},
    {Basis::kUnknown, "unknown", "not told"},
};

/// "Claude 3.5 Sonnet" is claude-3.5-sonnet.
std::string slug(std::string_view name) {
  std::string s;
  for (char c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    s += c == ' ' || c == '_' ? '-' : c;
  }
  return s;
}

template <typename T>
Result<const T*> find(const std::vector<T>& all, std::string_view name, const char* kind) {
  const std::string wanted = slug(name);
  std::vector<std::string> names;
  for (const T& x : all) {
    if (slug(x.name) == wanted) return &x;
    names.push_back(x.name);
    for (const std::string& alias : x.aliases) {
      if (slug(alias) == wanted) return &x;
    }
  }
  const std::string near = meant(wanted, names);
  return Status::error(fmt::format("{}: the catalogue has no such {}{}", name, kind, near));
}

int number(std::string_view text) {
  int n = 0;
  for (const char c : text) n = 10 * n + (c - '0');
  return n;
}

int days_in(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

double year_of(std::string_view date) {
  const int year = number(date.substr(0, 4)), month = number(date.substr(5, 2));
  const double days = days_in(year, month);
  const double day = date.size() > 7 ? number(date.substr(8, 2)) - 0.5 : days / 2;
  return year + (month - 1 + day / days) / 12;
}

}  // namespace

std::string_view basis_name(Basis basis) { return kBases[static_cast<size_t>(basis)].name; }
std::string_view basis_meaning(Basis basis) { return kBases[static_cast<size_t>(basis)].meaning; }

const std::vector<ClaimKind>& claim_kinds() {
  static const std::vector<ClaimKind> kinds = {
      {"device_hours", Quantity::kDeviceHours, "device-hours"},
      {"device_hours_per_trillion_tokens", Quantity::kDeviceHours,
       "device-hours per trillion tokens"},
      {"devices", Quantity::kCount, "devices"},
      {"duration", Quantity::kSeconds, "duration"},
      {"tokens", Quantity::kTokens, "tokens"},
      {"tokens_per_s", Quantity::kTokensPerS, "tokens a second, all devices"},
      {"flops_per_token", Quantity::kFlopsPerToken, "FLOPs per token"},
      {"training_flop", Quantity::kFlops, "FLOPs of the training"},
      {"throughput", Quantity::kFlopsPerS, "FLOP/s a device"},
      {"mfu", Quantity::kFraction, "MFU"},
      {"rate", Quantity::kUsdPerHour, "price of a device-hour"},
      {"usd", Quantity::kUsd, "money"},
      {"energy", Quantity::kJoules, "energy"},
      {"rd_share", Quantity::kFraction, "share of the final run in R&D compute"},
  };
  return kinds;
}

const std::vector<std::string>& claim_phases() {
  static const std::vector<std::string> phases = {
      "pretraining", "context-extension", "post-training", "sft-data", "sft", "rl", "all"};
  return phases;
}

bool is_iso_date(std::string_view text) {
  if (text.size() != 7 && text.size() != 10) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 4 || i == 7;
    if (dash ? text[i] != '-' : text[i] < '0' || text[i] > '9') return false;
  }
  const int year = number(text.substr(0, 4)), month = number(text.substr(5, 2));
  if (year < 1900 || year > 2200 || month < 1 || month > 12) return false;
  if (text.size() == 7) return true;
  const int day = number(text.substr(8, 2));
  return day >= 1 && day <= days_in(year, month);
}

double years_between(std::string_view from, std::string_view to) {
  FATHOM_CHECK(is_iso_date(from) && is_iso_date(to));
  return year_of(to) - year_of(from);
}

Result<const CatalogueModel*> Catalogue::model(std::string_view name) const {
  return find(models, name, "model");
}
Result<const Device*> Catalogue::device(std::string_view name) const {
  return find(devices, name, "device");
}

std::vector<const Claim*> Catalogue::claims_of(std::string_view model,
                                               std::string_view what) const {
  std::vector<const Claim*> found;
  for (const Claim& c : claims) {
    if (c.model == model && (what.empty() || c.what == what)) found.push_back(&c);
  }
  return found;
}

std::vector<const Price*> Catalogue::prices_of(std::string_view what,
                                               std::string_view device) const {
  std::vector<const Price*> found;
  for (const Price& p : prices) {
    if (p.what == what && (device.empty() || p.device == device)) found.push_back(&p);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Price* a, const Price* b) { return a->from.date < b->from.date; });
  return found;
}

Result<ModelConfig> Catalogue::config_of(const CatalogueModel& model) const {
  if (model.config.empty())
    return Status::error(fmt::format("{}: no config.json of it is published", model.name));
  return read_model_config(directory / "configs" / model.config);
}

}  // namespace fathom
