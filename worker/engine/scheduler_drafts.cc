// Drafts from known answers: which are tried in a step, and what is kept of them (scheduler.h).
#include <algorithm>

#include "worker/engine/attention.h"
#include "worker/engine/scheduler.h"

namespace sprint {

void Scheduler::ChooseDrafts() {
  struct Candidate {
    Sequence* sequence;
    double chance;  // that the token and all before it are right
  };
  int64_t planned = 0;
  int64_t decoding = 0;
  for (const Sequence& sequence : sequences_) {
    planned += sequence.planned;
    decoding += sequence.planned > 0 && sequence.decodes() ? 1 : 0;
  }
  // Where not even drafts that are surely right would pay, none is looked for.
  const int64_t most = std::min(options_.max_tokens_per_step - planned, decoding * options_.max_draft);
  const std::vector<double> certain(static_cast<size_t>(std::max<int64_t>(0, most)), 1.0);
  if (decoding == 0 || DraftsWorthTheirRows(options_.step_cost, planned, decoding, certain) == 0) return;
  std::vector<Candidate> candidates;
  absl::flat_hash_map<Hash256, std::vector<const Sequence*>> by_prompt;
  for (const Sequence& sequence : sequences_) {
    if (!sequence.result.tokens.empty()) by_prompt[sequence.prompt].push_back(&sequence);
  }
  for (Sequence& sequence : sequences_) {
    if (sequence.planned == 0 || !sequence.decodes()) continue;
    DraftQuery query{sequence.prompt, sequence.request.prompt, sequence.result.tokens, {}};
    for (const Sequence* other : by_prompt[sequence.prompt]) {
      if (other != &sequence) query.others.push_back(other->result.tokens);
    }
    sequence.draft = drafts_.Propose(query, options_.max_draft);
    FitDraftToTrace(sequence);
    FitDraft(sequence);
    double chance = 1;
    for (size_t i = 0; i < sequence.draft.tokens.size(); ++i) {
      chance *= drafts_.Chance(sequence.draft.source, sequence.draft.match + static_cast<int64_t>(i));
      candidates.push_back({&sequence, chance});
    }
  }
  // Along one draft chances fall, so that a stable order takes a draft's tokens from its first on.
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.chance > b.chance; });
  const int64_t room = std::max<int64_t>(0, options_.max_tokens_per_step - planned);
  std::vector<double> chances;
  for (size_t i = 0; i < candidates.size() && static_cast<int64_t>(i) < room; ++i) {
    chances.push_back(candidates[i].chance);
  }
  const int64_t worth =
      chances.empty() ? 0 : DraftsWorthTheirRows(options_.step_cost, planned, decoding, chances);
  absl::flat_hash_map<Sequence*, size_t> taken;
  for (int64_t i = 0; i < worth; ++i) ++taken[candidates[static_cast<size_t>(i)].sequence];
  for (Sequence& sequence : sequences_) {
    const auto found = taken.find(&sequence);
    sequence.draft.tokens.resize(found == taken.end() ? 0 : found->second);
    // The blocks were there when the draft was cut to them; others may have taken them since.
    FitDraft(sequence);
    const int64_t end = sequence.computed + 1 + static_cast<int64_t>(sequence.draft.tokens.size());
    while (!sequence.draft.tokens.empty() &&
           static_cast<int64_t>(sequence.blocks.size()) * kBlockTokens < end) {
      TakeBlock(sequence);
    }
    if (sequence.first_layer > 0 && sequence.planned > 0 && !sequence.draft.tokens.empty())
      ShareAnswer(sequence, *traces_.Find(sequence.prompt), end - 1);
    drafted_ += static_cast<int64_t>(sequence.draft.tokens.size());
  }
}

void Scheduler::FitDraft(Sequence& sequence) {
  if (sequence.draft.tokens.empty()) return;
  const auto generated = static_cast<int64_t>(sequence.result.tokens.size());
  const int64_t blocks = static_cast<int64_t>(sequence.blocks.size()) + pool_.available();
  const int64_t most =
      std::min({sequence.request.decoding.max_new_tokens - generated - 1, config_.context - sequence.known(),
                blocks * kBlockTokens - sequence.known()});
  const auto size = static_cast<int64_t>(sequence.draft.tokens.size());
  sequence.draft.tokens.resize(static_cast<size_t>(std::clamp<int64_t>(most, 0, size)));
}

bool Scheduler::TakeTokens(Sequence& sequence, size_t row, const std::vector<int32_t>& next,
                           const std::vector<float>& logprobs, const std::vector<int32_t>& accepted) {
  const Draft draft = std::move(sequence.draft);
  sequence.draft = Draft{};
  for (size_t i = 0;; ++i) {
    if (Append(sequence, next[row + i], logprobs[row + i])) return true;
    if (i == draft.tokens.size()) return false;
    const bool right =
        accepted.empty() ? next[row + i] == draft.tokens[i] : static_cast<int32_t>(i) < accepted[row];
    drafts_.Observe(draft.source, draft.match + static_cast<int64_t>(i), right);
    if (!right) return false;
    // The draft's row had the right token at the right place: its K/V stays, what it gave is next.
    ++sequence.computed;
    ++accepted_;
  }
}

}  // namespace sprint
