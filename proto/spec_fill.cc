#include "proto/spec_fill.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Edits (insert, delete, replace) between two short names.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// "maxNewTokens" and "max-new-tokens" are near "max_new_tokens".
std::string Squeezed(const std::string& name) {
  std::string out;
  for (char c : name) {
    if (c != '_' && c != '-') out.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string FieldNames(const Descriptor& type) {
  std::string names;
  for (int i = 0; i < type.field_count(); ++i)
    absl::StrAppend(&names, i == 0 ? "" : ", ", type.field(i)->name());
  return names;
}

// What a message shows of a value: short, on one line.
std::string Shown(const SpecValue& value) {
  switch (value.kind) {
    case SpecValue::Kind::kNull:
      return "nothing";
    case SpecValue::Kind::kList:
      return "a list";
    case SpecValue::Kind::kMap:
      return "a mapping";
    case SpecValue::Kind::kScalar:
      break;
  }
  std::string text = value.scalar.substr(0, 40);
  if (text.size() < value.scalar.size()) text += "…";
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return absl::StrCat("\"", text, "\"");
}

// [-+]?(0|[1-9][0-9]*)
bool IsDecimalInteger(absl::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.empty() || (text[0] == '0' && text.size() > 1)) return false;
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return absl::ascii_isdigit(c); });
}

class Filler {
 public:
  explicit Filler(const std::string& file_name) : file_name_(file_name) {}

  absl::Status Fill(const SpecValue& value, const std::string& path, Message& message) {
    const Descriptor& type = *message.GetDescriptor();
    if (value.kind != SpecValue::Kind::kMap) {
      return At(value.line, absl::StrCat(path.empty() ? "a spec" : path, " takes a mapping with the fields ",
                                         FieldNames(type), "; found ", Shown(value)));
    }
    for (const SpecField& given : value.fields) {
      const FieldDescriptor* field = type.FindFieldByName(given.name);
      if (field == nullptr) return At(given.line, UnknownField(type, given.name, path));
      const std::string below = path.empty() ? given.name : absl::StrCat(path, ".", given.name);
      if (given.value.kind == SpecValue::Kind::kNull) continue;
      SPRINT_RETURN_IF_ERROR(field->is_repeated() ? FillList(given.value, below, *field, message)
                                                  : FillOne(given.value, below, *field, message));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status At(int line, absl::string_view text) const { return SpecError(file_name_, line, text); }

  absl::Status WrongType(const SpecValue& value, const std::string& path, absl::string_view wanted) const {
    return At(value.line, absl::StrCat(path, " takes ", wanted, "; found ", Shown(value),
                                       value.quoted ? " in quotes" : ""));
  }

  absl::Status FillList(const SpecValue& value, const std::string& path, const FieldDescriptor& field,
                        Message& message) {
    if (value.kind != SpecValue::Kind::kList) return WrongType(value, path, "a list, as in [a, b]");
    for (size_t i = 0; i < value.items.size(); ++i) {
      SPRINT_RETURN_IF_ERROR(FillOne(value.items[i], absl::StrCat(path, "[", i, "]"), field, message));
    }
    return absl::OkStatus();
  }

  // Sets the field, or adds one element to it when it is a list.
  absl::Status FillOne(const SpecValue& value, const std::string& path, const FieldDescriptor& field,
                       Message& message) {
    const Reflection& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Fill(value, path,
                    field.is_repeated() ? *reflection.AddMessage(&message, &field)
                                        : *reflection.MutableMessage(&message, &field));
      case FieldDescriptor::CPPTYPE_STRING:
        if (value.kind != SpecValue::Kind::kScalar) return WrongType(value, path, "a text");
        field.is_repeated() ? reflection.AddString(&message, &field, value.scalar)
                            : reflection.SetString(&message, &field, value.scalar);
        return absl::OkStatus();
      case FieldDescriptor::CPPTYPE_BOOL:
        return FillBool(value, path, field, message);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return FillDouble(value, path, field, message);
      case FieldDescriptor::CPPTYPE_INT32:
      case FieldDescriptor::CPPTYPE_INT64:
        return FillSigned(value, path, field, message);
      case FieldDescriptor::CPPTYPE_UINT64:
        return FillUnsigned(value, path, field, message);
      default:
        return At(value.line, absl::StrCat(path, " is of a type that specs cannot write"));
    }
  }

  absl::Status FillBool(const SpecValue& value, const std::string& path, const FieldDescriptor& field,
                        Message& message) {
    const bool yes = value.scalar == "true" || value.scalar == "True" || value.scalar == "TRUE";
    const bool no = value.scalar == "false" || value.scalar == "False" || value.scalar == "FALSE";
    if (value.kind != SpecValue::Kind::kScalar || value.quoted || (!yes && !no)) {
      return WrongType(value, path, "true or false");
    }
    const Reflection& reflection = *message.GetReflection();
    field.is_repeated() ? reflection.AddBool(&message, &field, yes)
                        : reflection.SetBool(&message, &field, yes);
    return absl::OkStatus();
  }

  absl::Status FillDouble(const SpecValue& value, const std::string& path, const FieldDescriptor& field,
                          Message& message) {
    double number = 0;
    const bool plain = value.kind == SpecValue::Kind::kScalar && !value.quoted &&
                       value.scalar.find_first_not_of("0123456789+-.eE") == std::string::npos;
    if (!plain || !absl::SimpleAtod(value.scalar, &number)) return WrongType(value, path, "a number");
    if (!std::isfinite(number))
      return At(value.line, absl::StrCat(path, ": ", Shown(value), " is too large"));
    const Reflection& reflection = *message.GetReflection();
    field.is_repeated() ? reflection.AddDouble(&message, &field, number)
                        : reflection.SetDouble(&message, &field, number);
    return absl::OkStatus();
  }

  absl::Status CheckInteger(const SpecValue& value, const std::string& path) const {
    if (value.kind != SpecValue::Kind::kScalar || value.quoted || !IsDecimalInteger(value.scalar)) {
      return WrongType(value, path, "a whole number in decimal digits");
    }
    return absl::OkStatus();
  }
  template <typename T>
  absl::Status OutOfRange(const SpecValue& value, const std::string& path) const {
    return At(value.line, absl::StrCat(path, ": ", Shown(value), " is out of range; it goes from ",
                                       std::numeric_limits<T>::min(), " to ", std::numeric_limits<T>::max()));
  }

  absl::Status FillSigned(const SpecValue& value, const std::string& path, const FieldDescriptor& field,
                          Message& message) {
    SPRINT_RETURN_IF_ERROR(CheckInteger(value, path));
    const Reflection& reflection = *message.GetReflection();
    int64_t number = 0;
    const bool fits = absl::SimpleAtoi(value.scalar, &number);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
      if (!fits) return OutOfRange<int64_t>(value, path);
      field.is_repeated() ? reflection.AddInt64(&message, &field, number)
                          : reflection.SetInt64(&message, &field, number);
      return absl::OkStatus();
    }
    if (!fits || number < std::numeric_limits<int32_t>::min() ||
        number > std::numeric_limits<int32_t>::max()) {
      return OutOfRange<int32_t>(value, path);
    }
    const int32_t narrow = static_cast<int32_t>(number);
    field.is_repeated() ? reflection.AddInt32(&message, &field, narrow)
                        : reflection.SetInt32(&message, &field, narrow);
    return absl::OkStatus();
  }

