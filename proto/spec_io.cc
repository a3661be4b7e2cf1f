#include "proto/spec_io.h"

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "proto/spec_fill.h"
#include "proto/spec_value.h"
#include "proto/spec_words.h"

namespace sprint {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Keeps the first error of a textproto; protobuf counts lines from 0.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber, const std::string& message) override {
    if (!message_.empty()) return;
    line_ = line < 0 ? 1 : line + 1;
    message_ = message;
  }
  int line() const { return line_; }
  const std::string& message() const { return message_; }

 private:
  int line_ = 1;
  std::string message_;
};

// The text between the first pair of quotes at or after `from`, and where it ends.
std::string Quoted(const std::string& text, size_t& from) {
  const size_t open = text.find('"', from);
  const size_t close = open == std::string::npos ? open : text.find('"', open + 1);
  if (close == std::string::npos) return "";
  from = close + 1;
  return text.substr(open + 1, close - open - 1);
}

// protobuf's `Message type "T" has no field named "F".` in the words of the other formats; any
// other message stays as it is.
std::string Reworded(const std::string& message) {
  if (!absl::StartsWith(message, "Message type \"") || !absl::StrContains(message, "has no field named")) {
    return message;
  }
  size_t at = 0;
  const std::string type_name = Quoted(message, at);
  const std::string field = Quoted(message, at);
  const Descriptor* spec = v1::ExperimentSpec::descriptor();
  const Descriptor* type = spec->file()->pool()->FindMessageTypeByName(type_name);
  if (type == nullptr) return message;
  return UnknownField(*type, field, type == spec ? "" : type->name());
}

absl::Status ParseTextproto(absl::string_view text, const std::string& file_name, v1::ExperimentSpec& spec) {
  if (text.size() > kMaxSpecBytes) {
    return SpecError(file_name, 1,
                     absl::StrCat("the spec has ", text.size(), " bytes; at most ", kMaxSpecBytes));
  }
  FirstError errors;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.SetRecursionLimit(kMaxSpecDepth);
  if (!parser.ParseFromString(std::string(text), &spec)) {
    return SpecError(file_name, errors.line(),
                     errors.message().empty() ? "not a textproto of sprint.v1.ExperimentSpec"
                                              : Reworded(errors.message()));
  }
  return absl::OkStatus();
}

// Whether `text` is UTF-8 as the standard has it: no overlong forms, no surrogates.
bool IsUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const uint8_t lead = static_cast<uint8_t>(text[i]);
    const int more = lead < 0x80                   ? 0
                     : lead >= 0xC2 && lead < 0xE0 ? 1
                     : (lead & 0xF0) == 0xE0       ? 2
                     : lead >= 0xF0 && lead < 0xF5 ? 3
                                                   : -1;
    if (more < 0 || i + more >= text.size()) return false;
    uint32_t code = more == 0 ? lead : lead & (0x3F >> more);
    for (int k = 1; k <= more; ++k) {
      const uint8_t next = static_cast<uint8_t>(text[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      code = code << 6 | (next & 0x3F);
    }
    const bool overlong = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
    if (overlong || (code >= 0xD800 && code < 0xE000) || code > 0x10FFFF) return false;
    i += 1 + more;
  }
  return true;
}

// A text that the wire and the file system take: UTF-8 without NUL. Reports the field.
absl::Status CheckTexts(const Message& message, const std::string& path, const std::string& file_name) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    const std::string below = path.empty() ? field->name() : absl::StrCat(path, ".", field->name());
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        SPRINT_RETURN_IF_ERROR(CheckTexts(field->is_repeated()
                                              ? reflection.GetRepeatedMessage(message, field, i)
                                              : reflection.GetMessage(message, field),
                                          below, file_name));
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        const std::string text = field->is_repeated() ? reflection.GetRepeatedString(message, field, i)
                                                      : reflection.GetString(message, field);
        if (IsUtf8(text) && text.find('\0') == std::string::npos) continue;
        return SpecError(file_name, 1, absl::StrCat(below, " is not UTF-8 text without NUL"));
      }
    }
  }
  return absl::OkStatus();
}

// REQUIRES: FillMessage has taken `root`.
absl::Status CheckLayerWords(const SpecValue& root, const std::string& file_name) {
  for (const SpecField& field : root.fields) {
    if (field.name != "hidden_states") continue;
    for (size_t i = 0; i < field.value.items.size(); ++i) {
      const SpecValue& word = field.value.items[i];
      const std::string wrong = WrongLayerWord(word.scalar);
      if (!wrong.empty())
        return SpecError(file_name, word.line, absl::StrCat("hidden_states[", i, "] ", wrong));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::ExperimentSpec> ParseSpec(absl::string_view text, const std::string& file_name) {
  const std::filesystem::path name(file_name);
  const std::string ending = name.extension().string();
  v1::ExperimentSpec spec;
  if (ending == ".yaml" || ending == ".yml" || ending == ".json") {
    SPRINT_ASSIGN_OR_RETURN(const SpecValue root, ParseSpecValue(text, file_name));
    SPRINT_RETURN_IF_ERROR(FillMessage(root, file_name, spec));
    SPRINT_RETURN_IF_ERROR(CheckLayerWords(root, file_name));
  } else if (ending == ".textproto" || ending == ".txtpb" || ending == ".pbtxt") {
    SPRINT_RETURN_IF_ERROR(ParseTextproto(text, file_name, spec));
  } else {
    return Error(
        absl::StatusCode::kInvalidArgument, Reason::kSpecInvalid,
        absl::StrCat(file_name, ": the ending \"", ending,
                     "\" names no spec format; use .yaml, .yml, .json, .textproto, .txtpb or .pbtxt"));
  }
  SPRINT_RETURN_IF_ERROR(CheckTexts(spec, "", file_name));
  if (spec.name().empty()) spec.set_name(name.stem().string());
  return spec;
}

absl::StatusOr<v1::ExperimentSpec> ReadSpec(const std::string& path) {
  SPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseSpec(text, path);
}

}  // namespace sprint
