#include "eval/dataset_repeats.h"

#include <unordered_map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace sprint {

std::string RepeatKey(absl::string_view question) {
  std::string out;
  for (size_t i = 0; i < question.size(); ++i) {
    for (const absl::string_view looks :
         {"\\left", "\\right", "\\!", "\\,", "\\;", "\\ ", "\\displaystyle"}) {
      if (absl::StartsWith(question.substr(i), looks)) i += looks.size();
    }
    if (i >= question.size()) break;
    if (absl::StartsWith(question.substr(i), "\\dfrac") || absl::StartsWith(question.substr(i), "\\tfrac")) {
      out.push_back('\\');
      ++i;  // \frac
      continue;
    }
    const unsigned char c = static_cast<unsigned char>(question[i]);
    if (absl::ascii_isspace(c) || absl::StrContains(".,;:!?'\"$~", question.substr(i, 1))) continue;
    out.push_back(absl::ascii_tolower(c));
  }
  return out;
}

std::vector<RepeatedQuestion> FindRepeats(const std::vector<NamedDataset>& sets) {
  std::unordered_map<std::string, std::pair<size_t, size_t>> first;  // set, problem
  std::vector<RepeatedQuestion> repeats;
  for (size_t set = 0; set < sets.size(); ++set) {
    for (size_t i = 0; i < sets[set].problems.size(); ++i) {
      const Problem& problem = sets[set].problems[i];
      const auto [it, is_new] = first.emplace(RepeatKey(problem.question), std::pair(set, i));
      if (is_new) continue;
      const Problem& earlier = sets[it->second.first].problems[it->second.second];
      repeats.push_back(
          {static_cast<int64_t>(set), problem.id, static_cast<int64_t>(it->second.first), earlier.id,
           absl::StripAsciiWhitespace(problem.gold) == absl::StripAsciiWhitespace(earlier.gold)});
    }
  }
  return repeats;
}

}  // namespace sprint
