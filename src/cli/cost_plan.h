// What fathom cost plan has worked out, on its way to the terminal or into JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cost/machine.h"
#include "cost/plan_inference.h"
#include "cost/plan_rl.h"
#include "cost/plan_training.h"

namespace fathom {

struct CostPlan {
  std::string model;
  ModelConfig config;
  std::optional<Machine> machine;  // none: the plan ends at FLOPs and bytes
  TrainingInput training_input;
  InferenceInput inference_input;
  RlInput rl_input;
  TrainingFlops flops;  // of training at the input's context
  // One of these; none where there is no machine.
  std::optional<TrainingPlan> training;
  std::optional<InferencePlan> inference;
  std::optional<RlPlan> rl;
};

/// Tables for 80 columns, on stdout.
void print_cost_plan(const CostPlan& plan);
/// The schema is in docs/cost.md.
nlohmann::ordered_json cost_plan_json(const CostPlan& plan);

}  // namespace fathom
