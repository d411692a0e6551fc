using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Tests.Models.Tokenizers;

public class CanonicalCompositionTests
{
    [Fact]
    public void Random_sequences_compose_as_in_the_unicode_database()
    {
        foreach (var pair in Fixtures.Json("tokenizers/nfc.json").GetProperty("cases").EnumerateArray())
        {
            Assert.Equal(pair[1].GetString(), CanonicalComposition.Compose(pair[0].GetString()!));
            Assert.Equal(pair[1].GetString(), CanonicalComposition.Compose(pair[1].GetString()!));
        }
    }

    [Theory]
    [InlineData("plain ASCII and caf\u00e9", "plain ASCII and caf\u00e9")]
    [InlineData("e\u0301", "\u00e9")]
    [InlineData("\u212b", "\u00c5")] // Angstrom sign: a singleton
    [InlineData("a\u0323\u0302", "\u1ead")]
    [InlineData("a\u0302\u0323", "\u1ead")] // marks in the other order
    [InlineData("\u1112\u1161\u11ab", "\ud55c")] // Hangul
    [InlineData("\u0958", "\u0915\u093c")] // excluded from composition
    public void Known_cases(string text, string expected) => Assert.Equal(expected, CanonicalComposition.Compose(text));
}
