#include "base/hash.h"

#include <set>

#include "tests/testing/testing.h"

namespace sprint {
namespace {

std::string Little64(uint64_t value) {
  std::string out;
  for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(value >> shift));
  return out;
}

std::string Framed(const std::string& name, const std::string& value) {
  return Little64(name.size()) + name + Little64(value.size()) + value;
}

TEST(Hash, Sha256EqualsThePublishedVectors) {  // FIPS 180-4
  EXPECT_EQ(Sha256("").Hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256("abc").Hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256(std::string(1'000'000, 'a')).Hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Hash, HmacEqualsThePublishedVectors) {  // RFC 4231
  EXPECT_EQ(HmacSha256(std::string(20, '\x0b'), "Hi There").Hex(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(HmacSha256("Jefe", "what do ya want for nothing?").Hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(
      HmacSha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First").Hex(),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hash, FieldsAreFramedAsDocumented) {
  const std::string bytes = Framed("domain", "thing/1") + Framed("name", "value") +
                            Framed("count", Little64(static_cast<uint64_t>(-2))) +
                            Framed("ids", std::string("\x01\x00\x00\x00\xff\xff\xff\xff", 8));
  Hasher hasher("thing/1");
  hasher.Add("name", "value").AddInt("count", -2).AddInts("ids", {1, -1});
  EXPECT_EQ(hasher.Finish(), Sha256(bytes));
}

TEST(Hash, NoTwoListsOfFieldsHaveTheSameHash) {
  std::set<Hash256> seen;
  const auto add = [&](auto fill) {
    Hasher hasher("t/1");
    fill(hasher);
    seen.insert(hasher.Finish());
  };
  add([](Hasher&) {});
  add([](Hasher& h) { h.Add("a", ""); });
  add([](Hasher& h) { h.Add("", "a"); });
  add([](Hasher& h) { h.Add("a", "b").Add("c", "d"); });
  add([](Hasher& h) { h.Add("c", "d").Add("a", "b"); });
  add([](Hasher& h) { h.Add("ab", "").Add("c", "d"); });
  add([](Hasher& h) { h.Add("a", "bc").Add("", "d"); });
  add([](Hasher& h) { h.AddInts("a", {1, 2}); });
  add([](Hasher& h) { h.AddInts("a", {1}).AddInts("a", {2}); });
  add([](Hasher& h) { h.AddDouble("a", 1.0); });
  add([](Hasher& h) { h.AddDouble("a", -1.0); });
  EXPECT_EQ(seen.size(), 11u);
  EXPECT_NE(Hasher("t/1").Finish(), Hasher("t/2").Finish());
}

TEST(Hash, NegativeZeroCountsAsZero) {
  EXPECT_EQ(Hasher("t").AddDouble("x", -0.0).Finish(), Hasher("t").AddDouble("x", 0.0).Finish());
}

TEST(Hash, HexAndRawReadBack) {
  const Hash256 hash = Sha256("abc");
  ASSERT_OK_AND_ASSIGN(const Hash256 from_hex, Hash256::FromHex(hash.Hex()));
  ASSERT_OK_AND_ASSIGN(const Hash256 from_raw, Hash256::FromRaw(hash.Raw()));
  EXPECT_EQ(from_hex, hash);
  EXPECT_EQ(from_raw, hash);
  EXPECT_EQ(hash.Short(), "ba7816bf8f01");
  for (const std::string& bad :
       {std::string(), std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'g')}) {
    EXPECT_EQ(Hash256::FromHex(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(Hash256::FromRaw(std::string(31, 'x')).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Hash, ConstantTimeEqualsComparesAll) {
  EXPECT_TRUE(ConstantTimeEquals("", ""));
  EXPECT_TRUE(ConstantTimeEquals("token", "token"));
  EXPECT_FALSE(ConstantTimeEquals("token", "tokeN"));
  EXPECT_FALSE(ConstantTimeEquals("token", "toke"));
}

TEST(Hash, RandomBytesAreOfTheLengthAskedForAndDiffer) {
  EXPECT_EQ(RandomBytes(0).size(), 0u);
  EXPECT_EQ(RandomBytes(32).size(), 32u);
  EXPECT_NE(RandomBytes(32), RandomBytes(32));
}

}  // namespace
}  // namespace sprint
