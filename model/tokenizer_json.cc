// Hugging Face's tokenizer.json (github.com/huggingface/tokenizers). Every part that is there must be
// one that is known: a part passed over would give other ids in silence.
#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "model/byte_level_tokenizer.h"
#include "model/json.h"
#include "model/tokenizer.h"

namespace sprint {
namespace {

constexpr int64_t kMaxId = (1 << 24) - 1;  // bounds what a corrupt id allocates

absl::Status Damaged(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kTokenizerDamaged,
               absl::StrCat("tokenizer.json: ", message));
}

absl::Status Unsupported(absl::string_view message) {
  return Error(absl::StatusCode::kUnimplemented, Reason::kTokenizerUnsupported,
               absl::StrCat("tokenizer.json: ", message, "; supported are byte-level BPE tokenizers"));
}

// The "type" of a part; "" when it has none.
absl::string_view TypeOf(const Json& part) {
  const Json* type = FindMember(part, "type");
  return type != nullptr && type->is_string() ? StringOf(*type) : absl::string_view();
}

bool Flag(const Json& object, absl::string_view key, bool fallback) {
  const Json* value = FindMember(object, key);
  return value != nullptr && value->is_boolean() ? value->get<bool>() : fallback;
}

// The parts of a "Sequence", or the one part there is; none for null.
std::vector<const Json*> Flatten(const Json* part, absl::string_view list_key) {
  if (part == nullptr) return {};
  const Json* list = TypeOf(*part) == "Sequence" ? FindMember(*part, list_key) : nullptr;
  if (list == nullptr || !list->is_array()) return {part};
  std::vector<const Json*> parts;
  for (const Json& item : *list) parts.push_back(&item);
  return parts;
}

absl::Status ReadNormalizer(const Json& json, ByteLevelParts& parts) {
  static constexpr std::pair<absl::string_view, NormalForm> kForms[] = {{"NFC", NormalForm::kNfc},
                                                                        {"NFD", NormalForm::kNfd},
                                                                        {"NFKC", NormalForm::kNfkc},
                                                                        {"NFKD", NormalForm::kNfkd}};
  for (const Json* part : Flatten(FindMember(json, "normalizer"), "normalizers")) {
    const auto* form = std::find_if(std::begin(kForms), std::end(kForms),
                                    [&](const auto& known) { return known.first == TypeOf(*part); });
    if (form == std::end(kForms) || parts.normal_form) {
      return Unsupported(absl::StrCat("the normalizer ", TypeOf(*part), " is not supported"));
    }
    parts.normal_form = form->second;
  }
  return absl::OkStatus();
}

absl::Status AddSplit(const Json& part, PreTokenizer& split) {
  const Json* pattern = FindMember(part, "pattern");
  const Json* regex = pattern == nullptr ? nullptr : FindMember(*pattern, "Regex");
  const Json* literal = pattern == nullptr ? nullptr : FindMember(*pattern, "String");
  const Json* behavior = FindMember(part, "behavior");
  if (behavior == nullptr || !behavior->is_string()) return Damaged("a Split has no behavior");
  std::string expression;
  if (regex != nullptr && regex->is_string()) {
    expression = regex->get<std::string>();
  } else if (literal != nullptr && literal->is_string()) {
    for (const char c : literal->get_ref<const std::string&>()) {
      absl::StrAppend(&expression, absl::ascii_ispunct(static_cast<unsigned char>(c)) ? "\\" : "",
                      absl::string_view(&c, 1));
    }
  } else {
    return Damaged("a Split has no pattern");
  }
  const bool invert = Flag(part, "invert", false);
  if (StringOf(*behavior) == "Isolated") return split.AddRegex(expression, PreTokenizer::Keep::kBoth);
  if (StringOf(*behavior) == "Removed") {
    return split.AddRegex(expression, invert ? PreTokenizer::Keep::kMatches : PreTokenizer::Keep::kGaps);
  }
  return Unsupported(absl::StrCat("a Split that is ", StringOf(*behavior), " is not supported"));
}

absl::Status ReadPreTokenizer(const Json& json, ByteLevelParts& parts) {
  bool byte_level = false;
  for (const Json* part : Flatten(FindMember(json, "pre_tokenizer"), "pretokenizers")) {
    const absl::string_view type = TypeOf(*part);
    if (byte_level)
      return Unsupported(absl::StrCat("the pre_tokenizer ", type, " behind ByteLevel is not supported"));
    if (type == "Split") {
      SPRINT_RETURN_IF_ERROR(AddSplit(*part, parts.split));
    } else if (type == "Digits") {
      parts.split.AddDigits(Flag(*part, "individual_digits", false));
    } else if (type == "ByteLevel") {
      byte_level = true;
      if (Flag(*part, "add_prefix_space", true)) parts.split.AddPrefixSpace();
      if (Flag(*part, "use_regex", true)) {
        SPRINT_RETURN_IF_ERROR(parts.split.AddRegex(kGpt2Pattern, PreTokenizer::Keep::kBoth));
      }
    } else {
      return Unsupported(absl::StrCat("the pre_tokenizer ", type, " is not supported"));
    }
  }
  if (!byte_level) return Unsupported("a BPE tokenizer without the ByteLevel pre_tokenizer is not supported");
  return absl::OkStatus();
}

absl::Status ReadDecoder(const Json& json) {
  const auto decoders = Flatten(FindMember(json, "decoder"), "decoders");
  for (const Json* part : decoders) {
    if (TypeOf(*part) != "ByteLevel")
      return Unsupported(absl::StrCat("the decoder ", TypeOf(*part), " is not supported"));
  }
  if (decoders.empty()) return Unsupported("a tokenizer without the ByteLevel decoder is not supported");
  return absl::OkStatus();
}

absl::StatusOr<int32_t> ReadId(const Json& value, absl::string_view what) {
  const std::optional<int64_t> id = IntegerOf(value);
  if (!id || *id < 0 || *id > kMaxId)
    return Damaged(absl::StrCat("the id of ", what, " is ", ShowJson(value)));
  return static_cast<int32_t>(*id);
}

void Place(const std::string& token, int32_t id, std::vector<std::string>& tokens) {
  if (tokens.size() <= static_cast<size_t>(id)) tokens.resize(static_cast<size_t>(id) + 1);
  tokens[static_cast<size_t>(id)] = token;
}

absl::Status ReadVocabulary(const Json& model, ByteLevelParts& parts) {
  const Json* vocabulary = FindMember(model, "vocab");
  if (vocabulary == nullptr || !vocabulary->is_object()) return Damaged("model.vocab is missing");
  // Ids may have gaps, but not many more than tokens: a stray id is damage.
  const auto most = static_cast<int64_t>(4 * vocabulary->size() + 1'000'000);
  for (const auto& [token, value] : vocabulary->items()) {
    SPRINT_ASSIGN_OR_RETURN(const int32_t id, ReadId(value, absl::StrCat("the token ", token)));
    if (id > most) return Damaged(absl::StrCat("the id of the token ", token, " is ", id));
    if (static_cast<size_t>(id) < parts.tokens.size() && !parts.tokens[static_cast<size_t>(id)].empty()) {
      return Damaged(absl::StrCat("the id ", id, " belongs to two tokens, ",
                                  parts.tokens[static_cast<size_t>(id)], " and ", token));
    }
    Place(token, id, parts.tokens);
    parts.bpe.AddToken(token, id);
  }
  return absl::OkStatus();
}

// A merge is ["a", "b"], or "a b" in older files.
absl::Status ReadMerges(const Json& model, ByteBpe& bpe) {
  const Json* merges = FindMember(model, "merges");
  if (merges == nullptr || !merges->is_array()) return Damaged("model.merges is missing");
  for (const Json& merge : *merges) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      SPRINT_RETURN_IF_ERROR(bpe.AddMerge(StringOf(merge[0]), StringOf(merge[1])));
      continue;
    }
    std::vector<absl::string_view> sides;
    if (merge.is_string()) sides = absl::StrSplit(StringOf(merge), ' ');
    if (merge.is_string() && absl::StartsWith(StringOf(merge), "#version")) continue;
    if (sides.size() != 2)
      return Damaged(absl::StrCat("the merge ", ShowJson(merge), " is not a pair of tokens"));
    SPRINT_RETURN_IF_ERROR(bpe.AddMerge(sides[0], sides[1]));
  }
  return absl::OkStatus();
}

