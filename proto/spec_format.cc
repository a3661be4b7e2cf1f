#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/message.h"
#include "proto/spec_io.h"

namespace sprint {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Words that some YAML reader takes for something else than a text.
bool IsSpecialWord(absl::string_view text) {
  for (absl::string_view word : {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}) {
    if (absl::EqualsIgnoreCase(text, word)) return true;
  }
  return false;
}

// A text that means itself without quotes, in block and in flow style, to every YAML reader.
bool IsPlain(absl::string_view text) {
  if (text.empty()) return false;
  if (!absl::ascii_isalpha(static_cast<unsigned char>(text[0])) && text[0] != '/') return false;
  for (unsigned char c : text) {
    if (!absl::ascii_isalnum(c) && c != '_' && c != '-' && c != '.' && c != '/' && c != '+') return false;
  }
  return !IsSpecialWord(text);
}

// Double-quoted; what is not printable is escaped, other UTF-8 stands as it is.
std::string Quote(absl::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    const absl::string_view rest = text.substr(i);
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", rest.substr(0, 1));
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c < 0x20 || c == 0x7F) {
      absl::StrAppend(&out, "\\x", absl::Hex(c, absl::kZeroPad2));
    } else if (c == 0xC2 && rest.size() > 1 && static_cast<unsigned char>(rest[1]) < 0xA0) {
      absl::StrAppend(&out, "\\x", absl::Hex(static_cast<unsigned char>(rest[1]), absl::kZeroPad2));
      ++i;
    } else if (absl::StartsWith(rest, "\xE2\x80\xA8") || absl::StartsWith(rest, "\xE2\x80\xA9")) {
      out += rest[2] == '\xA8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else if (absl::StartsWith(rest, "\xEF\xBB\xBF")) {
      out += "\\uFEFF";
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out + "\"";
}

std::string Text(absl::string_view text) { return IsPlain(text) ? std::string(text) : Quote(text); }

// The shortest decimal that reads back to the same double.
std::string Number(double value) {
  for (int digits : {15, 16, 17}) {
    const std::string text = absl::StrFormat("%.*g", digits, value);
    double back = 0;
    if (absl::SimpleAtod(text, &back) && back == value) return text;
  }
  return absl::StrFormat("%.17g", value);
}

std::string Flow(const Message& message);

// One value: the field's own, or its `index`-th.
std::string FlowValue(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection& reflection = *message.GetReflection();
  const bool list = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return Flow(list ? reflection.GetRepeatedMessage(message, field, index)
                       : reflection.GetMessage(message, field));
    case FieldDescriptor::CPPTYPE_STRING:
      return Text(list ? reflection.GetRepeatedString(message, field, index)
                       : reflection.GetString(message, field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (list ? reflection.GetRepeatedBool(message, field, index) : reflection.GetBool(message, field))
                 ? "true"
                 : "false";
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Number(list ? reflection.GetRepeatedDouble(message, field, index)
                         : reflection.GetDouble(message, field));
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(list ? reflection.GetRepeatedInt32(message, field, index)
                               : reflection.GetInt32(message, field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(list ? reflection.GetRepeatedInt64(message, field, index)
                               : reflection.GetInt64(message, field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(list ? reflection.GetRepeatedUInt64(message, field, index)
                               : reflection.GetUInt64(message, field));
    default:
      return "null";  // no spec has a field of another type; spec_fill.cc refuses to read one too
  }
}

std::vector<const FieldDescriptor*> SetFields(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  return fields;
}

std::string FlowList(const Message& message, const FieldDescriptor* field) {
  std::string out = "[";
  const int count = message.GetReflection()->FieldSize(message, field);
  for (int i = 0; i < count; ++i) absl::StrAppend(&out, i == 0 ? "" : ", ", FlowValue(message, field, i));
  return out + "]";
}

// {a: 1, b: [2, 3]}
std::string Flow(const Message& message) {
  std::string out = "{";
  for (const FieldDescriptor* field : SetFields(message)) {
    absl::StrAppend(&out, out.size() == 1 ? "" : ", ", field->name(), ": ",
                    field->is_repeated() ? FlowList(message, field) : FlowValue(message, field, 0));
  }
  return out + "}";
}

// One field a line; messages indent theirs, a list of messages has one a line.
void Block(const Message& message, const std::string& indent, std::string& out) {
  const Reflection& reflection = *message.GetReflection();
  for (const FieldDescriptor* field : SetFields(message)) {
    const bool messages = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    absl::StrAppend(&out, indent, field->name(), ":");
    if (messages && field->is_repeated()) {
      out += "\n";
      const int count = reflection.FieldSize(message, field);
      for (int i = 0; i < count; ++i)
        absl::StrAppend(&out, indent, "  - ", FlowValue(message, field, i), "\n");
    } else if (messages && !SetFields(reflection.GetMessage(message, field)).empty()) {
      out += "\n";
      Block(reflection.GetMessage(message, field), indent + "  ", out);
    } else {
      absl::StrAppend(&out, " ",
                      field->is_repeated() ? FlowList(message, field) : FlowValue(message, field, 0), "\n");
    }
  }
}

}  // namespace

std::string FormatSpec(const v1::ExperimentSpec& spec) {
  std::string out;
  Block(spec, "", out);
  return out.empty() ? "{}\n" : out;
}

}  // namespace sprint
