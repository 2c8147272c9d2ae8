// What reading a plan (r1_plan.cc) and running it (r1_run.cc) share.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "rl/r1_plan.h"

namespace fathom {

/// What a stage's command leaves behind.
enum class R1Makes {
  kDirectory,  // -o DIR
  kSamples,    // -o FILE
  kPrinted,    // its standard output
  kRun,        // -o DIR, resumable, with a ledger
};

struct R1CommandKind {
  std::string_view command;
  R1Makes makes;
};

/// Null where no stage may call it.
const R1CommandKind* r1_command_kind(std::string_view command);
/// directory/01-name.
std::filesystem::path r1_stage_directory(const R1Plan& plan, size_t stage,
                                         const std::filesystem::path& directory);
/// What {name} stands for.
std::string r1_stage_output(const R1Plan& plan, size_t stage,
                            const std::filesystem::path& directory);
/// A path of a command, as the plan's own directory has it. Requires: {plan} is its only
/// placeholder.
std::filesystem::path r1_path(const R1Plan& plan, const std::string& argument);

}  // namespace fathom