  absl::Status FillUnsigned(const SpecValue& value, const std::string& path, const FieldDescriptor& field,
                            Message& message) {
    SPRINT_RETURN_IF_ERROR(CheckInteger(value, path));
    uint64_t number = 0;
    if (!absl::SimpleAtoi(value.scalar, &number)) return OutOfRange<uint64_t>(value, path);
    const Reflection& reflection = *message.GetReflection();
    field.is_repeated() ? reflection.AddUInt64(&message, &field, number)
                        : reflection.SetUInt64(&message, &field, number);
    return absl::OkStatus();
  }

  const std::string& file_name_;
};

}  // namespace

std::string UnknownField(const Descriptor& type, const std::string& name, const std::string& where) {
  const std::string shown = name.size() > 60 ? name.substr(0, 60) + "…" : name;
  std::string text = absl::StrCat("unknown field \"", shown, "\" in ",
                                  where.empty() ? std::string("the spec") : where, "; ");
  const std::string squeezed = Squeezed(name.substr(0, 60));
  size_t best = std::numeric_limits<size_t>::max();
  const FieldDescriptor* nearest = nullptr;
  for (int i = 0; i < type.field_count(); ++i) {
    const size_t distance = EditDistance(squeezed, Squeezed(type.field(i)->name()));
    if (distance < best) {
      best = distance;
      nearest = type.field(i);
    }
  }
  if (nearest != nullptr && best <= std::max<size_t>(1, std::min<size_t>(3, squeezed.size() / 2))) {
    return absl::StrCat(text, "did you mean \"", nearest->name(), "\"?");
  }
  return absl::StrCat(text, "known are ", FieldNames(type));
}

absl::Status FillMessage(const SpecValue& value, const std::string& file_name, Message& message) {
  return Filler(file_name).Fill(value, "", message);
}

}  // namespace sprint