absl::Status RefuseOtherModels(const Json& model) {
  const absl::string_view type = TypeOf(model);
  // Files of before 2020 leave the type out; they have merges.
  if (type != "BPE" && !(type.empty() && FindMember(model, "merges") != nullptr)) {
    return Unsupported(
        absl::StrCat("a tokenizer of the kind ", type.empty() ? "(none named)" : type, " is not supported"));
  }
  for (const absl::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const Json* affix = FindMember(model, key);
    if (affix != nullptr && affix->is_string() && !StringOf(*affix).empty()) {
      return Unsupported(absl::StrCat("BPE with the ", key, " ", ShowJson(*affix), " is not supported"));
    }
  }
  const Json* dropout = FindMember(model, "dropout");
  if (dropout != nullptr && dropout->is_number() && dropout->get<double>() != 0) {
    return Unsupported("BPE with dropout is not supported");
  }
  return absl::OkStatus();
}

absl::Status ReadModel(const Json& model, ByteLevelParts& parts) {
  SPRINT_RETURN_IF_ERROR(ReadVocabulary(model, parts));
  SPRINT_RETURN_IF_ERROR(ReadMerges(model, parts.bpe));
  ByteBpe::Options options;
  options.ignore_merges = Flag(model, "ignore_merges", false);
  options.fuse_unknown = Flag(model, "fuse_unk", false);
  if (const Json* unknown = FindMember(model, "unk_token"); unknown != nullptr && unknown->is_string()) {
    options.unknown = parts.bpe.Find(StringOf(*unknown));
    if (!options.unknown)
      return Damaged(absl::StrCat("unk_token ", ShowJson(*unknown), " is not in the vocabulary"));
  }
  if (Flag(model, "byte_fallback", false) && !parts.bpe.HasAllBytes()) {
    return Unsupported("BPE with byte_fallback (as SentencePiece) is not supported");
  }
  parts.bpe.set_options(options);
  return absl::OkStatus();
}

