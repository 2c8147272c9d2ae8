#include "cost/ledger.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/test_folder.h"

namespace fathom {
namespace {

LedgerOptions options_in(const TestFolder& folder) {
  LedgerOptions options;
  options.path = folder.path() / "ledger.jsonl";
  options.config_hash = "c0";
  options.commit = "abc";
  options.flops_definition = kTrainStepFlops;
  options.energy.cpu = false;
  return options;
}

std::unique_ptr<Ledger> open_ledger(const LedgerOptions& options) {
  auto ledger = Ledger::open(options);
  EXPECT_TRUE(ledger.ok()) << ledger.message();
  return ledger.ok() ? std::move(ledger).value() : nullptr;
}

// An attempt with two phases, as text.
std::string small_ledger(const LedgerOptions& options) {
  auto ledger = open_ledger(options);
  EXPECT_TRUE(ledger->begin_attempt().ok());
  for (const char* name : {"data", "training"}) {
    LedgerSpan span(*ledger, LedgerKind::kPhase, name);
    span.tokens = 100;
    EXPECT_TRUE(span.end().ok());
  }
  EXPECT_TRUE(ledger->end_attempt("finished").ok());
  return read_file(options.path).value();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
    lines.push_back(text.substr(at, text.find('\n', at) - at));
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TEST(Sha256, OfTheStandardsExample) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Ledger, ALineHasEveryFieldAndWhatIsUnknownIsNull) {
  const TestFolder folder;
  LedgerOptions options = options_in(folder);
  options.threads = 2;
  const auto line = nlohmann::json::parse(lines_of(small_ledger(options))[1]);
  EXPECT_EQ(line["n"], 1);
  EXPECT_EQ(line["kind"], "phase");
  EXPECT_EQ(line["name"], "data");
  EXPECT_EQ(line["attempt"], 1);
  EXPECT_EQ(line["tokens"], 100);
  EXPECT_EQ(line["config_hash"], "c0");
  EXPECT_EQ(line["commit"], "abc");
  EXPECT_EQ(line["device"], "cpu");
  EXPECT_EQ(line["threads"], 2);
  EXPECT_EQ(line["source"], "measured");
  EXPECT_GE(line["seconds"].get<double>(), 0);
  EXPECT_EQ(line["seconds"], line["device_seconds"]);
  EXPECT_GT(line["peak_memory_bytes"].get<int64_t>(), 1 << 20);
  for (const char* unknown : {"joules", "joules_source", "flops", "step_to", "note"}) {
    ASSERT_TRUE(line.contains(unknown)) << unknown;
    EXPECT_TRUE(line[unknown].is_null()) << unknown;
  }
}

TEST(Ledger, ASecondProcessLifeGoesOnWithTheChainAndCountsAttempts) {
  const TestFolder folder;
  const LedgerOptions options = options_in(folder);
  small_ledger(options);
  {
    auto ledger = open_ledger(options);
    EXPECT_EQ(ledger->before().size(), 4u);
    ASSERT_TRUE(ledger->begin_attempt(7).ok());
    EXPECT_EQ(ledger->attempt(), 2);
  }
  const auto file = read_ledger(options.path);
  ASSERT_TRUE(file.ok()) << file.message();
  const auto& entries = file.value().entries;
  ASSERT_EQ(entries.size(), 6u);
  EXPECT_EQ(entries[4].kind, LedgerKind::kGap);
  EXPECT_EQ(entries[4].device_seconds, 0.0);
  EXPECT_EQ(entries[5].kind, LedgerKind::kResume);
  EXPECT_EQ(entries[5].step_from, 7);
  EXPECT_EQ(entries[5].prev, entries[4].hash);
}

TEST(Ledger, EveryAlteredByteIsFoundAndItsLineNamed) {
  const TestFolder folder;
  const std::string text = small_ledger(options_in(folder));
  int64_t line = 1;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    std::string altered = text;
    altered[i] = altered[i] == 'x' ? 'y' : 'x';
    const auto file = parse_ledger(altered, "L");
    if (text[i] == '\n') {
      ++line;  // two lines became one
      EXPECT_FALSE(file.ok() && !file.value().torn) << i;
      continue;
    }
    const bool told = !file.ok() && file.message().starts_with("L:" + std::to_string(line) + ":");
    const bool torn = file.ok() && file.value().torn && file.value().torn->line == line;
    EXPECT_TRUE(told || torn) << i << ": " << (file.ok() ? "nothing found" : file.message());
  }
}

TEST(Ledger, ALineTakenOutPutInOrSwappedIsFound) {
  const TestFolder folder;
  const std::vector<std::string> lines = lines_of(small_ledger(options_in(folder)));
  const auto message = [](const std::vector<std::string>& with) {
    const auto file = parse_ledger(joined(with), "L");
    return file.ok() ? std::string("whole") : file.message().substr(0, 4);
  };
  EXPECT_EQ(message(lines), "whole");
  EXPECT_EQ(message({lines[1], lines[2], lines[3]}), "L:1:");
  EXPECT_EQ(message({lines[0], lines[2], lines[3]}), "L:2:");
  EXPECT_EQ(message({lines[0], lines[2], lines[1], lines[3]}), "L:2:");
  EXPECT_EQ(message({lines[0], lines[1], lines[1], lines[2]}), "L:3:");
}

TEST(Ledger, CutAnywhereInItsLastLineItIsTornNamedAndMendedWithItsChainWhole) {
  const TestFolder folder;
  const LedgerOptions options = options_in(folder);
  const std::string text = small_ledger(options);
  const size_t last = text.rfind('\n', text.size() - 2) + 1;
  for (size_t cut = last + 1; cut < text.size(); cut += 37) {
    folder.write("ledger.jsonl", text.substr(0, cut));
    const auto torn = read_ledger(options.path);
    ASSERT_TRUE(torn.ok()) << torn.message();
    ASSERT_TRUE(torn.value().torn) << cut;
    EXPECT_EQ(torn.value().torn->line, 4);
    EXPECT_NE(describe_torn(*torn.value().torn, "L").find("L:4: "), std::string::npos);
    ASSERT_TRUE(open_ledger(options)->begin_attempt(0).ok());
    const auto file = read_ledger(options.path);
    ASSERT_TRUE(file.ok()) << file.message();
    ASSERT_FALSE(file.value().torn);
    ASSERT_EQ(file.value().entries.size(), 6u);
    const LedgerEntry& mended = file.value().entries[3];
    EXPECT_EQ(mended.kind, LedgerKind::kMended);
    EXPECT_NE(mended.note.find(text.substr(last, cut - last)), std::string::npos) << mended.note;
  }
}

TEST(Ledger, ALineThatLacksOnlyItsNewlineStillCounts) {
  const TestFolder folder;
  const LedgerOptions options = options_in(folder);
  std::string text = small_ledger(options);
  text.pop_back();
  folder.write("ledger.jsonl", text);
  EXPECT_TRUE(read_ledger(options.path).value().torn->whole);
  EXPECT_EQ(open_ledger(options)->before().size(), 4u);
  const auto file = read_ledger(options.path);
  ASSERT_TRUE(file.ok()) << file.message();
  EXPECT_EQ(file.value().entries[3].kind, LedgerKind::kEnd);
  EXPECT_EQ(file.value().entries[4].kind, LedgerKind::kMended);
}

TEST(Ledger, AnAlteredOneIsNotWrittenOn) {
  const TestFolder folder;
  const LedgerOptions options = options_in(folder);
  std::string text = small_ledger(options);
  text.replace(text.find("\"tokens\":100"), 12, "\"tokens\":900");
  folder.write("ledger.jsonl", text);
  const auto ledger = Ledger::open(options);
  ASSERT_FALSE(ledger.ok());
  EXPECT_NE(ledger.message().find("ledger.jsonl:2: the hash "), std::string::npos)
      << ledger.message();
  EXPECT_EQ(read_file(options.path).value(), text);
}

TEST(Ledger, OneProcessWritesItAtATime) {
  const TestFolder folder;
  const LedgerOptions options = options_in(folder);
  const auto first = open_ledger(options);
  const auto second = Ledger::open(options);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.message().find("another process writes it"), std::string::npos);
}

