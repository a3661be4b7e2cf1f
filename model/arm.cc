#include "model/arm.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace sprint {
namespace {

// No model has more layers or heads; it bounds what a typed range expands to.
constexpr int32_t kMaxIndex = 16383;

absl::Status Invalid(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kArmInvalid, message);
}

bool ParseIndex(absl::string_view text, int32_t& out) {
  return !text.empty() && absl::ascii_isdigit(static_cast<unsigned char>(text[0])) &&
         absl::SimpleAtoi(text, &out) && out <= kMaxIndex;
}

// "3:5", "L3H5", "3:0-8", "L3H0-8".
absl::Status ParsePart(absl::string_view part, absl::string_view whole, std::vector<HeadEdit>& edits) {
  const absl::Status bad = Invalid(
      absl::StrCat("\"", whole, "\" is not an arm; write L3H5 or 3:5 (layer, head), L3H0-8 for a range, ",
                   "several joined by +, or baseline"));
  absl::string_view rest = part;
  const bool lettered = absl::ConsumePrefix(&rest, "L") || absl::ConsumePrefix(&rest, "l");
  const size_t cut = lettered ? rest.find_first_of("Hh") : rest.find(':');
  if (cut == absl::string_view::npos) return bad;
  const absl::string_view heads = rest.substr(cut + 1);
  if (heads == "*") {
    return Invalid(absl::StrCat("\"", whole,
                                "\" names every head of a layer, which needs the model's head count; ",
                                "list the layer under whole layers instead"));
  }
  const std::pair<absl::string_view, absl::string_view> range =
      absl::StrSplit(heads, absl::MaxSplits('-', 1));
  int32_t layer, first, last;
  if (!ParseIndex(rest.substr(0, cut), layer) || !ParseIndex(range.first, first)) return bad;
  last = first;
  if (absl::StrContains(heads, '-') && !ParseIndex(range.second, last)) return bad;
  if (last < first) return Invalid(absl::StrCat("\"", whole, "\": the range ", heads, " runs backwards"));
  for (int32_t head = first; head <= last; ++head) edits.push_back({layer, head, HeadOp::kZero});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Arm> Arm::Create(std::vector<HeadEdit> edits) {
  std::sort(edits.begin(), edits.end());
  edits.erase(std::unique(edits.begin(), edits.end()), edits.end());
  for (size_t i = 0; i < edits.size(); ++i) {
    const HeadEdit& edit = edits[i];
    if (edit.layer < 0 || edit.head < 0 || edit.layer > kMaxIndex || edit.head > kMaxIndex) {
      return Invalid(
          absl::StrCat("layer ", edit.layer, ", head ", edit.head, ": both count from 0 to ", kMaxIndex));
    }
    if (edit.op != HeadOp::kZero) {
      return Invalid(absl::StrCat("L", edit.layer, "H", edit.head, ": operation ",
                                  static_cast<int32_t>(edit.op), " is not known; 0 (zero the head) is"));
    }
    if (i > 0 && edits[i - 1].layer == edit.layer && edits[i - 1].head == edit.head) {
      return Invalid(absl::StrCat("L", edit.layer, "H", edit.head, " has two operations"));
    }
  }
  Arm arm;
  arm.edits_ = std::move(edits);
  return arm;
}

absl::StatusOr<Arm> Arm::Parse(absl::string_view name) {
  const absl::string_view text = absl::StripAsciiWhitespace(name);
  if (absl::EqualsIgnoreCase(text, "baseline")) return Arm();
  std::vector<HeadEdit> edits;
  for (const absl::string_view part : absl::StrSplit(text, '+')) {
    SPRINT_RETURN_IF_ERROR(ParsePart(absl::StripAsciiWhitespace(part), text, edits));
  }
  return Create(std::move(edits));
}

std::string Arm::Name() const {
  if (edits_.empty()) return "baseline";
  std::string name;
  for (size_t i = 0; i < edits_.size();) {
    size_t end = i + 1;  // of the run of neighbouring heads
    while (end < edits_.size() && edits_[end].layer == edits_[i].layer &&
           edits_[end].head == edits_[end - 1].head + 1) {
      ++end;
    }
    absl::StrAppend(&name, i == 0 ? "" : "+", "L", edits_[i].layer, "H", edits_[i].head);
    if (end - i > 1) absl::StrAppend(&name, "-", edits_[end - 1].head);
    i = end;
  }
  return name;
}

Hash256 Arm::ContentHash() const {
  std::vector<int32_t> flat;
  flat.reserve(edits_.size() * 3);
  for (const HeadEdit& edit : edits_) {
    flat.insert(flat.end(), {edit.layer, edit.head, static_cast<int32_t>(edit.op)});
  }
  return Hasher("arm/1").AddInts("edits", flat).Finish();
}

absl::Status Arm::CheckFits(int32_t layers, int32_t heads) const {
  for (const HeadEdit& edit : edits_) {
    if (edit.layer >= layers) {
      return Invalid(absl::StrCat("arm ", Name(), ": layer ", edit.layer,
                                  " does not exist; the model has layers 0 to ", layers - 1));
    }
    if (edit.head >= heads) {
      return Invalid(absl::StrCat("arm ", Name(), ": head ", edit.head,
                                  " does not exist; the model has heads 0 to ", heads - 1));
    }
  }
  return absl::OkStatus();
}

namespace {

absl::Status CheckLayers(const std::vector<int32_t>& wanted, int32_t layers) {
  for (const int32_t layer : wanted) {
    if (layer < 0 || layer >= layers) {
      return Invalid(
          absl::StrCat("layer ", layer, " does not exist; the model has layers 0 to ", layers - 1));
    }
  }
  return absl::OkStatus();
}

// The arms of one layer: its heads in consecutive groups of `group`.
absl::Status AppendLayer(int32_t layer, int32_t heads, int32_t group, std::vector<Arm>& arms) {
  for (int32_t first = 0; first < heads; first += group) {
    std::vector<HeadEdit> edits;
    for (int32_t head = first; head < first + group; ++head) edits.push_back({layer, head, HeadOp::kZero});
    SPRINT_ASSIGN_OR_RETURN(Arm arm, Arm::Create(std::move(edits)));
    arms.push_back(std::move(arm));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Arm>> ExpandArms(const ArmSpec& spec, int32_t layers, int32_t heads) {
  if (spec.group < 1 || heads < 1 || heads % spec.group != 0) {
    return Invalid(
        absl::StrCat("groups of ", spec.group, " heads do not divide the model's ", heads, " heads"));
  }
  SPRINT_RETURN_IF_ERROR(CheckLayers(spec.head_layers, layers));
  SPRINT_RETURN_IF_ERROR(CheckLayers(spec.whole_layers, layers));
  std::vector<Arm> arms = {Arm()};
  for (const std::string& name : spec.explicit_arms) {
    SPRINT_ASSIGN_OR_RETURN(Arm arm, Arm::Parse(name));
    SPRINT_RETURN_IF_ERROR(arm.CheckFits(layers, heads));
    arms.push_back(std::move(arm));
  }
  for (const int32_t layer : spec.head_layers)
    SPRINT_RETURN_IF_ERROR(AppendLayer(layer, heads, spec.group, arms));
  for (const int32_t layer : spec.whole_layers)
    SPRINT_RETURN_IF_ERROR(AppendLayer(layer, heads, heads, arms));
  for (int32_t layer = 0; spec.all_heads && layer < layers; ++layer) {
    SPRINT_RETURN_IF_ERROR(AppendLayer(layer, heads, spec.group, arms));
  }
  std::sort(arms.begin(), arms.end());
  arms.erase(std::unique(arms.begin(), arms.end()), arms.end());
  return arms;
}

}  // namespace sprint