absl::Status ReadAddedTokens(const Json& json, ByteLevelParts& parts) {
  const Json* list = FindMember(json, "added_tokens");
  for (const Json& item : list != nullptr && list->is_array() ? *list : Json::array()) {
    const Json* id = FindMember(item, "id");
    const Json* content = FindMember(item, "content");
    if (id == nullptr || content == nullptr || !content->is_string()) {
      return Damaged(absl::StrCat("the added token ", ShowJson(item), " has no id or content"));
    }
    AddedToken token;
    token.content = content->get<std::string>();
    SPRINT_ASSIGN_OR_RETURN(token.id, ReadId(*id, absl::StrCat("the added token ", token.content)));
    const std::optional<int32_t> known = parts.bpe.Find(token.content);
    if (known && *known != token.id) {
      return Damaged(absl::StrCat("the added token ", token.content, " has the id ", token.id, ", but ",
                                  *known, " in the vocabulary"));
    }
    token.special = Flag(item, "special", false);
    token.single_word = Flag(item, "single_word", false);
    token.lstrip = Flag(item, "lstrip", false);
    token.rstrip = Flag(item, "rstrip", false);
    token.normalized = Flag(item, "normalized", !token.special);
    if (static_cast<size_t>(token.id) > parts.tokens.size() + 1'000'000) {
      return Damaged(absl::StrCat("the id of the added token ", token.content, " is ", token.id));
    }
    Place(token.content, token.id, parts.tokens);
    parts.added.push_back(std::move(token));
  }
  std::stable_sort(parts.added.begin(), parts.added.end(),
                   [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  return absl::OkStatus();
}

// The ids that the template names for one of its special tokens.
absl::Status AppendTemplateToken(const Json& part, const Json* special_tokens, std::vector<int32_t>& out) {
  const Json* name = FindMember(part, "id");
  const Json* entry = name != nullptr && name->is_string() && special_tokens != nullptr
                          ? FindMember(*special_tokens, StringOf(*name))
                          : nullptr;
  const Json* ids = entry == nullptr ? nullptr : FindMember(*entry, "ids");
  if (ids == nullptr || !ids->is_array()) {
    return Damaged(
        absl::StrCat("the post_processor's token ", ShowJson(part), " is not among its special_tokens"));
  }
  for (const Json& value : *ids) {
    SPRINT_ASSIGN_OR_RETURN(const int32_t id, ReadId(value, "a token of the post_processor"));
    out.push_back(id);
  }
  return absl::OkStatus();
}

absl::Status ReadTemplate(const Json& processor, ByteLevelParts& parts) {
  const Json* single = FindMember(processor, "single");
  if (single == nullptr || !single->is_array())
    return Damaged("the post_processor has no template for a single text");
  bool seen_text = false;
  for (const Json& item : *single) {
    if (FindMember(item, "Sequence") != nullptr) {
      if (seen_text) return Unsupported("a post_processor that repeats the text is not supported");
      seen_text = true;
    } else if (const Json* token = FindMember(item, "SpecialToken"); token != nullptr) {
      SPRINT_RETURN_IF_ERROR(AppendTemplateToken(*token, FindMember(processor, "special_tokens"),
                                                 seen_text ? parts.after : parts.before));
    } else {
      return Damaged(absl::StrCat("the post_processor's part ", ShowJson(item), " is not known"));
    }
  }
  return seen_text ? absl::OkStatus() : Damaged("the post_processor leaves the text out");
}

absl::Status ReadPostProcessor(const Json& json, ByteLevelParts& parts) {
  bool has_template = false;
  for (const Json* part : Flatten(FindMember(json, "post_processor"), "processors")) {
    const absl::string_view type = TypeOf(*part);
    if (type == "ByteLevel") continue;  // offsets only
    if (type != "TemplateProcessing" || has_template) {
      return Unsupported(absl::StrCat("the post_processor ", type, " is not supported"));
    }
    has_template = true;
    SPRINT_RETURN_IF_ERROR(ReadTemplate(*part, parts));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> ParseTokenizerJson(absl::string_view text) {
  SPRINT_ASSIGN_OR_RETURN(const Json json, ParseJson(text, "tokenizer.json", Reason::kTokenizerDamaged));
  const Json* model = FindMember(json, "model");
  if (model == nullptr || !model->is_object()) return Damaged("the member model is missing");
  ByteLevelParts parts;
  SPRINT_RETURN_IF_ERROR(RefuseOtherModels(*model));
  SPRINT_RETURN_IF_ERROR(ReadNormalizer(json, parts));
  SPRINT_RETURN_IF_ERROR(ReadPreTokenizer(json, parts));
  SPRINT_RETURN_IF_ERROR(ReadDecoder(json));
  SPRINT_RETURN_IF_ERROR(ReadModel(*model, parts));
  SPRINT_RETURN_IF_ERROR(ReadAddedTokens(json, parts));
  SPRINT_RETURN_IF_ERROR(ReadPostProcessor(json, parts));
  return MakeByteLevelTokenizer(std::move(parts));
}

}  // namespace sprint
