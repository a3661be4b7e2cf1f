#include "conversation/grpc_status.h"

#include <google/protobuf/unknown_field_set.h>

#include <string>

#include "absl/strings/str_replace.h"
#include "base/status.h"

namespace sprint {
namespace {

// The two messages of google/rpc, written field by field: their C++ types are in no package we need
// otherwise.
//   Status    {1: code, 2: message, 3: repeated Any details}
//   Any       {1: type_url, 2: value}
//   ErrorInfo {1: reason, 2: domain}
constexpr char kErrorInfo[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kDomain[] = "sprint";

using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

std::string Pack(const std::string& first, const std::string& second) {
  UnknownFieldSet fields;
  fields.AddLengthDelimited(1, first);
  fields.AddLengthDelimited(2, second);
  std::string bytes;
  fields.SerializeToString(&bytes);
  return bytes;
}

std::string DetailsOf(const absl::Status& status, Reason reason) {
  UnknownFieldSet fields;
  fields.AddVarint(1, static_cast<uint64_t>(status.code()));
  fields.AddLengthDelimited(2, std::string(status.message()));
  fields.AddLengthDelimited(3, Pack(kErrorInfo, Pack(std::string(ReasonName(reason)), kDomain)));
  std::string bytes;
  fields.SerializeToString(&bytes);
  return bytes;
}

// The last bytes of field `number`, empty when there are none or `bytes` is no message.
std::string Field(const std::string& bytes, int number) {
  UnknownFieldSet fields;
  if (!fields.ParseFromString(bytes)) return "";
  std::string found;
  for (int i = 0; i < fields.field_count(); ++i) {
    const UnknownField& field = fields.field(i);
    if (field.number() == number && field.type() == UnknownField::TYPE_LENGTH_DELIMITED) {
      found = field.length_delimited();
    }
  }
  return found;
}

Reason ReasonOfDetails(const std::string& details) {
  UnknownFieldSet fields;
  if (details.empty() || !fields.ParseFromString(details)) return Reason::kUnspecified;
  for (int i = 0; i < fields.field_count(); ++i) {
    const UnknownField& field = fields.field(i);
    if (field.number() != 3 || field.type() != UnknownField::TYPE_LENGTH_DELIMITED) continue;
    const std::string& any = field.length_delimited();
    if (Field(any, 1) != kErrorInfo) continue;
    const std::string info = Field(any, 2);
    if (Field(info, 2) == kDomain) return ReasonFromName(Field(info, 1));
  }
  return Reason::kUnspecified;
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const Reason reason = ReasonOf(status);
  if (reason == Reason::kUnspecified) return grpc::Status(code, std::string(status.message()));
  return grpc::Status(code, std::string(status.message()), DetailsOf(status, reason));
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  const std::string message = absl::StrReplaceAll(status.error_message(), {{"\n", " "}, {"\r", " "}});
  Reason reason = ReasonOfDetails(status.error_details());
  if (reason == Reason::kUnspecified) {
    if (code != absl::StatusCode::kUnavailable) return absl::Status(code, message);
    reason = Reason::kNotReachable;
  }
  return Error(code, reason, message);
}

}  // namespace sprint
