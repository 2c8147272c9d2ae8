// R1's recipe as one plan: stages of which each is a command of this program, in a directory of its
// own, on what earlier stages made. A plan that was killed at any moment and is started again does
// what is left: a stage that is done is skipped, a run goes on from its checkpoint. Source:
// DeepSeek-R1 §2.3 (cold start, RL, rejection sampling and tuning, RL again), §2.4 (distillation).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace fathom {

/// What a stage must reach before the next may begin: pass@1 of `fathom eval tasks`, every row of
/// it.
struct R1Gate {
  double pass_1 = 0;                   // 0 to 1
  std::vector<std::string> arguments;  // of `eval tasks`, but for -m and --json
};

struct R1Stage {
  std::string name;                  // of its directory too
  std::vector<std::string> command;  // arguments of fathom: {"sft", "sft.toml", "--set",
                                     // "data.sources=[{ path = \"{cold}\" }]"}
  std::vector<std::string> needs;    // stages that `command` names as {name}
  double max_minutes =
      0;  // of device time; a run is stopped then, at a checkpoint, and the stage is done; 0: none
  std::optional<R1Gate> gate;
  std::string place;  // "plan.toml:12"
};

struct R1Plan {
  std::filesystem::path path;
  std::vector<R1Stage> stages;
};

/// A PLAN.toml: a list of [[stage]] tables (name, command, max_minutes, gate). {name} within a
/// command is what stage `name` made (a directory of a run or of a tokenizer, or a file of
/// samples), {plan} the directory of PLAN.toml. Errors, by line: an unknown key, a command that is
/// no stage's, a name that repeats, {name} of no earlier stage, a RUN.toml that is not there.
Result<R1Plan> read_r1_plan(const std::filesystem::path& path);
/// The same of a text; `path` names it in messages and is where its RUN.toml files are looked for.
Result<R1Plan> parse_r1_plan(std::string_view text, const std::filesystem::path& path);

/// What a stage left in stage.json when it was done.
struct R1Record {
  std::string settings;          // SHA-256 of all that the stage depends on
  std::string end = "finished";  // or "max_minutes"
  std::string counts;            // JSON object: what the command counted; empty: nothing
  std::optional<double> pass_1;  // the least of the gate's rows
  double device_seconds = 0;     // of all attempts, the gate's evaluation included
  std::optional<double> tokens, flops;
};

enum class R1State { kDone, kBegun, kOpen };

struct R1StageReport {
  R1State state = R1State::kOpen;
  std::filesystem::path directory;
  std::optional<R1Record> record;
};

/// The program as a stage calls it. Its standard output is shown, or returned (wants_output), or
/// goes to a file (output_file). max_seconds: it is asked to stop then; 0: never.
struct R1Call {
  std::vector<std::string> arguments;
  bool wants_output = false;
  std::filesystem::path output_file;
  double max_seconds = 0;
};
struct R1Outcome {
  int exit_code = 0;
  bool out_of_time = false, interrupted = false;
  std::string output;
};
using R1Program = std::function<Result<R1Outcome>(const R1Call&)>;

struct R1Options {
  std::filesystem::path directory;
  R1Program program;
  std::function<void(const R1Stage&, const R1StageReport&, const std::string& what)>
      told;           // may be empty
  std::string until;  // the last stage to run; empty: all
  bool ignore_gates = false;
  std::string commit;  // for the ledger
};

/// The arguments of fathom that a stage stands for in `directory`, placeholders filled in.
std::vector<std::string> r1_command(const R1Plan& plan, size_t stage,
                                    const std::filesystem::path& directory);

/// Where each stage stands. Error: a record that cannot be read, or one made with other settings
/// than the plan has now.
Result<std::vector<R1StageReport>> r1_status(const R1Plan& plan,
                                             const std::filesystem::path& directory);

/// Runs what is left. The ledger of `directory` has a line for each stage that is no run itself,
/// and for each gate; runs keep their own. Errors: as r1_status; a command that failed; a gate that
/// was missed (what was made stays). False: interrupted.
Result<bool> run_r1(const R1Plan& plan, const R1Options& options);

}  // namespace fathom
