#include "storage/records.h"

#include <algorithm>
#include <string>
#include <vector>

namespace sprint {
namespace {

// The hash of a set: of its members' hashes in ascending order.
void AddSorted(Hasher& hasher, absl::string_view name, std::vector<Hash256> hashes) {
  std::sort(hashes.begin(), hashes.end());
  std::string bytes;
  bytes.reserve(hashes.size() * 32);
  for (const Hash256& hash : hashes) bytes.append(hash.Raw().data(), hash.Raw().size());
  hasher.Add(name, bytes);
}

template <typename T>
std::vector<Hash256> HashAll(const std::vector<T>& things) {
  std::vector<Hash256> hashes;
  hashes.reserve(things.size());
  for (const T& thing : things) hashes.push_back(thing.ContentHash());
  return hashes;
}

std::vector<Hash256> Pick(const std::vector<Hash256>& hashes, const std::vector<int32_t>& indices) {
  std::vector<Hash256> picked;
  picked.reserve(indices.size());
  for (const int32_t index : indices) picked.push_back(hashes[static_cast<size_t>(index)]);
  return picked;
}

}  // namespace

Hash256 RunRecord::ContentHash() const {
  Hasher hasher("run/1");
  hasher.Add("weights", weights_hash);
  hasher.Add("tokenizer", tokenizer_hash);
  hasher.Add("dtype", dtype);
  hasher.Add("engine_mode", engine_mode);
  hasher.AddInt("sampler_version", sampler_version);
  hasher.AddInt("max_new_tokens", decoding.max_new_tokens);
  hasher.AddInts("stop_tokens", decoding.stop_tokens);
  hasher.AddInt("seed", static_cast<int64_t>(seed));
  // Rules came later: a run without any keeps the hash that it had.
  if (decoding.HasRules()) {
    hasher.AddDouble("temperature", decoding.sampling.temperature);
    hasher.AddInt("top_k", decoding.sampling.top_k);
    hasher.AddDouble("top_p", decoding.sampling.top_p);
    hasher.AddDouble("min_p", decoding.sampling.min_p);
    hasher.AddDouble("repetition_penalty", decoding.sampling.repetition_penalty);
    for (const std::string& stop : decoding.stop_strings) hasher.Add("stop_string", stop);
    hasher.AddInt("loop_repeats", decoding.loop_repeats);
  }
  return hasher.Finish();
}

Hash256 QuestionRecord::ContentHash() const {
  Hasher hasher("question/1");
  hasher.AddInts("tokens", tokens);
  return hasher.Finish();
}

Hash256 ExperimentPlan::SelectionHash() const {
  const std::vector<Hash256> run_hashes = HashAll(runs);
  const std::vector<Hash256> question_hashes = HashAll(questions);
  const std::vector<Hash256> arm_hashes = HashAll(arms);

  std::vector<Hash256> block_hashes;
  for (const BlockPlan& block : blocks) {
    Hasher hasher("block/1");
    hasher.Add("run", run_hashes[static_cast<size_t>(block.run)]);
    AddSorted(hasher, "questions", Pick(question_hashes, block.questions));
    AddSorted(hasher, "arms", Pick(arm_hashes, block.arms));
    hasher.AddInt("first_sample", block.first_sample);
    hasher.AddInt("samples", block.samples);
    block_hashes.push_back(hasher.Finish());
  }
  std::vector<Hash256> gold_hashes;
  for (const ProblemRecord& problem : problems) {
    Hasher hasher("gold/1");
    hasher.Add("question", question_hashes[static_cast<size_t>(problem.question)]);
    hasher.Add("gold", problem.gold);
    gold_hashes.push_back(hasher.Finish());
  }
  Hasher hasher("experiment/1");
  AddSorted(hasher, "blocks", std::move(block_hashes));
  AddSorted(hasher, "golds", std::move(gold_hashes));
  return hasher.Finish();
}

}  // namespace sprint
