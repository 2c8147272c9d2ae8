// fathom tokenize and fathom tokenize train as a user calls them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/command.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const std::string kModel =
    std::string(" -m '") + FATHOM_SOURCE_DIR + "/tests/golden/data/tokenizers/v3-style' ";

TEST(TokenizeCommand, IdsGoOutAndComeBack) {
  const CommandResult ids = run_fathom("tokenize" + kModel + "--ids 'Hello <think> wörld'");
  ASSERT_EQ(ids.exit_code, 0) << ids.err;
  const auto list = Json::parse(ids.out).get<std::vector<int>>();
  EXPECT_NE(std::find(list.begin(), list.end(), 2066), list.end());
  const CommandResult text = run_fathom("tokenize" + kModel + "--decode '" + ids.out + "'");
  EXPECT_EQ(text.out, "Hello <think> wörld\n") << text.err;
  const CommandResult from_input = run_fathom("tokenize" + kModel + "--ids", "Hello <think> wörld");
  EXPECT_EQ(from_input.out, ids.out);
  const CommandResult decoded_input = run_fathom("tokenize" + kModel + "--decode -", ids.out);
  EXPECT_EQ(decoded_input.out, text.out);
}

TEST(TokenizeCommand, JsonTellsCountsAndPieces) {
  const CommandResult result = run_fathom("tokenize" + kModel + "--json --bos --plain '<think>'");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["n_tokens"], json["ids"].size());
  EXPECT_EQ(json["n_bytes"], 7);
  EXPECT_EQ(json["ids"][0], 0);
  EXPECT_EQ(json["pieces"][0], "<｜begin▁of▁sentence｜>");
  EXPECT_GT(json["n_tokens"], 2);  // --plain: the text did not become the added token
}

TEST(TokenizeCommand, WrongInputGivesOneSentenceAndTheRightExitCode) {
  const auto fails = [](const std::string& arguments, int exit_code, const std::string& said) {
    const CommandResult result = run_fathom(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << arguments;
    EXPECT_NE(result.err.find(said), std::string::npos) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  };
  fails("tokenize text", 2, "-m MODEL wanted");
  fails("tokenize -m /nowhere text", 1, "/nowhere");
  fails("tokenize" + kModel + "-f /nowhere/text", 1, "/nowhere/text");
  fails("tokenize" + kModel + "--decode 1,x", 1, "\"x\"");
  fails("tokenize" + kModel + "--decode 999999", 1, "999999");
  fails("tokenize train /nowhere --vocab-size 300 -o /tmp/unused", 1, "/nowhere");
  fails("tokenize train /nowhere --vocab-size 30 -o /tmp/unused", 1, "266");
}

TEST(TokenizeCommand, TrainsFromTextAndJsonl) {
  const fs::path directory = fs::path(testing::TempDir()) / "fathom_tokenize_train";
  fs::create_directories(directory / "texts");
  {
    std::ofstream text(directory / "texts/a.txt"), jsonl(directory / "texts/b.jsonl"),
        other(directory / "texts/c.bin");
    for (int i = 0; i < 50; ++i) text << "a river runs over the stones " << i << "\n";
    for (int i = 0; i < 50; ++i) jsonl << Json{{"text", "under the bridge a river"}} << "\n";
    other << "zzzz zzzz zzzz zzzz";
  }
  const std::string out = (directory / "out").string();
  const CommandResult trained = run_fathom("tokenize train '" + (directory / "texts").string() +
                                           "' --vocab-size 290 --json -o '" + out + "'");
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const Json report = Json::parse(trained.out);
  EXPECT_EQ(report["vocab_size"], 290);
  EXPECT_EQ(report["n_documents"], 51);
  const CommandResult table = run_fathom("tokenize -m '" + out + "' ' river 42'");
  EXPECT_EQ(table.exit_code, 0) << table.err;
  EXPECT_NE(table.out.find("\" river\""), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("\"2\"\n4 tokens, 9 bytes"), std::string::npos) << table.out;
  EXPECT_EQ(run_fathom("tokenize -m '" + out + "' --json zz").out.find("\"n_tokens\":1"),
            std::string::npos);
  fs::remove_all(directory);
}

}  // namespace
}  // namespace fathom
