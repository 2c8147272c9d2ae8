// The catalogue: what has been said of models' cost, by whom, when and on which basis; devices;
// prices by month. Data files under data/catalogue/ (TOML), read whole and checked here: an entry
// without source, date or basis is refused, as is an unknown key, unit, model or device. Nothing
// here judges a claim: that is audit.h.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/model_config.h"
#include "cost/range.h"
#include "cost/units.h"

namespace fathom {

/// What a figure counts. Two figures of different basis are never compared without saying so.
enum class Basis {
  kPhysical,      // hours, tokens, FLOP: no money
  kRental,        // device-hours x a rental price
  kAmortised,     // owned hardware: loss of value while it ran, and energy (Cottier et al.,
                  // arXiv:2405.21015)
  kStraightLine,  // owned hardware: price / life, with the share of time in use
  kCloud,         // device-hours x a cloud provider's price
  kAcquisition,   // buying the cluster that it ran on
  kStatement,     // somebody said so; what it contains was not given
  kAllInRd,       // with experiments and failed runs
  kStaff,
  kCompanyHardware,  // all that the company owns
  kUnknown,
};
/// "rental", "straight-line", …: as the files have it.
std::string_view basis_name(Basis basis);
/// What the basis means, for people: "device-hours x a rental price".
std::string_view basis_meaning(Basis basis);

/// Who says it, where and when.
struct Provenance {
  std::string whose, source;
  std::string date;  // ISO: 2024-12-27, or 2024-12
  bool primary =
      true;  // false: read in a secondary place or known from memory; then `note` says so
  std::string note;
  std::string where;  // file:line of the entry
};

struct Claim {
  std::string model, what;  // model's name; what: a row of claim_kinds()
  std::string phase;        // pretraining, context-extension, post-training, sft-data, rl, all
  Quantity quantity = Quantity::kCount;
  Range value;
  bool at_least = false;  // a lower bound (">$100M")
  std::string device;     // a device's name, or empty
  Basis basis = Basis::kUnknown;
  /// What it includes of other models' cost is told by `includes`: R1's 147K h contain R1-Zero's.
  std::vector<std::string> includes;
  Provenance from;
};
struct ClaimKind {
  const char* what;
  Quantity quantity;
  const char* title;
};
/// device_hours, usd, training_flop, tokens, flops_per_token, mfu, throughput, …
const std::vector<ClaimKind>& claim_kinds();
/// pretraining, context-extension, post-training, sft-data, sft, rl, all.
const std::vector<std::string>& claim_phases();

/// Not model/model.h's Model, which computes.
struct CatalogueModel {
  std::string name, title, org;
  std::vector<std::string> aliases;
  std::string config;  // file under configs/, or empty
  std::string base;    // the model that it was trained on top of, or empty
  std::string peer;  // a model of like quality that somebody (peer_from) compares it with, or empty
  std::string peer_date;  // when the peer was trained
  std::string precision;  // of the training's matrix products: bf16, fp8, or empty
  std::optional<double> parameters_total, parameters_active, tokens, flops_per_token, training_flop;
  int64_t context_length = 0;  // of the (main) pretraining; 0: not published
  Provenance from;             // date: the model's publication
  Provenance peer_from;
};

struct Device {
  std::string name, title, chip, form_factor;
  std::string released;  // ISO date, or empty: when it could first be had
  std::vector<std::string> aliases;
  std::map<std::string, double> peak;  // dense FLOP/s by precision: bf16, fp8, int8, f32, …
  std::optional<double> memory_bytes, memory_bytes_per_s;
  std::optional<double>
      link_bytes_per_s;  // to devices of the same server, both directions together
  std::optional<double>
      network_bytes_per_s;  // to other servers, one direction, its share of the server's
  std::optional<double> tdp_w, server_w;  // server_w: the server's power, a device's share
  Provenance from;
};

struct Price {
  std::string what;    // purchase, rental, electricity, depreciation
  std::string device;  // purchase and rental
  std::string place;   // whose list: a provider, a country; or empty
  bool cloud = false;  // a rental price that is a cloud provider's list price: basis "cloud"
  Quantity quantity = Quantity::kUsd;
  Range value;
  Provenance from;  // date: the month for which it holds
};

/// "$5.6M against $100M": two figures that somebody put side by side.
struct Comparison {
  std::string model, against;  // names
  std::string what = "usd";
  Range value, against_value;
  Provenance from;
};

struct Catalogue {
  std::filesystem::path directory;
  std::vector<CatalogueModel> models;
  std::vector<Claim> claims;
  std::vector<Device> devices;
  std::vector<Price> prices;
  std::vector<Comparison> comparisons;

  /// By name or alias; case, spaces and underscores do not matter. Error: names the nearest ones.
  Result<const CatalogueModel*> model(std::string_view name) const;
  Result<const Device*> device(std::string_view name) const;
  /// All of the model's, or those of one kind, in the order of the files.
  std::vector<const Claim*> claims_of(std::string_view model, std::string_view what = {}) const;
  /// Of one kind and device (empty: any), by month.
  std::vector<const Price*> prices_of(std::string_view what, std::string_view device = {}) const;
  /// The model's published config.json. Error: it has none, or it cannot be read.
  Result<ModelConfig> config_of(const CatalogueModel& model) const;
};

/// Reads models/*.toml, devices.toml and prices.toml of `directory`. Error: the first entry that is
/// not as wanted, with file and line.
Result<Catalogue> load_catalogue(const std::filesystem::path& directory);
/// Adds the entries of one file's text. `where` names it. What the entries refer to is not looked
/// up: check_references does.
Status add_catalogue_text(Catalogue& catalogue, std::string_view text, const std::string& where);
/// Names are unique; models, devices and configs that entries name exist; no model stands on itself
/// by its base or by what its claims include.
Status check_references(const Catalogue& catalogue);

/// Years from one ISO date to another, a month without a day taken in its middle. Requires: dates
/// that the loader took.
double years_between(std::string_view from, std::string_view to);
/// YYYY-MM or YYYY-MM-DD of the calendar.
bool is_iso_date(std::string_view text);

}  // namespace fathom
