// Pretraining's batches: documents laid end to end and cut into sequences of seq_len predictions.
#pragma once

#include <memory>

#include "train/batch_source.h"

namespace fathom {

std::unique_ptr<BatchSource> make_text_source();

}  // namespace fathom
