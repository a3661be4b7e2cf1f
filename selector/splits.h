// Splits by question: training, validation and test questions that share no near-duplicates.
//
// Two questions are near-duplicates when the sets of word triples of their normalised texts (lower
// case, letters and digits only) have a Jaccard similarity of at least the threshold. Groups are the
// connected components of that relation; a group is never parted. The pairs are found exactly, by
// prefix filtering (Bayardo, Ma & Srikant, "Scaling up all pairs similarity search", WWW 2007).
#ifndef SPRINT_SELECTOR_SPLITS_H_
#define SPRINT_SELECTOR_SPLITS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace sprint {

// What a question is used for. Frozen: the names are stored.
enum class Split { kTrain, kValidation, kTest, kDropped };
absl::string_view SplitName(Split split);  // "train", "validation", "test", "dropped"

struct SplitOptions {
  double test_fraction = 0.3;
  double validation_fraction = 0.15;
  double near_duplicate = 0.7;  // Jaccard similarity; above 1: only equal texts are duplicates
  uint64_t seed = 1;
};
// INVALID_ARGUMENT naming the value that is out of its range.
absl::Status CheckSplitOptions(const SplitOptions& options);

// Lower case, letters and digits only, one space between words; bytes above ASCII are kept.
std::string NormalisedQuestion(absl::string_view text);

// The group of each text, numbered from 0 in the order of their first member.
std::vector<int32_t> NearDuplicateGroups(absl::Span<const std::string> texts, double threshold);

// Deals whole groups out, in an order that the seed alone decides: to test, then to validation, each up
// to its share of all questions, the rest to training. `is_test`, when not empty, names the test
// questions instead; what is in a group with one of them but is none is dropped, so that no
// near-duplicate of a test question is trained on. REQUIRES: parallel inputs.
std::vector<Split> MakeSplits(absl::Span<const int32_t> groups, const std::vector<bool>& is_test,
                              const SplitOptions& options);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_SPLITS_H_
