// Samples of a model, for a comparison with what a snapshot's outcomes say.
//
// A snapshot holds greedy answers. What samples of the unpruned model, or of chosen arms, are worth stands in
// experiments of their own (sprint bon, or a launch with a temperature); their questions are matched by the
// prompts' tokens, and their run must be of the snapshot's weights.
#ifndef SPRINT_SELECTOR_SAMPLED_OUTCOMES_H_
#define SPRINT_SELECTOR_SAMPLED_OUTCOMES_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "selector/comparison.h"
#include "selector/snapshot.h"
#include "selector/stored_answers.h"
#include "storage/reader.h"

namespace sprint {

// An experiment's judged samples to the compared questions of a snapshot.
struct SampledOutcomes {
  std::string experiment;        // its name
  double tokens_per_second = 0;  // of one worker; 0: not known
  // [compared question], by (arm of the snapshot, sample); empty where it was not asked.
  std::vector<std::map<std::pair<int32_t, int32_t>, StoredAnswer>> answers;
};

// `questions`: ComparedQuestions of the snapshot, or some of them.
//   NOT_FOUND (kExperimentUnknown). FAILED_PRECONDITION: another model's run, or a greedy one.
absl::StatusOr<SampledOutcomes> ReadSampledOutcomes(Reader& reader, const std::string& experiment,
                                                    const Snapshot& snapshot,
                                                    absl::Span<const size_t> questions);

// (b) "samples": the unpruned model's, which are alike; weighted votes go by the mean log-probability of a
// token. Its questions are numbered from 0, in the order of `answers`; one without such a sample is left out.
AnsweringMethod BaselineSamples(const SampledOutcomes& outcomes);

// (g) the selector's first n arms, a sample each, called "NAME, sampled": the mean over the samples that all
// of them have. FAILED_PRECONDITION naming how many questions lack a sample of a chosen arm.
absl::StatusOr<MethodResult> SelectedSamples(const SampledOutcomes& outcomes, const SelectorChoices& selector,
                                             int32_t n, Aggregation aggregation);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_SAMPLED_OUTCOMES_H_
