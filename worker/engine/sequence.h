// One sequence as the scheduler keeps it.
#ifndef SPRINT_WORKER_ENGINE_SEQUENCE_H_
#define SPRINT_WORKER_ENGINE_SEQUENCE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "base/hash.h"
#include "worker/engine/draft_book.h"
#include "worker/engine/engine.h"
#include "worker/engine/sampler.h"
#include "worker/engine/stop_rule.h"

namespace sprint {

struct Sequence {
  SequenceRequest request;
  SequenceResult result;
  SamplingKey key;
  std::optional<StopRule> stop;

  Hash256 prompt;  // over the prompt's tokens
  // Of the prompt's full blocks (prefix_cache.h): without the arm, and with it.
  std::vector<Hash256> beginnings;
  std::vector<Hash256> keys;

  bool running = false;  // admitted: it may hold blocks
  bool started = false;  // rows of it were computed since it was admitted
  std::vector<int32_t> blocks;
  int64_t computed = 0;  // positions in the blocks
  size_t kept = 0;       // its first blocks that the prefix cache knows
  bool resumed = false;  // the K/V of the layers below its own was copied from a trace
  // The trace whose leader's answer this one has repeated so far (PromptTrace::serial); 0: none.
  int64_t follows = 0;
  // `blocks`, with the leader's in the place of its own where the trace has filled them: read by the layers
  // that compute what the leader computed. Empty: no trace was followed.
  std::vector<int32_t> shared;
  size_t shared_count = 0;  // the leader's, each held
  // Of the current step: rows, and where they enter (StepSequence).
  int64_t planned = 0;
  int32_t first_layer = 0;
  const float* hidden = nullptr;
  int64_t hidden_stride = 0;
  Draft draft;  // rows behind the planned one, which decodes

  int64_t prompt_size() const { return static_cast<int64_t>(request.prompt.size()); }
  // Positions whose token is known, and those of them that are not computed yet.
  int64_t known() const { return prompt_size() + static_cast<int64_t>(result.tokens.size()); }
  int64_t pending() const { return known() - computed; }
  // Feeds its newest token; else it has a prompt to compute, or all of it again.
  bool decodes() const { return computed > 0 && pending() == 1; }
  int32_t Token(int64_t position) const {
    const auto at = static_cast<size_t>(position);
    return at < request.prompt.size() ? request.prompt[at] : result.tokens[at - request.prompt.size()];
  }
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_SEQUENCE_H_
