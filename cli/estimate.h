// What a launch will cost, before it costs anything.
#ifndef SPRINT_CLI_ESTIMATE_H_
#define SPRINT_CLI_ESTIMATE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "cli/prepare.h"
#include "storage/reader.h"

namespace sprint {

struct LaunchEstimate {
  int64_t arms = 0;
  bool own_arms = false;  // each question has arms of its own, of these
  int64_t questions = 0;  // distinct prompts
  int64_t problems = 0;   // rows of the dataset
  int64_t cells = 0;
  int64_t existing = 0;  // rows that are there already
  int64_t missing = 0;
  int64_t prompt_tokens = 0;       // of the missing cells, were each computed alone
  int64_t generated_at_most = 0;   // missing cells x max_new_tokens
  double mean_tokens = 0;          // generated so far by this run's outcomes; 0: none are known
  int64_t generated_expected = 0;  // missing cells x mean_tokens, or the upper bound when not known
  int workers = 0;                 // at hand
  double tokens_per_second = 0;    // one worker's, measured; 0: not known
  double seconds = -1;             // negative: not known
  int64_t disk_bytes = 0;          // of the missing rows, at the expected length
};

// `census` is the database's, zeroes when there is none yet.
LaunchEstimate EstimateLaunch(const PreparedLaunch& launch, const SelectionCensus& census, int workers);

// Bytes that an outcome of `tokens` generated tokens takes in a database: its narrow row, its verdict, and
// the compressed payload.
int64_t OutcomeBytes(double tokens);

std::string FormatEstimate(const LaunchEstimate& estimate, const PreparedLaunch& launch);
std::string EstimateJson(const LaunchEstimate& estimate, const PreparedLaunch& launch);

}  // namespace sprint

#endif  // SPRINT_CLI_ESTIMATE_H_
