// fathom env: the environments with verifiable rewards. Their problems, right answers to them (the
// data of supervised training), and the score of an answer.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/threads.h"
#include "cli/command.h"
#include "rl/environment.h"

namespace fathom {
namespace {

using Json = nlohmann::ordered_json;

struct EnvOptions {
  std::string name, difficulty = "0-5", split = "train", completion, file;
  uint64_t seed = 0;
  int64_t n = 1;
  int n_threads = available_threads();
  bool demonstrate = false, json = false, documents = false;
  int n_questions = 1;
  RewardOptions reward;
};

struct EnvRange {
  int low = 0, high = 0;
  /// The seeds go through the difficulties in turn.
  int at(uint64_t seed) const {
    return low + static_cast<int>(seed % static_cast<uint64_t>(high - low + 1));
  }
};

Result<EnvRange> read_difficulty(const std::string& text) {
  EnvRange range;
  const auto digit = [](char c) { return c >= '0' && c <= '0' + kMaxDifficulty; };
  const bool one = text.size() == 1 && digit(text[0]);
  const bool two =
      text.size() == 3 && digit(text[0]) && text[1] == '-' && digit(text[2]) && text[0] <= text[2];
  if (!one && !two)
    return Status::error(fmt::format(
        "--difficulty: 0 to {0}, or a range as 0-{0}, wanted, {1} found", kMaxDifficulty, text));
  range.low = text[0] - '0';
  range.high = text.back() - '0';
  return range;
}

Json messages_json(const std::vector<ChatMessage>& list) {
  Json messages = Json::array();
  for (const ChatMessage& m : list) messages.push_back({{"role", m.role}, {"content", m.content}});
  return messages;
}

std::string json_line(const Environment& environment, const Problem& p) {
  const Json line = {{"messages", messages_json(p.messages)},
                     {"environment", environment.name()},
                     {"seed", p.seed},
                     {"difficulty", p.difficulty},
                     {"split", split_name(p.split)},
                     {"kind", p.kind}};
  return line.dump() + "\n";
}

// What `sft` reads: a conversation that is learnt from at each answer.
std::string sft_json_line(const std::vector<WorkedProblem>& worked) {
  Json messages = Json::array();
  for (const WorkedProblem& p : worked) {
    for (Json& m : messages_json(p.messages)) messages.push_back(std::move(m));
    messages.push_back({{"role", "assistant"}, {"content", "<think>\n" + p.completion}});
    if (worked.size() > 1) messages.back()["weight"] = 1;
  }
  return Json({{"messages", std::move(messages)}}).dump() + "\n";
}

std::string document_line(const std::string& text) { return Json({{"text", text}}).dump() + "\n"; }

std::string plain_text(const Environment& environment, const Problem& p, bool demonstrate) {
  std::string text = fmt::format("# {} seed {} difficulty {} split {}: {}\n", environment.name(),
                                 p.seed, p.difficulty, split_name(p.split), p.kind);
  for (const ChatMessage& m : p.messages)
    text +=
        p.messages.size() == 1 ? m.content + "\n" : fmt::format("[{}]\n{}\n", m.role, m.content);
  if (demonstrate) text += "\n<think>\n" + environment.demonstrate(p) + "\n";
  return text + "\n";
}

// In blocks over the threads; printed in the order of the seeds.
Status print_samples(const Environment& environment, const EnvOptions& o, const EnvRange& range,
                     Split split) {
  constexpr int64_t kBlock = 2048;
  set_num_threads(o.n_threads);
  std::vector<std::string> lines;
  for (int64_t begin = 0; begin < o.n; begin += kBlock) {
    lines.resize(static_cast<size_t>(std::min(kBlock, o.n - begin)));
    parallel_for(static_cast<int64_t>(lines.size()), [&](int64_t i) {
      const uint64_t seed = o.seed + static_cast<uint64_t>(begin + i);
      std::string& line = lines[static_cast<size_t>(i)];
      if (o.documents) {
        line = document_line(environment.document(seed, range.at(seed), split, o.n_questions));
        return;
      }
      if (o.json && o.demonstrate) {
        line = sft_json_line(environment.worked(seed, range.at(seed), split, o.n_questions));
        return;
      }
      const Problem p = environment.sample(seed, range.at(seed), split);
      line = o.json ? json_line(environment, p) : plain_text(environment, p, o.demonstrate);
    });
    for (const std::string& line : lines)
      if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size())
        return Status::error("standard output: cannot write");
  }
  return {};
}

Status run_sample(const EnvOptions& o) {
  FATHOM_ASSIGN_OR_RETURN(const auto environment, make_environment(o.name));
  FATHOM_ASSIGN_OR_RETURN(const EnvRange range, read_difficulty(o.difficulty));
  FATHOM_ASSIGN_OR_RETURN(const Split split, read_split(o.split));
  if (o.n_questions > 1 && !o.documents && !(o.demonstrate && o.json)) {
    return Status::error(
        "--questions: --documents, or --demonstrate with --json, beside it wanted, neither found");
  }
  return print_samples(*environment, o, range, split);
}

Result<std::string> completion_of(const EnvOptions& o) {
  if (!o.completion.empty()) return o.completion;
  if (!o.file.empty() && o.file != "-") return read_file(o.file);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

Status run_score(const EnvOptions& o) {
  FATHOM_ASSIGN_OR_RETURN(const auto environment, make_environment(o.name));
  FATHOM_ASSIGN_OR_RETURN(const EnvRange range, read_difficulty(o.difficulty));
  FATHOM_ASSIGN_OR_RETURN(const Split split, read_split(o.split));
  FATHOM_ASSIGN_OR_RETURN(std::string completion, completion_of(o));
  while (completion.ends_with('\n')) completion.pop_back();
  if (completion.starts_with("<think>\n")) completion.erase(0, 8);
  Problem problem;
  problem.seed = o.seed;
  problem.difficulty = range.at(o.seed);
  problem.split = split;
  const Score s = environment->score(problem, completion, o.reward);
  if (o.json) {
    const Json line = {{"reward", s.reward},
                       {"correct", s.correct},
                       {"well_formed", s.well_formed},
                       {"declined", s.declined},
                       {"should_decline", s.should_decline},
                       {"why", s.why}};
    fmt::print("{}\n", line.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    fmt::print("{:.3f}: {}\n", s.reward, s.why);
  }
  return {};
}

void add_place(CLI::App& sub, const std::shared_ptr<EnvOptions>& o) {
  sub.add_option("NAME", o->name, "Environment, see `fathom env list`")->required();
  sub.add_option("--seed", o->seed, "Seed of the (first) problem")->capture_default_str();
  sub.add_option("--difficulty", o->difficulty,
                 "0 to 5, or a range that the seeds go through in turn")
      ->capture_default_str();
  sub.add_option("--split", o->split, "train, schema, phrasing, schema-phrasing, composition")
      ->capture_default_str();
  sub.add_flag("--json", o->json, "Print JSON, an object a line");
}

}  // namespace

std::function<int()> add_env(CLI::App& sub) {
  const auto o = std::make_shared<EnvOptions>();
  sub.require_subcommand(1);
  sub.add_subcommand("list", "Names of the environments");
  CLI::App* sample =
      sub.add_subcommand("sample", "Problems, with --demonstrate also right answers");
  add_place(*sample, o);
  sample->add_option("-n", o->n, "Problems, of the seeds that follow")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  sample->add_flag("--demonstrate", o->demonstrate,
                   "With a right answer; with --json what `sft` reads");
  sample->add_flag("--documents", o->documents,
                   "With a right answer, as documents to pretrain on: {\"text\": ...} a line");
  sample
      ->add_option("--questions", o->n_questions,
                   "Questions of a document, or of a conversation to tune on (--demonstrate "
                   "--json); `tables` and `lookup` ask them all about the same tables")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  sample->add_option("-t,--threads", o->n_threads, "Threads")->check(CLI::PositiveNumber);
  CLI::App* score = sub.add_subcommand("score", "The reward of an answer, and why");
  add_place(*score, o);
  score->add_option("COMPLETION", o->completion,
                    "What followed the prompt's <think>; without it and -f, standard input");
  score->add_option("-f,--file", o->file, "File with the completion");
  score->add_option("--dense", o->reward.dense, "Weight of a wrong answer's small parts")
      ->capture_default_str();
  score->add_option("--wrong", o->reward.wrong, "Reward of a wrong answer")->capture_default_str();
  return [&sub, o] {
    if (sub.got_subcommand("list")) {
      for (const std::string& name : environment_names()) fmt::print("{}\n", name);
      return 0;
    }
    const Status status = sub.got_subcommand("score") ? run_score(*o) : run_sample(*o);
    return status.ok() ? 0 : fail(status);
  };
}

}  // namespace fathom
