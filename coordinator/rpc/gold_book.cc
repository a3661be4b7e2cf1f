#include "coordinator/rpc/gold_book.h"

#include <algorithm>

#include "eval/judge.h"

namespace sprint {

VerdictRecord JudgeText(const CellKey& cell, GoldId gold, const std::string& gold_text,
                        const std::string& text) {
  Verdict verdict = sprint::Judge(text, gold_text);
  return {cell,
          gold,
          kJudgeVersion,
          verdict.correct,
          std::move(verdict.extraction.answer),
          std::move(verdict.extraction.rule),
          std::move(verdict.reason)};
}

void GoldBook::Add(const std::vector<GoldEntry>& golds) {
  MutexLock lock(&mutex_);
  for (const GoldEntry& entry : golds) {
    if (entry.text.empty()) continue;
    std::vector<GoldEntry>& known = golds_[entry.question];
    const auto same = [&entry](const GoldEntry& other) { return other.gold == entry.gold; };
    if (std::none_of(known.begin(), known.end(), same)) known.push_back(entry);
  }
}

std::vector<GoldEntry> GoldBook::Of(QuestionId question) const {
  MutexLock lock(&mutex_);
  const auto found = golds_.find(question);
  return found == golds_.end() ? std::vector<GoldEntry>() : found->second;
}

void GoldBook::Judge(const CellKey& cell, const std::string& text,
                     std::vector<VerdictRecord>& verdicts) const {
  for (const GoldEntry& entry : Of(cell.question)) {
    const auto same = [&entry](const VerdictRecord& verdict) { return verdict.gold == entry.gold; };
    if (std::any_of(verdicts.begin(), verdicts.end(), same)) continue;
    verdicts.push_back(JudgeText(cell, entry.gold, entry.text, text));
  }
}

}  // namespace sprint
