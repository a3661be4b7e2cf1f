// What sprint compare found, as tables and as JSON.
#ifndef SPRINT_SELECTOR_PROGRAM_COMPARE_REPORT_H_
#define SPRINT_SELECTOR_PROGRAM_COMPARE_REPORT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/terminal.h"
#include "selector/comparison.h"
#include "selector/stored_answers.h"
#include "selector/vote_table.h"

namespace sprint {

// The same methods with the arms of another sweep, on the questions that both test.
struct ControlComparison {
  std::string name;  // of the control's snapshot
  Comparison own;    // on these questions
  Comparison control;
};

struct CompareReport {
  std::vector<int32_t> n;
  std::string selector;  // the first that was named; empty: none was
  Comparison comparison;
  // The unpruned model's samples: what others are compared with, where there are some.
  AnsweringMethod samples;
  std::vector<int64_t> questions;           // as `samples` numbers them
  std::unique_ptr<MethodValues> reference;  // of `samples`; null: none
  std::vector<ControlComparison> controls;
};

// Not const: values at other costs are computed when they are asked for, and kept.
std::string CompareJson(CompareReport& report);
void ShowCompare(const Terminal& terminal, CompareReport& report);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_PROGRAM_COMPARE_REPORT_H_
