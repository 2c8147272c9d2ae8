#include "tokenizer/normalizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tokenizer/pre_tokenizer_json.h"

namespace fathom {
namespace {

std::string normal(NormalForm form, std::string_view text) {
  std::string storage;
  return std::string(normalize({form}, text, storage));
}

TEST(Normalizer, FormsOfAFewCharacters) {
  EXPECT_EQ(normal(NormalForm::kNfc, "e\u0301"), "\u00E9");
  EXPECT_EQ(normal(NormalForm::kNfd, "\u00E9"), "e\u0301");
  EXPECT_EQ(normal(NormalForm::kNfc, "\u212B \u1E9B\u0323"), "\u00C5 \u1E9B\u0323");
  EXPECT_EQ(normal(NormalForm::kNfkc, "\uFB01\u00A0\u00B2"), "fi 2");
  EXPECT_EQ(normal(NormalForm::kNfkd, "\uFB01\u00E9"), "fie\u0301");
  EXPECT_EQ(normal(NormalForm::kNfc, "\u1100\u1161\u11A8"), "\uAC01");
}

TEST(Normalizer, UnchangedTextIsNotCopied) {
  std::string storage;
  const std::string_view text = "plain, caf\u00E9";
  EXPECT_EQ(normalize({NormalForm::kNfc}, text, storage).data(), text.data());
  EXPECT_EQ(normalize({}, text, storage).data(), text.data());
}

TEST(Normalizer, LongRunsOfMarksAreOrderedQuickly) {
  std::string mixed = "a", below, above;
  for (int i = 0; i < 300000; ++i) {
    mixed += "\u0301\u0316";  // above (230), below (220)
    below += "\u0316";
    above += "\u0301";
  }
  std::string wanted = "\u00E1" + below + above;
  wanted.resize(wanted.size() - 2);  // one of those above went into the letter
  EXPECT_EQ(normal(NormalForm::kNfc, mixed), wanted);
}

TEST(Normalizer, IsReadFromJson) {
  using Json = nlohmann::json;
  EXPECT_TRUE(read_normalizer(nullptr, "here").value().empty());
  EXPECT_TRUE(read_normalizer({{"type", "Sequence"}, {"normalizers", Json::array()}}, "here")
                  .value()
                  .empty());
  const Json nested = {{"type", "Sequence"},
                       {"normalizers", {{{"type", "NFC"}}, {{"type", "NFKD"}}}}};
  EXPECT_EQ(read_normalizer(nested, "here").value(),
            (std::vector<NormalForm>{NormalForm::kNfc, NormalForm::kNfkd}));
  EXPECT_NE(read_normalizer({{"type", "Lowercase"}}, "here").message().find("\"Lowercase\""),
            std::string::npos);
  EXPECT_FALSE(read_normalizer("NFC", "here").ok());
}

}  // namespace
}  // namespace fathom
