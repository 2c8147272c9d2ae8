// tokenizer.json and tokenizer_config.json of a trained tokenizer, in the layout that DeepSeek-V3's
// have.
#pragma once

#include "base/status.h"
#include "tokenizer/bpe_learner.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/train.h"

namespace fathom {

/// DeepSeek-V3's sequence of splits, but with each digit by itself.
Result<PreTokenizer> training_pre_tokenizer();

/// Ids: special tokens, the 256 byte letters in the order of their code points, merged tokens as
/// they were learned, added tokens.
TrainedTokenizer write_tokenizer_files(const TokenizerTraining& options, const LearnedBpe& learned);

}  // namespace fathom