TEST(Ledger, ASpanLeftOnTheWayOutOfAnErrorIsFailed) {
  const TestFolder folder;
  const LedgerOptions options = options_in(folder);
  {
    const auto ledger = open_ledger(options);
    ASSERT_TRUE(ledger->begin_attempt().ok());
    { LedgerSpan span(*ledger, LedgerKind::kPhase, "rollout"); }
    LedgerSpan(*ledger, LedgerKind::kPhase, "nothing").drop();
  }
  const auto entries = read_ledger(options.path).value().entries;
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[1].name, "rollout");
  EXPECT_EQ(entries[1].outcome, "failed");
}

TEST(Ledger, StatedWattsGiveJoulesThatSaySo) {
  const TestFolder folder;
  LedgerOptions options = options_in(folder);
  options.energy.watts = 40;
  options.devices = 3;
  {
    const auto ledger = open_ledger(options);
    ASSERT_TRUE(ledger->begin_attempt().ok());
    LedgerSpan span(*ledger, LedgerKind::kPhase, "training");
    usleep(20000);
    ASSERT_TRUE(span.end().ok());
  }
  const LedgerEntry e = read_ledger(options.path).value().entries[1];
  EXPECT_DOUBLE_EQ(*e.device_seconds, 3 * *e.seconds);
  EXPECT_DOUBLE_EQ(*e.joules, 40 * *e.device_seconds);
  EXPECT_EQ(e.joules_source, "model: 40 W a device");
}

