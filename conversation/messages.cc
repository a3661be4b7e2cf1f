#include "conversation/messages.h"

namespace sprint {

std::vector<CellKey> Grant::Cells() const {
  std::vector<CellKey> cells;
  for (const GrantedArm& granted : arms) {
    for (const int32_t sample : granted.samples) cells.push_back({run, question, granted.arm, sample});
  }
  return cells;
}

}  // namespace sprint
