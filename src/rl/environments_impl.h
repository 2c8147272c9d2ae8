// The makers of the environments that environment.cc lists.
#pragma once

#include <memory>

#include "rl/environment.h"

namespace fathom {

std::unique_ptr<Environment> make_tables_environment();
std::unique_ptr<Environment> make_repair_environment();
std::unique_ptr<Environment> make_arithmetic_environment();
std::unique_ptr<Environment> make_countdown_environment();
std::unique_ptr<Environment> make_lookup_environment();

}  // namespace fathom
