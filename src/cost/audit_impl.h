// What the audit's rules share: the claims of one model and ways to find the one that counts.
#pragma once

#include <fmt/format.h>

#include <cmath>

#include "cost/audit.h"
#include "cost/compare.h"
#include "cost/flops.h"

namespace fathom {

struct AuditContext {
  const Catalogue& catalogue;
  const CatalogueModel& model;
  std::optional<ModelConfig> config;
  std::vector<const Claim*> claims;
  Audit& audit;

  /// The maker's own claim if there is one, else the first. Empty phase: any. May be null.
  const Claim* reference(std::string_view what, std::string_view phase) const;
  const Device* device_of(const Claim& claim) const;
  std::optional<double> tokens() const;
  /// The hours of the pretraining (of all phases, where they are not split): the maker's; else the
  /// maker's per trillion tokens x tokens; else anybody's.
  struct Hours {
    double value = 0;
    std::string device;
    bool makers = false;
  };
  std::optional<Hours> run_hours() const;
  /// FLOPs of a token's training: counted from the config, as published, or 6 x the active
  /// parameters.
  std::optional<double> flops_per_token(FlopsDefinition definition) const;
  /// The definition that a throughput is told in: causal where attention is known.
  FlopsDefinition definition() const;
  /// FLOPs of the whole pretraining, and how they were found.
  std::optional<double> training_flop(std::string& how) const;
  void say(const Claim& claim, bool holds, std::optional<double> factor, const std::string& why);
  void say(const std::string& claim, bool holds, std::optional<double> factor,
           const std::string& why);
};

bool close_to(double a, double b, double tolerance);
/// "2.664M h (DeepSeek, 2024-12-27)".
std::string value_of(const Claim& claim);
std::string cited(const Claim& claim);
/// "10.6x".
std::string times_text(double x);
/// "8.1x too high", "0.4 of it".
std::string off_by(double factor);
std::string text_of(double value, Quantity q);
const char* title_of(const Claim& claim);
const char* definition_name(FlopsDefinition definition);
/// The peak that the run could have used at most: of its precision, else bf16, else the highest.
/// Precision is set to the one found.
double peak_of(const Device& device, std::string& precision);

/// The model's money on every basis, stated and computed, rental at the market's price for all.
std::vector<BasisFigure> market_figures(const Catalogue& catalogue, const CatalogueModel& model);

void check_throughput(AuditContext& c);
void check_hours_per_trillion(AuditContext& c);
void check_devices_times_hours(AuditContext& c);
void check_money(AuditContext& c);
void check_sums(AuditContext& c);
void check_witnesses(AuditContext& c);
void check_flops(AuditContext& c);
void check_utilisation(AuditContext& c);
void check_comparisons(AuditContext& c);
void check_trend(AuditContext& c);

}  // namespace fathom
