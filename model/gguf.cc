#include "model/gguf.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

// Value types of the metadata (gguf.md, gguf_metadata_value_type).
enum ValueType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

struct GgmlType {
  uint32_t id;
  absl::string_view name;
};
// ggml's types that files may hold and we do not read, for the message.
constexpr GgmlType kOtherTypes[] = {
    {6, "Q5_0"},   {7, "Q5_1"},    {9, "Q8_1"},   {10, "Q2_K"},    {11, "Q3_K"},   {12, "Q4_K"},
    {13, "Q5_K"},  {14, "Q6_K"},   {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"},
    {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"}, {22, "IQ2_S"},   {23, "IQ4_XS"}, {24, "I8"},
    {25, "I16"},   {28, "F64"},    {29, "IQ1_M"}, {34, "TQ1_0"},   {35, "TQ2_0"},  {39, "MXFP4"},
};

std::optional<TensorType> TypeFromGgml(uint32_t id) {
  switch (id) {
    case 0:
      return TensorType::kF32;
    case 1:
      return TensorType::kF16;
    case 2:
      return TensorType::kQ4_0;
    case 3:
      return TensorType::kQ4_1;
    case 8:
      return TensorType::kQ8_0;
    case 26:
      return TensorType::kI32;
    case 27:
      return TensorType::kI64;
    case 30:
      return TensorType::kBF16;
    default:
      return std::nullopt;
  }
}

// The bytes that one element of a list takes at least: what bounds a count by the file's size.
size_t SmallestSize(uint32_t type) {
  switch (type) {
    case kUint8:
    case kInt8:
    case kBool:
      return 1;
    case kUint16:
    case kInt16:
      return 2;
    case kUint32:
    case kInt32:
    case kFloat32:
      return 4;
    default:
      return 8;
  }
}

// A bounded walk over the file. Every read says what it reads, for the message of a cut-off file.
class Cursor {
 public:
  explicit Cursor(const MappedFile& file)
      : path_(file.path()), rest_(file.bytes()), size_(file.bytes().size()) {}

  size_t position() const { return size_ - rest_.size(); }
  size_t left() const { return rest_.size(); }

  absl::Status Damaged(absl::string_view message) const {
    return Error(absl::StatusCode::kInvalidArgument, Reason::kModelDamaged,
                 absl::StrCat(path_, ": ", message));
  }
  absl::Status CutOff(absl::string_view what) const {
    return Damaged(absl::StrCat("the file ends inside ", what, " (at byte ", position(), " of ", size_,
                                "); it is cut off, download it again"));
  }

  template <typename T>
  absl::StatusOr<T> Read(absl::string_view what) {
    if (rest_.size() < sizeof(T)) return CutOff(what);
    T value;
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    return value;
  }
  absl::StatusOr<absl::string_view> ReadString(absl::string_view what) {
    SPRINT_ASSIGN_OR_RETURN(const uint64_t size, Read<uint64_t>(what));
    if (size > rest_.size()) return CutOff(what);
    const absl::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

 private:
  const std::string& path_;
  absl::string_view rest_;
  size_t size_;
};

template <typename T>
absl::StatusOr<int64_t> ReadAsInt(Cursor& cursor, absl::string_view what) {
  SPRINT_ASSIGN_OR_RETURN(const T value, cursor.Read<T>(what));
  if constexpr (std::is_same_v<T, uint64_t>) {  // beyond int64 only in files nobody writes: saturate
    return static_cast<int64_t>(std::min<uint64_t>(value, std::numeric_limits<int64_t>::max()));
  }
  return static_cast<int64_t>(value);
}

bool IsInteger(uint32_t type) { return type <= kInt32 || type == kBool || type == kUint64 || type == kInt64; }

absl::StatusOr<int64_t> ReadInteger(Cursor& cursor, uint32_t type, absl::string_view what) {
  switch (type) {
    case kUint8:
    case kBool:
      return ReadAsInt<uint8_t>(cursor, what);
    case kInt8:
      return ReadAsInt<int8_t>(cursor, what);
    case kUint16:
      return ReadAsInt<uint16_t>(cursor, what);
    case kInt16:
      return ReadAsInt<int16_t>(cursor, what);
    case kUint32:
      return ReadAsInt<uint32_t>(cursor, what);
    case kInt32:
      return ReadAsInt<int32_t>(cursor, what);
    case kUint64:
      return ReadAsInt<uint64_t>(cursor, what);
    default:
      return ReadAsInt<int64_t>(cursor, what);
  }
}

absl::StatusOr<double> ReadReal(Cursor& cursor, uint32_t type, absl::string_view what) {
  if (type == kFloat64) return cursor.Read<double>(what);
  SPRINT_ASSIGN_OR_RETURN(const float value, cursor.Read<float>(what));
  return static_cast<double>(value);
}

absl::StatusOr<GgufFile::Value> ReadArray(Cursor& cursor, absl::string_view what) {
  SPRINT_ASSIGN_OR_RETURN(const uint32_t type, cursor.Read<uint32_t>(what));
  SPRINT_ASSIGN_OR_RETURN(const uint64_t count, cursor.Read<uint64_t>(what));
  if (type > kFloat64 || type == kArray) {
    return cursor.Damaged(absl::StrCat(what, " is a list of the unknown type ", type));
  }
  if (count > cursor.left() / SmallestSize(type)) return cursor.CutOff(what);
  if (type == kString) {
    std::vector<absl::string_view> list(count);
    for (auto& item : list) {
      SPRINT_ASSIGN_OR_RETURN(item, cursor.ReadString(what));
    }
    return list;
  }
  if (IsInteger(type)) {
    std::vector<int64_t> list(count);
    for (auto& item : list) {
      SPRINT_ASSIGN_OR_RETURN(item, ReadInteger(cursor, type, what));
    }
    return list;
  }
  std::vector<double> list(count);
  for (auto& item : list) {
    SPRINT_ASSIGN_OR_RETURN(item, ReadReal(cursor, type, what));
  }
  return list;
}

absl::StatusOr<GgufFile::Value> ReadValue(Cursor& cursor, absl::string_view what) {
  SPRINT_ASSIGN_OR_RETURN(const uint32_t type, cursor.Read<uint32_t>(what));
  if (type == kArray) return ReadArray(cursor, what);
  if (type == kString) return cursor.ReadString(what);
  if (type == kFloat32 || type == kFloat64) return ReadReal(cursor, type, what);
  if (!IsInteger(type)) return cursor.Damaged(absl::StrCat(what, " has the unknown type ", type));
  SPRINT_ASSIGN_OR_RETURN(const int64_t value, ReadInteger(cursor, type, what));
  if (type == kBool) return GgufFile::Value(value != 0);
  return value;
}

struct TensorHeader {
  TensorInfo tensor;
  uint64_t offset = 0;
};

absl::StatusOr<TensorHeader> ReadTensorHeader(Cursor& cursor) {
  SPRINT_ASSIGN_OR_RETURN(const absl::string_view name, cursor.ReadString("a tensor's name"));
  const std::string what = absl::StrCat("the header of tensor ", name);
  SPRINT_ASSIGN_OR_RETURN(const uint32_t dimensions, cursor.Read<uint32_t>(what));
  if (dimensions > 8) return cursor.Damaged(absl::StrCat(what, " has ", dimensions, " dimensions"));
  TensorHeader header;
  header.tensor.name = std::string(name);
  int64_t elements = 1;
  for (uint32_t i = 0; i < dimensions; ++i) {
    SPRINT_ASSIGN_OR_RETURN(const uint64_t size, cursor.Read<uint64_t>(what));
    constexpr uint64_t kMost = uint64_t{1} << 48;
    if (size > kMost || (size > 0 && static_cast<uint64_t>(elements) > kMost / size)) {
      return cursor.Damaged(absl::StrCat(what, " has an impossible shape"));
    }
    elements *= static_cast<int64_t>(size);
    header.tensor.shape.insert(header.tensor.shape.begin(), static_cast<int64_t>(size));
  }
  SPRINT_ASSIGN_OR_RETURN(const uint32_t type, cursor.Read<uint32_t>(what));
  SPRINT_ASSIGN_OR_RETURN(header.offset, cursor.Read<uint64_t>(what));
  const std::optional<TensorType> known = TypeFromGgml(type);
  if (!known) {
    std::string found = absl::StrCat("number ", type);
    for (const GgmlType& other : kOtherTypes) {
      if (other.id == type) found = std::string(other.name);
    }
    return Error(absl::StatusCode::kUnimplemented, Reason::kModelUnsupported,
                 absl::StrCat("tensor ", name, " is stored as the type ", found,
                              "; supported are F32, F16, BF16, Q8_0, Q4_0 and Q4_1"));
  }
  header.tensor.type = *known;
  const int64_t row = header.tensor.shape.empty() ? 1 : header.tensor.shape.back();
  if (row % TensorBlock(*known) != 0) {
    return cursor.Damaged(absl::StrCat("the rows of tensor ", name, " have ", row, " elements, which ",
                                       TensorTypeName(*known), " cannot hold"));
  }
  return header;
}

// Gives every tensor its bytes; `data_start` is where the tensor data begins.
absl::StatusOr<std::vector<TensorInfo>> PlaceTensors(std::vector<TensorHeader> headers,
                                                     const MappedFile& file, uint64_t data_start,
                                                     uint64_t alignment) {
  const auto damaged = [&](absl::string_view message) {
    return Error(absl::StatusCode::kInvalidArgument, Reason::kModelDamaged,
                 absl::StrCat(file.path(), ": ", message));
  };
  std::sort(headers.begin(), headers.end(),
            [](const TensorHeader& a, const TensorHeader& b) { return a.offset < b.offset; });
  const uint64_t available = file.bytes().size() > data_start ? file.bytes().size() - data_start : 0;
  std::vector<TensorInfo> tensors;
  std::set<std::string> names;
  uint64_t end = 0;
  for (TensorHeader& header : headers) {
    TensorInfo& tensor = header.tensor;
    const auto size = static_cast<uint64_t>(TensorBytes(tensor.type, tensor.elements()));
    if (!names.insert(tensor.name).second)
      return damaged(absl::StrCat("tensor ", tensor.name, " is there twice"));
    if (header.offset % alignment != 0) {
      return damaged(absl::StrCat("tensor ", tensor.name, " is not aligned to ", alignment, " bytes"));
    }
    if (header.offset > available || size > available - header.offset) {
      return damaged(absl::StrCat("tensor ", tensor.name, " needs ", size, " bytes at ", header.offset,
                                  " of the data, which has ", available,
                                  " bytes; the file is cut off, download it again"));
    }
    if (header.offset < end)
      return damaged(absl::StrCat("tensor ", tensor.name, " overlaps the one before it"));
    end = header.offset + size;
    tensor.data = file.bytes().substr(data_start + header.offset, size);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const GgufFile>> GgufFile::Open(const std::string& path) {
  SPRINT_ASSIGN_OR_RETURN(auto file, MappedFile::Open(path));
  return Parse(std::move(file));
}

absl::StatusOr<std::shared_ptr<const GgufFile>> GgufFile::Parse(std::shared_ptr<const MappedFile> file) {
  Cursor cursor(*file);
  SPRINT_ASSIGN_OR_RETURN(const uint32_t magic, cursor.Read<uint32_t>("the magic number"));
  if (magic != 0x46554747) return cursor.Damaged("this is no GGUF file: it does not begin with GGUF");
  SPRINT_ASSIGN_OR_RETURN(const uint32_t version, cursor.Read<uint32_t>("the version"));
  if (version != 2 && version != 3) {
    return Error(
        absl::StatusCode::kUnimplemented, Reason::kModelUnsupported,
        absl::StrCat(file->path(), ": GGUF version ", version, " is not supported; versions 2 and 3 are"));
  }
  SPRINT_ASSIGN_OR_RETURN(const uint64_t tensor_count, cursor.Read<uint64_t>("the number of tensors"));
  SPRINT_ASSIGN_OR_RETURN(const uint64_t value_count, cursor.Read<uint64_t>("the number of metadata values"));
  constexpr size_t kSmallestEntry = 12;  // of either list: a name's length and a type
  if (tensor_count > cursor.left() / kSmallestEntry || value_count > cursor.left() / kSmallestEntry) {
    return cursor.Damaged(absl::StrCat("the header counts ", tensor_count, " tensors and ", value_count,
                                       " metadata values, more than the file can hold"));
  }
  std::shared_ptr<GgufFile> gguf(new GgufFile());
  for (uint64_t i = 0; i < value_count; ++i) {
    SPRINT_ASSIGN_OR_RETURN(const absl::string_view key, cursor.ReadString("a metadata key"));
    SPRINT_ASSIGN_OR_RETURN(Value value, ReadValue(cursor, absl::StrCat("the metadata value ", key)));
    if (!gguf->metadata_.emplace(std::string(key), std::move(value)).second) {
      return cursor.Damaged(absl::StrCat("the metadata key ", key, " is there twice"));
    }
  }
  std::vector<TensorHeader> headers;
  for (uint64_t i = 0; i < tensor_count; ++i) {
    auto header = ReadTensorHeader(cursor);
    if (!header.ok()) return header.status();
    headers.push_back(*std::move(header));
  }
  const int64_t alignment = gguf->Int("general.alignment").value_or(32);
  if (alignment < 1 || alignment > 1 << 20)
    return cursor.Damaged(absl::StrCat("general.alignment is ", alignment));
  const auto step = static_cast<uint64_t>(alignment);
  const uint64_t data_start = (cursor.position() + step - 1) / step * step;
  SPRINT_ASSIGN_OR_RETURN(std::vector<TensorInfo> tensors,
                          PlaceTensors(std::move(headers), *file, data_start, step));
  gguf->file_ = file;
  gguf->weights_ = std::make_shared<const WeightIndex>(std::move(tensors),
                                                       std::vector<std::shared_ptr<const MappedFile>>{file});
  return gguf;
}

const GgufFile::Value* GgufFile::Find(absl::string_view key) const {
  const auto it = metadata_.find(key);
  return it == metadata_.end() ? nullptr : &it->second;
}

std::optional<int64_t> GgufFile::Int(absl::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<int64_t>(value)) return *number;
  if (const auto* flag = std::get_if<bool>(value)) return *flag ? 1 : 0;
  return std::nullopt;
}

std::optional<double> GgufFile::Float(absl::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<double>(value)) return *number;
  if (const auto* number = std::get_if<int64_t>(value)) return static_cast<double>(*number);
  return std::nullopt;
}

std::optional<absl::string_view> GgufFile::String(absl::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* text = std::get_if<absl::string_view>(value)) return *text;
  return std::nullopt;
}

}  // namespace sprint
