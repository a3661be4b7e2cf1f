#include "model/arm.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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

// A plain decimal: "0.5", "2".
bool ParseFactor(absl::string_view text, double& factor) {
  return !text.empty() && text.find_first_not_of("0123456789.") == absl::string_view::npos &&
         absl::SimpleAtod(text, &factor);
}

constexpr int32_t kMostThousandths = 10'000;

int32_t ThousandthsOf(HeadOp op) {
  return static_cast<int32_t>(op) - static_cast<int32_t>(HeadOp::kScaleZero);
}

// "0.5" of 500.
std::string FactorText(int32_t thousandths) {
  std::string text = absl::StrFormat("%d.%03d", thousandths / 1000, thousandths % 1000);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

// "3:5", "L3H5", "3:0-8", "L3H0-8", and any of them with "*0.5" behind.
absl::Status ParsePart(absl::string_view part, absl::string_view whole, std::vector<HeadEdit>& edits) {
  const absl::Status bad = Invalid(
      absl::StrCat("\"", whole, "\" is not an arm; write L3H5 or 3:5 (layer, head), L3H0-8 for a range, ",
                   "L3H5*0.5 to scale, several joined by +, or baseline"));
  absl::string_view rest = part;
  HeadOp op = HeadOp::kZero;
  if (const size_t star = part.rfind('*'); star != absl::string_view::npos && star + 1 < part.size()) {
    double factor = 0;
    if (!ParseFactor(part.substr(star + 1), factor)) return bad;
    SPRINT_ASSIGN_OR_RETURN(op, ScaleBy(factor));
    rest = part.substr(0, star);
  }
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
  for (int32_t head = first; head <= last; ++head) edits.push_back({layer, head, op});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HeadOp> ScaleBy(double factor) {
  const double thousandths = factor * 1000;
  const double whole = std::round(thousandths);
  if (!(std::abs(thousandths - whole) < 1e-6) || whole < 1 || whole > kMostThousandths || whole == 1000) {
    return Invalid(absl::StrCat("a head cannot be scaled by ", factor,
                                "; take a multiple of 0.001 above 0, at most 10, and not 1"));
  }
  return static_cast<HeadOp>(static_cast<int32_t>(HeadOp::kScaleZero) + static_cast<int32_t>(whole));
}

bool IsHeadOp(HeadOp op) {
  const int32_t thousandths = ThousandthsOf(op);
  return op == HeadOp::kZero || (thousandths >= 1 && thousandths <= kMostThousandths && thousandths != 1000);
}

float FactorOf(HeadOp op) {
  return op == HeadOp::kZero ? 0.0F : static_cast<float>(ThousandthsOf(op) / 1000.0);
}

absl::StatusOr<Arm> Arm::Create(std::vector<HeadEdit> edits) {
  std::sort(edits.begin(), edits.end());
  edits.erase(std::unique(edits.begin(), edits.end()), edits.end());
  for (size_t i = 0; i < edits.size(); ++i) {
    const HeadEdit& edit = edits[i];
    if (edit.layer < 0 || edit.head < 0 || edit.layer > kMaxIndex || edit.head > kMaxIndex) {
      return Invalid(
          absl::StrCat("layer ", edit.layer, ", head ", edit.head, ": both count from 0 to ", kMaxIndex));
    }
    if (!IsHeadOp(edit.op)) {
      return Invalid(absl::StrCat("L", edit.layer, "H", edit.head, ": operation ",
                                  static_cast<int32_t>(edit.op),
                                  " is not known; 0 (zero the head) is, and 10000 + so many thousandths"));
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
  if (absl::EqualsIgnoreCase(text, kBaselineName)) return Arm();
  std::vector<HeadEdit> edits;
  for (const absl::string_view part : absl::StrSplit(text, '+')) {
    SPRINT_RETURN_IF_ERROR(ParsePart(absl::StripAsciiWhitespace(part), text, edits));
  }
  return Create(std::move(edits));
}

std::string Arm::Name() const {
  if (edits_.empty()) return kBaselineName;
  std::string name;
  for (size_t i = 0; i < edits_.size();) {
    size_t end = i + 1;  // of the run of neighbouring heads
    while (end < edits_.size() && edits_[end].layer == edits_[i].layer && edits_[end].op == edits_[i].op &&
           edits_[end].head == edits_[end - 1].head + 1) {
      ++end;
    }
    absl::StrAppend(&name, i == 0 ? "" : "+", "L", edits_[i].layer, "H", edits_[i].head);
    if (end - i > 1) absl::StrAppend(&name, "-", edits_[end - 1].head);
    if (edits_[i].op != HeadOp::kZero) absl::StrAppend(&name, "*", FactorText(ThousandthsOf(edits_[i].op)));
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
absl::Status AppendLayer(int32_t layer, int32_t heads, int32_t group, HeadOp op, std::vector<Arm>& arms) {
  for (int32_t first = 0; first < heads; first += group) {
    std::vector<HeadEdit> edits;
    for (int32_t head = first; head < first + group; ++head) edits.push_back({layer, head, op});
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
  HeadOp op = HeadOp::kZero;
  if (spec.factor != 0) {
    SPRINT_ASSIGN_OR_RETURN(op, ScaleBy(spec.factor));
  }
  std::vector<Arm> arms = {Arm()};
  for (const std::string& name : spec.explicit_arms) {
    SPRINT_ASSIGN_OR_RETURN(Arm arm, Arm::Parse(name));
    SPRINT_RETURN_IF_ERROR(arm.CheckFits(layers, heads));
    arms.push_back(std::move(arm));
  }
  for (const int32_t layer : spec.head_layers)
    SPRINT_RETURN_IF_ERROR(AppendLayer(layer, heads, spec.group, op, arms));
  for (const int32_t layer : spec.whole_layers)
    SPRINT_RETURN_IF_ERROR(AppendLayer(layer, heads, heads, op, arms));
  for (int32_t layer = 0; spec.all_heads && layer < layers; ++layer) {
    SPRINT_RETURN_IF_ERROR(AppendLayer(layer, heads, spec.group, op, arms));
  }
  std::sort(arms.begin(), arms.end());
  arms.erase(std::unique(arms.begin(), arms.end()), arms.end());
  return arms;
}

}  // namespace sprint
