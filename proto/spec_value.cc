#include "proto/spec_value.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/mark.h"
#include "yaml-cpp/parser.h"

namespace sprint {
namespace {

// Leaves the parser from inside its callbacks; never leaves this file.
struct Refusal {
  int line;
  std::string message;
};

int LineOf(const YAML::Mark& mark) { return mark.is_null() ? 1 : mark.line + 1; }

// A plain scalar that stands for nothing.
bool IsNullWord(const std::string& text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

// Builds the tree from the parser's events. Events arrive well nested, one root per document.
class TreeBuilder : public YAML::EventHandler {
 public:
  SpecValue TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    SpecValue value;
    value.line = LineOf(mark);
    Remember(anchor, value);
    Place(std::move(value));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto it = anchors_.find(anchor);
    if (it == anchors_.end()) throw Refusal{LineOf(mark), "an alias may not stand inside its own anchor"};
    CheckDepth(LineOf(mark), it->second.depth);
    Count(LineOf(mark), it->second.values);
    Place(it->second.value);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    SpecValue value;
    value.line = LineOf(mark);
    value.quoted = tag == "!";
    CheckTag(value.line, tag);
    value.kind = !value.quoted && IsNullWord(text) ? SpecValue::Kind::kNull : SpecValue::Kind::kScalar;
    value.scalar = text;
    Remember(anchor, value);
    Place(std::move(value));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(LineOf(mark), tag, anchor, SpecValue::Kind::kList);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(LineOf(mark), tag, anchor, SpecValue::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

 private:
  // A list or map that has begun and not ended.
  struct Frame {
    SpecValue value;
    YAML::anchor_t anchor;
    size_t values_before;   // values_ when it began
    int deepest = 1;        // levels below and with it, so far
    bool has_name = false;  // maps: a name waits for its value
    SpecField pending;
    std::set<std::string> names;  // maps: all so far
  };
  struct Anchored {
    SpecValue value;
    size_t values;
    int depth;
  };

  void CheckTag(int line, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw Refusal{line, absl::StrCat("the tag ", tag, " has no place in a spec; leave it out")};
  }
  void CheckDepth(int line, int more) {
    if (static_cast<int>(frames_.size()) + more > kMaxSpecDepth) {
      throw Refusal{line, absl::StrCat("nested more than ", kMaxSpecDepth, " levels deep; no spec is")};
    }
  }
  void Count(int line, size_t more) {
    values_ += more;
    if (values_ > kMaxSpecValues) {
      throw Refusal{line, absl::StrCat("more than ", kMaxSpecValues, " values (aliases expanded)")};
    }
  }
  void Remember(YAML::anchor_t anchor, const SpecValue& value) {
    Count(value.line, 1);
    if (anchor != 0) anchors_[anchor] = Anchored{value, 1, 0};
  }
  void Open(int line, const std::string& tag, YAML::anchor_t anchor, SpecValue::Kind kind) {
    CheckTag(line, tag);
    CheckDepth(line, 1);
    Frame frame;
    frame.value.kind = kind;
    frame.value.line = line;
    frame.anchor = anchor;
    frame.values_before = values_;
    Count(line, 1);
    frames_.push_back(std::move(frame));
  }
  void Close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (!frames_.empty()) frames_.back().deepest = std::max(frames_.back().deepest, frame.deepest + 1);
    if (frame.anchor != 0) {
      anchors_[frame.anchor] = Anchored{frame.value, values_ - frame.values_before, frame.deepest};
    }
    Place(std::move(frame.value));
  }
  // Puts a finished value where it belongs: the root, the list's end, or a map's name or value.
  void Place(SpecValue value) {
    if (frames_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.value.kind == SpecValue::Kind::kList) {
      frame.value.items.push_back(std::move(value));
    } else if (!frame.has_name) {
      TakeName(frame, std::move(value));
    } else {
      frame.pending.value = std::move(value);
      frame.value.fields.push_back(std::move(frame.pending));
      frame.has_name = false;
    }
  }
  void TakeName(Frame& frame, SpecValue value) {
    if (value.kind != SpecValue::Kind::kScalar) throw Refusal{value.line, "a field's name must be a word"};
    if (!frame.names.insert(value.scalar).second) {
      throw Refusal{value.line, absl::StrCat("the field \"", value.scalar, "\" is given twice")};
    }
    frame.pending = SpecField{std::move(value.scalar), value.line, SpecValue()};
    frame.has_name = true;
  }

  SpecValue root_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  size_t values_ = 0;
};

// The four hex digits after "\u" at `at`, or -1.
int HexAt(absl::string_view text, size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int value = 0;
  for (char c : text.substr(at + 2, 4)) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return -1;
    const int digit =
        absl::ascii_isdigit(static_cast<unsigned char>(c)) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10;
    value = value * 16 + digit;
  }
  return value;
}

// JSON writes a character beyond U+FFFF as two \u escapes, YAML as one \U. Only inside a JSON file,
// where a backslash stands in strings alone.
std::string JoinSurrogates(absl::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (size_t i = 0; i < json.size();) {
    if (json[i] != '\\' || i + 1 >= json.size()) {
      out.push_back(json[i++]);
      continue;
    }
    const int high = HexAt(json, i);
    const int low = high >= 0xD800 && high <= 0xDBFF ? HexAt(json, i + 6) : -1;
    if (low >= 0xDC00 && low <= 0xDFFF) {
      const uint32_t code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
      absl::StrAppend(&out, "\\U", absl::Hex(code, absl::kZeroPad8));
      i += 12;
    } else {
      out.append(json.data() + i, 2);
      i += 2;
    }
  }
  return out;
}

}  // namespace

absl::Status SpecError(const std::string& file_name, int line, absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kSpecInvalid,
               absl::StrCat(file_name, ":", line, ": ", message));
}

absl::StatusOr<SpecValue> ParseSpecValue(absl::string_view text, const std::string& file_name) {
  if (text.size() > kMaxSpecBytes) {
    return SpecError(file_name, 1,
                     absl::StrCat("the spec has ", text.size(), " bytes; at most ", kMaxSpecBytes));
  }
  if (text.find('\0') != absl::string_view::npos)
    return SpecError(file_name, 1, "a NUL byte: not a text file");
  const bool json = absl::EndsWithIgnoreCase(file_name, ".json");
  std::istringstream in(json ? JoinSurrogates(text) : std::string(text));
  try {
    YAML::Parser parser(in);
    TreeBuilder builder;
    if (!parser.HandleNextDocument(builder)) return SpecError(file_name, 1, "the spec is empty");
    SpecValue root = builder.TakeRoot();
    TreeBuilder next;
    if (parser.HandleNextDocument(next)) {
      return SpecError(file_name, next.TakeRoot().line, "a second document; a spec is one document");
    }
    return root;
  } catch (const Refusal& refusal) {
    return SpecError(file_name, refusal.line, refusal.message);
  } catch (const YAML::Exception& e) {
    return SpecError(file_name, LineOf(e.mark),
                     absl::StrCat("not valid ", json ? "JSON" : "YAML", ": ", e.msg));
  } catch (const std::exception& e) {
    return SpecError(file_name, 1, absl::StrCat("cannot be parsed: ", e.what()));
  }
}

}  // namespace sprint
