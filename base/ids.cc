#include "base/ids.h"

#include "absl/strings/str_cat.h"

namespace sprint {

std::string ToString(const CellKey& key) {
  return absl::StrCat("run ", key.run.value(), " question ", key.question.value(), " arm ", key.arm.value(),
                      " sample ", key.sample);
}

}  // namespace sprint