// A disk that is full, played by the limit of a file's size, in a process of its own.
TEST(Ledger, AFullDiskLeavesWholeLines) {
  const TestFolder folder;
  const LedgerOptions options = options_in(folder);
  const std::string text = small_ledger(options);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit most = {text.size() + 100, text.size() + 100};
    setrlimit(RLIMIT_FSIZE, &most);
    auto ledger = Ledger::open(options);
    _exit(ledger.ok() && !ledger.value()->begin_attempt(3).ok() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_file(options.path).value(), text);
}

TEST(LedgerEntry, BadFieldsAreNamed) {
  const auto message = [](const char* line) { return parse_ledger_entry(line, "L:1").message(); };
  EXPECT_EQ(message("[]"), "L:1: a JSON object wanted, another text found");
  EXPECT_NE(message("{\"kind\":\"party\"}").find("L:1: kind: attempt, resume, "),
            std::string::npos);
  EXPECT_EQ(message("{\"kind\":\"idle\",\"seconds\":-3}"),
            "L:1: seconds: a number from 0 wanted, -3 found");
  EXPECT_EQ(message("{\"kind\":\"idle\",\"tokens\":1.5}"),
            "L:1: tokens: a whole number from 0 wanted, 1.5 found");
  EXPECT_EQ(message("{\"kind\":\"idle\",\"step_from\":5,\"step_to\":4}"),
            "L:1: step_to: a step from 5 on wanted, 4 found");
}

TEST(Utc, TimesAreTakenApartAsTheyWereWritten) {
  const auto at = std::chrono::system_clock::time_point(std::chrono::milliseconds(1795833998123));
  EXPECT_EQ(utc_time(at), "2026-11-28T02:46:38.123Z");
  EXPECT_DOUBLE_EQ(*utc_seconds_between("2026-11-28T02:46:38.123Z", "2026-11-29T02:46:40.623Z"),
                   86402.5);
  EXPECT_FALSE(utc_seconds_between("yesterday", "2026-11-28T02:46:38.123Z"));
}

}  // namespace
}  // namespace fathom
