// The safetensors format: u64 header size, a JSON header of {name: {dtype, shape, data_offsets}},
// then the data. Source: github.com/huggingface/safetensors, README "Format"; as there, tensors must
// cover the data exactly, without holes or overlaps.
#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/json.h"
#include "model/weights.h"

namespace sprint {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor data is read in place as little-endian");

constexpr uint64_t kMaxHeader = 100'000'000;  // the reference implementation's limit
constexpr int64_t kMaxElements = int64_t{1} << 48;

absl::Status Damaged(absl::string_view path, absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kModelDamaged, absl::StrCat(path, ": ", message));
}

std::optional<TensorType> TypeFromName(absl::string_view name) {
  if (name == "F32") return TensorType::kF32;
  if (name == "F16") return TensorType::kF16;
  if (name == "BF16") return TensorType::kBF16;
  if (name == "I64") return TensorType::kI64;
  if (name == "I32") return TensorType::kI32;
  return std::nullopt;
}

absl::string_view NameOfType(TensorType type) {
  switch (type) {
    case TensorType::kF32:
      return "F32";
    case TensorType::kF16:
      return "F16";
    case TensorType::kBF16:
      return "BF16";
    case TensorType::kI64:
      return "I64";
    case TensorType::kI32:
      return "I32";
    default:
      return "";
  }
}

absl::StatusOr<std::vector<int64_t>> ReadShape(const Json& entry, absl::string_view path,
                                               absl::string_view name) {
  const Json* shape = FindMember(entry, "shape");
  const absl::Status bad =
      Damaged(path, absl::StrCat("the shape of tensor ", name, " is not a list of sizes"));
  if (shape == nullptr || !shape->is_array() || shape->size() > 8) return bad;
  std::vector<int64_t> sizes;
  int64_t elements = 1;
  for (const Json& item : *shape) {
    const std::optional<int64_t> size = IntegerOf(item);
    if (!size || *size < 0 || *size > kMaxElements) return bad;
    if (*size > 0 && elements > kMaxElements / *size) return bad;
    elements *= *size;
    sizes.push_back(*size);
  }
  return sizes;
}

// One entry of the header; `data` is what follows the header.
absl::StatusOr<TensorInfo> ReadTensor(const std::string& name, const Json& entry, absl::string_view path,
                                      absl::string_view data) {
  const Json* dtype = FindMember(entry, "dtype");
  if (dtype == nullptr || !dtype->is_string()) {
    return Damaged(path, absl::StrCat("tensor ", name, " has no dtype"));
  }
  const std::optional<TensorType> type = TypeFromName(StringOf(*dtype));
  if (!type) {
    return Error(absl::StatusCode::kUnimplemented, Reason::kModelUnsupported,
                 absl::StrCat(path, ": tensor ", name, " is stored as ", ShowJson(*dtype),
                              "; supported are F32, F16 and BF16"));
  }
  TensorInfo tensor;
  tensor.name = name;
  tensor.type = *type;
  SPRINT_ASSIGN_OR_RETURN(tensor.shape, ReadShape(entry, path, name));
  const Json* offsets = FindMember(entry, "data_offsets");
  std::optional<int64_t> begin, end;
  if (offsets != nullptr && offsets->is_array() && offsets->size() == 2) {
    begin = IntegerOf((*offsets)[0]);
    end = IntegerOf((*offsets)[1]);
  }
  if (!begin || !end || *begin < 0 || *begin > *end) {
    return Damaged(path, absl::StrCat("the data_offsets of tensor ", name, " are not a range"));
  }
  if (*end > static_cast<int64_t>(data.size())) {
    return Damaged(path, absl::StrCat("tensor ", name, " ends at byte ", *end, " of the data, which has ",
                                      data.size(), " bytes; the file is cut off, download it again"));
  }
  const int64_t expected = TensorBytes(tensor.type, tensor.elements());
  if (*end - *begin != expected) {
    return Damaged(
        path, absl::StrCat("tensor ", name, " has ", *end - *begin, " bytes, its shape needs ", expected));
  }
  tensor.data = data.substr(static_cast<size_t>(*begin), static_cast<size_t>(expected));
  return tensor;
}

