// fathom r1: R1's recipe as one plan of stages, each a command of this program, resumable at any
// kill.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/human.h"
#include "cli/command.h"
#include "cli/commit.h"
#include "cli/training_command.h"
#include "rl/r1_plan.h"

namespace fathom {
namespace {

struct R1Arguments {
  std::string plan, out, until;
  bool status = false, dry_run = false, json = false, ignore_gates = false;
};

// This program as a child. It dies with us, asked politely, so that a run saves its checkpoint.
class R1Child {
 public:
  Status start(const R1Call& call) {
    if (call.wants_output && pipe(pipe_) != 0)
      return Status::error(fmt::format("pipe: {}", std::strerror(errno)));
    std::vector<char*> argv = {const_cast<char*>("fathom")};
    for (const std::string& a : call.arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ < 0) return Status::error(fmt::format("fork: {}", std::strerror(errno)));
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (getppid() != parent) _exit(1);  // it died meanwhile
      if (call.wants_output) dup2(pipe_[1], STDOUT_FILENO);
      if (!call.output_file.empty()) write_to(call.output_file);
      execv("/proc/self/exe", argv.data());
      _exit(127);
    }
    if (call.wants_output) close(pipe_[1]);
    return {};
  }

  R1Outcome wait(const R1Call& call, const std::atomic<bool>& stop) {
    R1Outcome outcome;
    const auto begin = std::chrono::steady_clock::now();
    bool asked = false;
    for (int status = 0;;) {
      if (call.wants_output) read_some(outcome.output);
      if (waitpid(pid_, &status, call.wants_output ? 0 : WNOHANG) == pid_) {
        outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        break;
      }
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
      outcome.out_of_time =
          outcome.out_of_time || (call.max_seconds > 0 && taken.count() > call.max_seconds);
      if ((stop || outcome.out_of_time) && !asked) kill(pid_, SIGTERM), asked = true;
      usleep(100'000);
    }
    outcome.interrupted = stop && outcome.exit_code != 0;
    return outcome;
  }

 private:
  static void write_to(const std::filesystem::path& path) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0) {
      std::fprintf(stderr, "fathom: %s: %s\n", path.c_str(), std::strerror(errno));
      _exit(1);
    }
  }
  // To the end of the child's output.
  void read_some(std::string& output) {
    char buffer[4096];
    for (ssize_t n; (n = read(pipe_[0], buffer, sizeof buffer)) != 0;) {
      if (n < 0 && errno == EINTR) {
        kill(pid_, SIGTERM);
        continue;
      }
      if (n < 0) break;
      output.append(buffer, static_cast<size_t>(n));
    }
    close(pipe_[0]);
  }
  pid_t pid_ = -1;
  int pipe_[2] = {-1, -1};
};

std::string_view r1_state_name(R1State state) {
  return state == R1State::kDone ? "done" : state == R1State::kBegun ? "begun" : "open";
}

void print_status(const R1Plan& plan, const std::vector<R1StageReport>& reports) {
  fmt::print("{:<16} {:<6} {:>10} {:>9} {:>9}  {}\n", "stage", "", "device", "tokens", "pass@1",
             "counts");
  double seconds = 0;
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    const R1StageReport& r = reports[i];
    const R1Record none, &record = r.record ? *r.record : none;
    seconds += record.device_seconds;
    fmt::print("{:<16} {:<6} {:>10} {:>9} {:>9}  {}\n", plan.stages[i].name, r1_state_name(r.state),
               r.record ? human_duration(record.device_seconds) : "",
               record.tokens ? human_count(*record.tokens) : "",
               record.pass_1 ? fmt::format("{:.3f}", *record.pass_1) : "", record.counts);
  }
  fmt::print("{:<16} {:<6} {:>10}\n", "all", "", human_duration(seconds));
}

void print_status_json(const R1Plan& plan, const std::vector<R1StageReport>& reports) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    const R1StageReport& r = reports[i];
    nlohmann::ordered_json j = {{"stage", plan.stages[i].name},
                                {"state", r1_state_name(r.state)},
                                {"directory", r.directory.string()}};
    if (r.record) {
      j["end"] = r.record->end;
      j["device_seconds"] = r.record->device_seconds;
      if (r.record->tokens) j["tokens"] = *r.record->tokens;
      if (r.record->flops) j["flops"] = *r.record->flops;
      if (r.record->pass_1) j["pass_1"] = *r.record->pass_1;
      if (!r.record->counts.empty()) j["counts"] = nlohmann::ordered_json::parse(r.record->counts);
    }
    list.push_back(std::move(j));
  }
  fmt::print("{}\n", nlohmann::ordered_json({{"stages", list}}).dump());
}

Result<int> run_plan(const R1Arguments& args) {
  FATHOM_ASSIGN_OR_RETURN(const R1Plan plan, read_r1_plan(args.plan));
  R1Options options;
  options.directory = args.out.empty() ? std::filesystem::path("runs") / plan.path.stem()
                                       : std::filesystem::path(args.out);
  if (args.dry_run) {
    for (size_t i = 0; i < plan.stages.size(); ++i)
      fmt::print("fathom {}\n", fmt::join(r1_command(plan, i, options.directory), " "));
    return 0;
  }
  if (!args.status) {
    options.until = args.until;
    options.ignore_gates = args.ignore_gates;
    options.commit = program_commit();
    const std::atomic<bool>* stop = listen_for_signals();
    options.program = [stop](const R1Call& call) -> Result<R1Outcome> {
      R1Child child;
      FATHOM_RETURN_IF_ERROR(child.start(call));
      return child.wait(call, *stop);
    };
    options.told = [](const R1Stage& s, const R1StageReport& r, const std::string& what) {
      fmt::print("stage {} {}: {}\n", s.name, what, r.directory.string());
      std::fflush(stdout);
    };
    FATHOM_ASSIGN_OR_RETURN(const bool whole, run_r1(plan, options));
    if (!whole) {
      fmt::print("stopped; the same command goes on\n");
      return 1;
    }
  }
  FATHOM_ASSIGN_OR_RETURN(const auto reports, r1_status(plan, options.directory));
  args.json ? print_status_json(plan, reports) : print_status(plan, reports);
  return 0;
}

}  // namespace

std::function<int()> add_r1(CLI::App& sub) {
  auto a = std::make_shared<R1Arguments>();
  sub.add_option("PLAN", a->plan, "The plan's TOML file")->required();
  sub.add_option("-o,--out", a->out, "Directory of its stages (default: runs/NAME of the plan)");
  sub.add_option("--until", a->until, "The last stage to do");
  sub.add_flag("--ignore-gates", a->ignore_gates, "Go on where a stage missed its gate");
  sub.add_flag("--status", a->status, "Do nothing; tell where the stages stand and what they took");
  sub.add_flag("--dry-run", a->dry_run, "Do nothing; print the commands");
  sub.add_flag("--json", a->json, "The stages as JSON at the end");
  sub.footer(
      "Ctrl-C stops at a checkpoint; the same command goes on. The plan's format: docs/r1.md.");
  return [a] {
    const auto code = run_plan(*a);
    return code.ok() ? code.value() : fail(code.status());
  };
}

}  // namespace fathom
