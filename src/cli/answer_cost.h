// What answers cost: tokens, FLOPs, seconds, energy and the money of that energy.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "analysis/analyst.h"
#include "cost/energy.h"
#include "engine/engine.h"

namespace fathom {

class AnswerCost {
 public:
  /// watts: the machine's stated draw, for where no energy can be read; 0: none stated.
  AnswerCost(const Engine& engine, double watts);
  void begin();
  void end(const AnalysisAnswer& answer);
  int64_t n_answers() const { return n_answers_; }
  /// "3 answers: 900 tokens read, 200 written at 310 tokens/s, 2.9 s · 10.4 GFLOP · 58 J (model: 20
  /// W a device), $0.0000013 of electricity at $0.0826/kWh (2025-12)". Without a price or energy,
  /// that it is not known.
  std::string text() const;

 private:
  std::string energy_text() const;
  const Engine& engine_;
  EnergyMeter meter_;
  EnergyMeter::Mark mark_;
  int64_t n_answers_ = 0, n_prompt_ = 0, n_tokens_ = 0, n_computed_ = 0, n_decoded_ = 0;
  double seconds_ = 0, decode_s_ = 0, joules_ = 0;
  bool energy_known_ = true;
  std::string energy_source_;
};

}  // namespace fathom
