// The audit of a claim: what must hold together, does it? Every rule compares two ways to the same
// figure and shows the arithmetic; none knows a model by name. A claim that holds is told with the
// same care as one that does not. Formulas and sources: docs/cost.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cost/catalogue.h"

namespace fathom {

struct Verdict {
  std::string claim;  // "device-hours of pretraining, 172.8K h (Epoch AI (database), 2026-11)"
  bool holds = true;  // false: contradicted, impossible, or not comparable
  std::optional<double>
      factor;       // the claim over what it should be; 8.1 or 0.12; 1 where it holds exactly
  std::string why;  // plain sentences with the arithmetic
};

/// Model FLOPs utilisation of one run under one definition: "causal FLOPs / bf16 peak of H800 SXM".
struct Mfu {
  std::string definition;
  double value = 0;
};

/// The whole run of a model on one basis: stated by somebody, or computed by its ladder.
struct AtBasis {
  Basis basis = Basis::kUnknown;
  std::string model, whose, date;
  Range usd;
  bool computed = false;
};

struct Audit {
  std::string model, title;
  std::vector<Verdict> verdicts;
  std::vector<Mfu> mfu;
  std::optional<double> flops_per_token, device_hours;
  std::optional<Range> usd;             // the headline: what the makers say of the most of it
  std::string headline;                 // "$5.576M, rental, all phases"
  std::vector<std::string> leaves_out;  // of the headline
  std::vector<AtBasis> at_basis;        // this model's and others', one basis after the other
  std::vector<std::string> beside;      // FLOPs, hours and throughput beside others', in sentences
};

/// Requires: `model` is of `catalogue`. Error: nothing said of it can be checked; the sentence
/// tells which numbers are needed.
Result<Audit> audit_model(const Catalogue& catalogue, const CatalogueModel& model);

/// Numbers that somebody claims, as texts with units; empty ones are absent. Read from flags or
/// from a TOML file of the same keys.
struct ClaimedNumbers {
  std::string name = "your-numbers", whose = "claimed", source = "given here", date;
  std::string tokens, flops_per_token, params, device_hours, devices, duration, usd, rate, mfu,
      throughput, training_flop;
  std::string device, phase = "pretraining", basis, precision;
  std::string config;          // path of a config.json
  int64_t context_length = 0;  // 0: the model's own, else 4096
};
Result<ClaimedNumbers> read_claimed_numbers(std::string_view toml, const std::string& where);
/// Adds them to the catalogue as claims of the model `like`, or of a new one where that is empty;
/// returns its name. Error: a number with a wrong unit, no date, an unknown device.
Result<std::string> add_claimed_numbers(Catalogue& catalogue, const ClaimedNumbers& numbers,
                                        const std::string& like);

/// The note of device-hours that are only a product of other given numbers.
inline constexpr const char* kDerived = "devices x duration";

}  // namespace fathom