absl::Status CheckCovers(std::vector<TensorInfo>::const_iterator first,
                         std::vector<TensorInfo>::const_iterator last, absl::string_view path,
                         absl::string_view data) {
  std::vector<const TensorInfo*> order;
  for (auto it = first; it != last; ++it) order.push_back(&*it);
  std::sort(order.begin(), order.end(), [](const TensorInfo* a, const TensorInfo* b) {
    return std::make_pair(a->data.data(), a->data.size()) < std::make_pair(b->data.data(), b->data.size());
  });
  const char* at = data.data();
  for (const TensorInfo* tensor : order) {
    if (tensor->data.data() < at) {
      return Damaged(path, absl::StrCat("tensor ", tensor->name, " overlaps the one before it"));
    }
    if (tensor->data.data() > at) {
      return Damaged(path, absl::StrCat("there is a hole of ", tensor->data.data() - at,
                                        " bytes before tensor ", tensor->name));
    }
    at = tensor->data.data() + tensor->data.size();
  }
  const auto left = static_cast<size_t>(data.data() + data.size() - at);
  if (left != 0) return Damaged(path, absl::StrCat(left, " bytes after the last tensor belong to none"));
  return absl::OkStatus();
}

// The header, parsed; `data` becomes what follows it.
absl::StatusOr<Json> ReadHeader(absl::string_view bytes, absl::string_view path, absl::string_view& data) {
  if (bytes.size() < 8) {
    return Damaged(path,
                   absl::StrCat("the file has ", bytes.size(), " bytes, too few for a safetensors header"));
  }
  uint64_t header_size;
  std::memcpy(&header_size, bytes.data(), sizeof(header_size));
  if (header_size > bytes.size() - 8 || header_size > kMaxHeader) {
    return Damaged(path, absl::StrCat("the header is said to have ", header_size, " bytes, but the file has ",
                                      bytes.size(), "; it is cut off or no safetensors file"));
  }
  data = bytes.substr(8 + header_size);
  SPRINT_ASSIGN_OR_RETURN(Json header, ParseJson(bytes.substr(8, header_size),
                                                 absl::StrCat(path, ": the header"), Reason::kModelDamaged));
  if (!header.is_object()) return Damaged(path, "the header is not a JSON object");
  return header;
}

absl::Status ReadShard(const MappedFile& file, std::vector<TensorInfo>& tensors) {
  const std::string& path = file.path();
  absl::string_view data;
  SPRINT_ASSIGN_OR_RETURN(const Json header, ReadHeader(file.bytes(), path, data));
  const size_t first = tensors.size();
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    SPRINT_ASSIGN_OR_RETURN(TensorInfo tensor, ReadTensor(name, entry, path, data));
    tensors.push_back(std::move(tensor));
  }
  return CheckCovers(tensors.begin() + static_cast<int64_t>(first), tensors.end(), path, data);
}

// The shard files that an index names, sorted.
absl::StatusOr<std::set<std::string>> ShardsOfIndex(const std::string& path, const Json& index) {
  const Json* map = FindMember(index, "weight_map");
  if (map == nullptr || !map->is_object() || map->empty()) return Damaged(path, "weight_map is missing");
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string())
      return Damaged(path, absl::StrCat("the shard of ", tensor, " is not a file name"));
    const std::string name = shard.get<std::string>();
    if (name.empty() || absl::StrContains(name, '/') || absl::StrContains(name, '\0')) {
      return Damaged(path,
                     absl::StrCat("the shard of ", tensor, " is ", ShowJson(shard), ", not a file name"));
    }
    shards.insert(name);
  }
  return shards;
}

