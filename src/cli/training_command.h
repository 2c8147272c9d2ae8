// What `train` and `sft` share: their arguments, what a person or a program sees of a run, signals,
// and the call of the training loop.
#pragma once

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "train/batch_source.h"
#include "train/train.h"

namespace fathom {

struct TrainingArguments {
  const char* command = "";  // "train"
  std::string run, out;
  std::vector<std::string> overrides;
  int64_t threads = 0;
  bool resume = false, json = false;
};

std::shared_ptr<TrainingArguments> add_training_arguments(CLI::App& sub, const char* command);

/// RUN.toml itself, or the settings of a run's directory.
std::filesystem::path settings_path(const TrainingArguments& args);
/// -o; the directory that was named; or runs/NAME, by the file's name (by its folder's where the
/// file is called run.toml).
std::filesystem::path run_directory(const TrainingArguments& args);
/// --set, and what other flags mean as such.
std::vector<std::string> all_overrides(const TrainingArguments& args);
/// Where model.init_from or the tokenizer's path is the directory of a run, its newest checkpoint
/// takes its place. Error: init_from is neither; not of a run that goes on, which needs it no more.
Status find_start(RunConfig& config, bool resume);
/// SIGINT and SIGTERM set the flag that is returned; a second one ends the program.
const std::atomic<bool>* listen_for_signals();

/// Runs to the end or to a signal, and tells about it. unit: what the data consists of, for people.
/// Returns the exit code.
int run_training(const TrainingArguments& args, RunConfig config, const char* unit,
                 std::function<std::unique_ptr<BatchSource>()> make_source);

}  // namespace fathom
