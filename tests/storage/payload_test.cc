#include "storage/payload.h"

#include "base/status.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

TEST(Payload, GivesBackTextsAndTokens) {
  PayloadEncoder encoder;
  for (const std::string& text :
       {std::string(), std::string("a"), std::string(100'000, 'z'), std::string("\0\xff", 2)}) {
    EXPECT_EQ(DecodeText(encoder.EncodeText(text)).value(), text);
  }
  for (const std::vector<int32_t>& tokens :
       {std::vector<int32_t>(), std::vector<int32_t>{0, -1, INT32_MAX, INT32_MIN},
        std::vector<int32_t>(5000, 17)}) {
    EXPECT_EQ(DecodeTokens(encoder.EncodeTokens(tokens)).value(), tokens);
  }
}

TEST(Payload, KeepsTokensAsLittleEndianWords) {
  PayloadEncoder encoder;
  EXPECT_EQ(DecodeText(encoder.EncodeTokens(std::vector<int32_t>{1, 0x01020304})).value(),
            std::string("\x01\0\0\0\x04\x03\x02\x01", 8));
}

TEST(Payload, NoticesEveryChangedByteAndEveryCut) {
  PayloadEncoder encoder;
  const std::string blob = encoder.EncodeText("a text that is long enough to have a body, a body, a body");
  for (size_t i = 0; i < blob.size(); ++i) {
    std::string changed = blob;
    changed[i] = static_cast<char>(changed[i] ^ 0x21);
    const absl::StatusOr<std::string> text = DecodeText(changed);
    if (text.ok()) {  // a header bit that zstd does not use
      EXPECT_EQ(*text, DecodeText(blob).value()) << i;
    } else {
      EXPECT_EQ(ReasonOf(text.status()), Reason::kDatabaseCorrupt) << i;
    }
    EXPECT_EQ(DecodeText(blob.substr(0, i)).ok(), i == 0) << i;
  }
  EXPECT_FALSE(DecodeTokens(encoder.EncodeText("abc")).ok());
}

}  // namespace
}  // namespace sprint::testing