absl::Status CheckIndexKept(const std::string& path, const Json& index, const WeightIndex& weights) {
  for (const auto& [tensor, shard] : index["weight_map"].items()) {
    if (weights.Find(tensor) == nullptr) {
      return Damaged(path, absl::StrCat("tensor ", tensor, " is not in the shard ", StringOf(shard)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const WeightIndex>> OpenSharded(const std::string& folder,
                                                               const std::string& index_path) {
  SPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(index_path));
  SPRINT_ASSIGN_OR_RETURN(const Json index, ParseJson(text, index_path, Reason::kModelDamaged));
  SPRINT_ASSIGN_OR_RETURN(const std::set<std::string> shards, ShardsOfIndex(index_path, index));
  std::vector<std::shared_ptr<const MappedFile>> files;
  for (const std::string& shard : shards) {
    const std::string path = absl::StrCat(folder, "/", shard);
    if (!FileExists(path)) {
      return Damaged(folder, absl::StrCat("the shard ", shard, " is missing (", index_path,
                                          " names it); download it into the folder"));
    }
    SPRINT_ASSIGN_OR_RETURN(auto file, MappedFile::Open(path));
    files.push_back(std::move(file));
  }
  SPRINT_ASSIGN_OR_RETURN(auto weights, WeightIndex::ParseSafetensors(std::move(files)));
  SPRINT_RETURN_IF_ERROR(CheckIndexKept(index_path, index, *weights));
  return weights;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const WeightIndex>> WeightIndex::ParseSafetensors(
    std::vector<std::shared_ptr<const MappedFile>> shards) {
  std::vector<TensorInfo> tensors;
  for (const auto& shard : shards) SPRINT_RETURN_IF_ERROR(ReadShard(*shard, tensors));
  std::set<absl::string_view> names;
  for (const TensorInfo& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      return Damaged(shards.back()->path(), absl::StrCat("tensor ", tensor.name, " is in two shards"));
    }
  }
  return std::make_shared<const WeightIndex>(std::move(tensors), std::move(shards));
}

absl::StatusOr<std::shared_ptr<const WeightIndex>> WeightIndex::OpenSafetensors(
    const std::string& file_or_folder) {
  std::string path = file_or_folder;
  if (IsDirectory(path)) {
    const std::string index = absl::StrCat(path, "/model.safetensors.index.json");
    const std::string single = absl::StrCat(path, "/model.safetensors");
    if (!FileExists(single)) {
      if (FileExists(index)) return OpenSharded(path, index);
      return Damaged(path, "neither model.safetensors nor model.safetensors.index.json is there");
    }
    path = single;
  }
  SPRINT_ASSIGN_OR_RETURN(auto file, MappedFile::Open(path));
  return ParseSafetensors({std::move(file)});
}

std::string SerializeSafetensors(const std::vector<TensorToWrite>& tensors,
                                 const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  size_t offset = 0;
  for (const TensorToWrite& tensor : tensors) {
    header[tensor.name] = {{"dtype", std::string(NameOfType(tensor.type))},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + tensor.data.size()}}};
    offset += tensor.data.size();
  }
  std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t size = text.size();
  std::string file(sizeof(size), '\0');
  std::memcpy(file.data(), &size, sizeof(size));
  file += text;
  for (const TensorToWrite& tensor : tensors) file += tensor.data;
  return file;
}

absl::StatusOr<std::map<std::string, std::string>> SafetensorsMetadata(absl::string_view bytes,
                                                                       absl::string_view name) {
  absl::string_view data;
  SPRINT_ASSIGN_OR_RETURN(const Json header, ReadHeader(bytes, name, data));
  std::map<std::string, std::string> metadata;
  const Json* entries = FindMember(header, "__metadata__");
  if (entries == nullptr) return metadata;
  if (!entries->is_object()) return Damaged(name, "__metadata__ is not a JSON object");
  for (const auto& [key, value] : entries->items()) {
    if (!value.is_string()) return Damaged(name, absl::StrCat("the metadata ", key, " is not text"));
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

}  // namespace sprint
