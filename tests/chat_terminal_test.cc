// fathom chat at a terminal: what a person types, pastes and interrupts, through a pseudo-terminal.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"
#include "checkpoint/synthetic.h"
#include "tests/terminal.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

constexpr const char* kData = FATHOM_SOURCE_DIR "/tests/golden/data";

class ChatTerminal : public testing::Test {
 protected:
  ChatTerminal()
      : root_(fs::path(testing::TempDir()) / ("fathom-terminal-" + std::to_string(getpid()))) {
    fs::remove_all(root_);
    fs::create_directories(root_);
    auto config = read_model_config(fs::path(kData) / "v3-tiny-bf16/config.json");
    FATHOM_CHECK(config.ok());
    config.value().vocab_size = 2112;
    FATHOM_CHECK(write_synthetic_checkpoint(root_ / "model", config.value(), {.seed = 3}).ok());
    fs::copy_file(fs::path(kData) / "tokenizers/v3-style/tokenizer.json",
                  root_ / "model/tokenizer.json");
  }
  ~ChatTerminal() override { fs::remove_all(root_); }
  std::vector<std::string> chat(const std::vector<std::string>& flags) const {
    std::vector<std::string> arguments = {
        FATHOM_BINARY, "chat",        "-m",     (root_ / "model").string(),
        "--template",  "deepseek-r1", "--seed", "1"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return arguments;
  }
  std::string saved_content(Terminal& terminal, size_t message) {
    const fs::path file = root_ / "talk.json";
    EXPECT_TRUE(terminal.await_prompt()) << terminal.seen();
    terminal.type("/save " + file.string() + "\r");
    EXPECT_TRUE(terminal.await("saved to")) << terminal.seen();
    EXPECT_TRUE(terminal.await_prompt()) << terminal.seen();
    return nlohmann::json::parse(read_file(file).value())["messages"][message]["content"];
  }
  fs::path root_;
};

TEST_F(ChatTerminal, APastedTextIsOneMessageAndALineMayGoOn) {
  Terminal terminal(chat({"-n", "4"}), root_.string());
  ASSERT_TRUE(terminal.await("Ctrl-D leaves")) << terminal.seen();
  ASSERT_TRUE(terminal.await_prompt()) << terminal.seen();
  terminal.type("\x1b[200~one\n\ttwo é\x1b[201~ three\r");
  ASSERT_TRUE(terminal.await("answer 4 tokens")) << terminal.seen();
  EXPECT_EQ(saved_content(terminal, 0), "one\n\ttwo é three");
  terminal.type("four \\\r");
  ASSERT_TRUE(terminal.await("… ")) << terminal.seen();
  ASSERT_TRUE(terminal.await_prompt()) << terminal.seen();
  terminal.type("five\r");
  ASSERT_TRUE(terminal.await("answer 4 tokens")) << terminal.seen();
  EXPECT_EQ(saved_content(terminal, 2), "four \nfive");
  terminal.type("\x04");
  EXPECT_EQ(terminal.wait(), 0);
  const fs::path history = root_ / ".local/state/fathom/history";
  EXPECT_NE(read_file(history).value().find("five"), std::string::npos);
  EXPECT_EQ(fs::status(history).permissions() & fs::perms::others_read, fs::perms::none);
}

TEST_F(ChatTerminal, ThoughtsAreDimmed) {
  Terminal terminal(chat({"-n", "2"}), root_.string());
  ASSERT_TRUE(terminal.await_prompt()) << terminal.seen();
  terminal.type("hello\r");
  EXPECT_TRUE(terminal.await("\x1b[2m<think>")) << terminal.seen();
  EXPECT_TRUE(terminal.await("\x1b[0m")) << terminal.seen();
}

TEST_F(ChatTerminal, CtrlCStopsTheAnswerAndTheLineButNotTheProgram) {
  Terminal terminal(chat({"--ignore-eos"}), root_.string());
  ASSERT_TRUE(terminal.await_prompt()) << terminal.seen();
  terminal.type("hello\r");
  ASSERT_TRUE(terminal.await("<think>")) << terminal.seen();
  terminal.type("\x03");
  ASSERT_TRUE(terminal.await("cache ")) << terminal.seen();
  ASSERT_TRUE(terminal.await_prompt()) << terminal.seen();
  terminal.type("a line never sent\x03");
  ASSERT_TRUE(terminal.await("Ctrl-D or /exit leaves")) << terminal.seen();
  ASSERT_TRUE(terminal.await_prompt()) << terminal.seen();
  terminal.type("/stats\r");
  EXPECT_TRUE(terminal.await("answers 1")) << terminal.seen();
  ASSERT_TRUE(terminal.await_prompt()) << terminal.seen();
  terminal.type("/exit\r");
  EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(ChatTerminal, ControlCharactersOfAModelDoNotReachTheTerminal) {
  // The text of the prompt is echoed by run; what holds for it holds for the answer, which takes
  // the same way.
  Terminal terminal({FATHOM_BINARY, "run", "-m", (root_ / "model").string(), "-n", "1", "-p",
                     "a\x1b]0;title\x07z"},
                    root_.string());
  EXPECT_EQ(terminal.wait(), 0);
  EXPECT_NE(terminal.seen().find("a]0;titlez"), std::string::npos) << terminal.seen();
}

}  // namespace
}  // namespace fathom
