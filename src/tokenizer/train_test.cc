#include "tokenizer/train.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/rng.h"
#include "base/threads.h"
#include "tokenizer/bpe_learner.h"
#include "tokenizer/tokenizer.h"

namespace fathom {
namespace {

/// The definition: count all pairs anew for each merge.
LearnedBpe learn_plainly(const std::vector<PieceCount>& pieces, const BpeLearning& options) {
  std::vector<std::vector<int32_t>> words;
  for (const PieceCount& piece : pieces) words.emplace_back(piece.bytes.begin(), piece.bytes.end());
  LearnedBpe learned;
  const auto bytes_of = [&](int32_t id) {
    return id < 256 ? std::string(1, static_cast<char>(id))
                    : learned.tokens[static_cast<size_t>(id) - 256];
  };
  while (static_cast<int64_t>(learned.tokens.size()) < options.n_tokens) {
    std::map<std::pair<int32_t, int32_t>, int64_t> counts;
    for (size_t w = 0; w < words.size(); ++w) {
      for (size_t i = 0; i + 1 < words[w].size(); ++i)
        counts[{words[w][i], words[w][i + 1]}] += pieces[w].count;
    }
    auto best = counts.end();
    for (auto it = counts.begin(); it != counts.end(); ++it) {
      const bool fits =
          options.max_token_bytes == 0 ||
          static_cast<int64_t>((bytes_of(it->first.first) + bytes_of(it->first.second)).size()) <=
              options.max_token_bytes;
      if (fits && it->second >= options.min_count &&
          (best == counts.end() || it->second > best->second))
        best = it;
    }
    if (best == counts.end()) break;
    const auto [left, right] = best->first;
    const std::string joined = bytes_of(left) + bytes_of(right);
    const auto known = std::find(learned.tokens.begin(), learned.tokens.end(), joined);
    const auto merged = static_cast<int32_t>(256 + (known - learned.tokens.begin()));
    if (known == learned.tokens.end()) learned.tokens.push_back(joined);
    learned.merges.push_back({left, right, merged});
    for (auto& word : words) {
      for (size_t i = 0; i + 1 < word.size(); ++i) {
        if (word[i] != left || word[i + 1] != right) continue;
        word[i] = merged;
        word.erase(word.begin() + static_cast<int64_t>(i) + 1);
      }
    }
  }
  return learned;
}

TEST(BpeLearner, LearnsWhatCountingAnewLearns) {
  const Rng rng(21, 0);
  for (uint64_t seed = 0; seed < 40; ++seed) {
    std::map<std::string, int64_t> words;
    for (uint64_t w = 0; w < 25; ++w) {
      std::string word;
      const uint64_t n = 1 + rng.below(seed * 10000 + w * 100, 14);
      for (uint64_t k = 0; k < n; ++k) word += "aab"[rng.below(seed * 10000 + w * 100 + k + 1, 3)];
      words[word] += static_cast<int64_t>(1 + rng.below(seed * 10000 + w * 100 + 50, 5));
    }
    std::vector<PieceCount> pieces;
    for (const auto& [word, n] : words) pieces.push_back({word, n});
    BpeLearning options;
    options.n_tokens = 60;
    options.min_count = seed % 2 == 0 ? 1 : 3;
    options.max_token_bytes = seed % 3 == 0 ? 5 : 0;
    const LearnedBpe quick = learn_bpe(pieces, options), plain = learn_plainly(pieces, options);
    ASSERT_EQ(quick.tokens, plain.tokens) << seed;
    ASSERT_EQ(quick.merges.size(), plain.merges.size()) << seed;
    for (size_t i = 0; i < quick.merges.size(); ++i) {
      ASSERT_EQ(quick.merges[i].left, plain.merges[i].left) << seed << " " << i;
      ASSERT_EQ(quick.merges[i].right, plain.merges[i].right) << seed << " " << i;
      ASSERT_EQ(quick.merges[i].merged, plain.merges[i].merged) << seed << " " << i;
    }
  }
}

const char* const kWords[] = {"the ",   "water ", "of 1984, ",  "think", "<think>", " rivers\n\n",
                              "naïve ", "河流 ",  "over\n    ", "it's ", "3.14159 "};

std::string some_text(uint64_t seed, size_t n_words) {
  const Rng rng(seed, 9);
  std::string text;
  for (size_t i = 0; i < n_words; ++i) text += kWords[rng.below(i, std::size(kWords))];
  return text;
}

TrainedTokenizer train_on(const std::vector<std::string>& texts, const TokenizerTraining& options) {
  const auto trainer = TokenizerTrainer::create(options);
  EXPECT_TRUE(trainer.ok()) << trainer.message();
  for (const std::string& text : texts) trainer.value()->add_text(text);
  const auto trained = trainer.value()->train();
  EXPECT_TRUE(trained.ok()) << trained.message();
  return trained.value();
}

TokenizerTraining of_size(int64_t vocab_size) {
  TokenizerTraining options;
  options.vocab_size = vocab_size;
  return options;
}

TEST(TokenizerTraining, IdsLieAsInDeepSeekV3) {
  const TrainedTokenizer trained = train_on({some_text(1, 2000)}, of_size(300));
  EXPECT_EQ(trained.vocab_size, 300);
  const auto parsed =
      Tokenizer::parse(trained.tokenizer_json, trained.tokenizer_config_json, "trained");
  ASSERT_TRUE(parsed.ok()) << parsed.message();
  const Tokenizer& t = *parsed.value();
  EXPECT_EQ(t.vocab_size(), 300);
  EXPECT_EQ(t.bos_id(), 0);
  EXPECT_EQ(t.eos_id(), 1);
  EXPECT_TRUE(t.add_bos_token());
  EXPECT_EQ(t.token_id("<｜▁pad▁｜>"), 2);
  EXPECT_EQ(t.token_id("!"), 3);
  EXPECT_EQ(t.token_id("Ń"), 258);
  EXPECT_EQ(t.token_id("<｜User｜>"), 293);
  EXPECT_EQ(t.token_id("<｜fim▁end｜>"), 299);
  EXPECT_TRUE(t.is_special(2));
  EXPECT_FALSE(t.is_special(293));
  const auto json = nlohmann::json::parse(trained.tokenizer_json);
  EXPECT_EQ(json["model"]["vocab"].size(), 293U);  // those at the end are added tokens only
  EXPECT_EQ(json["model"]["merges"].size(), static_cast<size_t>(trained.n_merges));
}

TEST(TokenizerTraining, FrequentWordsBecomeTokensAndDigitsStaySingle) {
  const TrainedTokenizer trained = train_on({some_text(2, 3000)}, of_size(420));
  const auto t = Tokenizer::parse(trained.tokenizer_json, "", "trained").value();
  EXPECT_EQ(t->encode("water").size(), 1U);
  EXPECT_EQ(t->encode("1984").size(), 4U);
  EXPECT_EQ(t->encode("<think>water</think>").size(), 3U);
  const std::string text = some_text(3, 500) + "never seen: żółw 🐢";
  EXPECT_EQ(t->decode(t->encode(text)), text);
}

TEST(TokenizerTraining, NeitherThreadsNorOrderChangeTheResult) {
  std::vector<std::string> texts;
  for (uint64_t i = 0; i < 12; ++i) texts.push_back(some_text(i, 300));
  texts.push_back(some_text(77, 600000));  // several chunks
  const std::string one = train_on(texts, of_size(400)).tokenizer_json;
  std::reverse(texts.begin(), texts.end());
  const int n_before = num_threads();
  set_num_threads(3);
  const std::string other = train_on(texts, of_size(400)).tokenizer_json;
  set_num_threads(n_before);
  EXPECT_EQ(one, other);
}

TEST(TokenizerTraining, ChunksCutNoPiece) {
  const std::string text = some_text(5, 500000);
  ASSERT_GT(text.size(), size_t{2} << 20);
  const auto whole = TokenizerTrainer::create(of_size(300)).value();
  whole->add_text(text);
  const auto lines = TokenizerTrainer::create(of_size(300)).value();
  for (size_t at = 0; at < text.size();) {  // a cut after each blank line, where a word follows
    size_t end = text.find("\n\nthe", at);
    end = end == std::string::npos ? text.size() : end + 2;
    lines->add_text(std::string_view(text).substr(at, end - at));
    at = end;
  }
  EXPECT_EQ(whole->train().value().tokenizer_json, lines->train().value().tokenizer_json);
}

TEST(TokenizerTraining, TextsOfAddedTokensAndInvalidBytesAreLeftOut) {
  const std::string text = some_text(6, 500);
  std::string dirty;
  for (int i = 0; i < 5; ++i) dirty += "\xFF<｜User｜>";
  EXPECT_EQ(train_on({text}, of_size(330)).tokenizer_json,
            train_on({dirty, text}, of_size(330)).tokenizer_json);
}

TEST(TokenizerTraining, TextThatRunsOutGivesASmallerVocabulary) {
  const TrainedTokenizer trained = train_on({"abab"}, of_size(1000));
  EXPECT_EQ(trained.vocab_size, 266 + 1);  // "ab" twice; "abab" occurs once
  const TrainedTokenizer none = train_on({}, of_size(1000));
  EXPECT_EQ(none.vocab_size, 266);
}

TEST(TokenizerTraining, WrongOptionsAreRefused) {
  const auto message = [](const TokenizerTraining& o) {
    return TokenizerTrainer::create(o).message();
  };
  EXPECT_NE(message(of_size(265)).find("266"), std::string::npos);
  TokenizerTraining twice = of_size(400);
  twice.added_tokens.push_back("<think>");
  EXPECT_NE(message(twice).find("twice"), std::string::npos);
  TokenizerTraining absent = of_size(400);
  absent.bos_token = "<s>";
  EXPECT_NE(message(absent).find("\"<s>\""), std::string::npos);
  TokenizerTraining broken = of_size(400);
  broken.added_tokens.push_back("\xFF");
  EXPECT_FALSE(TokenizerTrainer::create(broken).ok());
}

TEST(TokenizerTraining, TheChatTemplateIsPassedOn) {
  TokenizerTraining options = of_size(300);
  options.chat_template = "{{ bos_token }}";
  const TrainedTokenizer trained = train_on({"abc"}, options);
  EXPECT_EQ(Tokenizer::parse(trained.tokenizer_json, trained.tokenizer_config_json, "")
                .value()
                ->chat_template(),
            "{{ bos_token }}");
}

}  // namespace
}  // namespace fathom
