#include "toolbox/asking_words.h"

#include <gtest/gtest.h>

namespace fathom {
namespace {

TEST(AskingWords, AskCountAndJoinAndNameNothing) {
  for (const char* word : {"how", "average", "the", "display", "highest", "may", "please", "o"})
    EXPECT_TRUE(is_asking_word(word)) << word;
  for (const char* word : {"water", "price", "employees", "sold", "", "#", "Read", "words."})
    EXPECT_FALSE(is_asking_word(word)) << word;
}

}  // namespace
}  // namespace fathom
