using System.Buffers.Binary;
using System.Text;
using RlPrimitives.Models;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Models;

public class SafetensorsDamageTests
{
    [Theory]
    [InlineData("""{"t":{"dtype":"F32","shape":[2]}}""", 8, "'t'", "data_offsets", "found none")]
    [InlineData("""{"t":{"shape":[2],"data_offsets":[0,8]}}""", 8, "'t'", "dtype", "found none")]
    [InlineData("""{"t":{"dtype":"F32","data_offsets":[0,8]}}""", 8, "'t'", "shape", "found none")]
    [InlineData("""{"t":{"dtype":7,"shape":[2],"data_offsets":[0,8]}}""", 8, "'t'", "dtype to be a string", "found 7")]
    [InlineData("""{"t":{"dtype":"\ud800","shape":[2],"data_offsets":[0,8]}}""", 8, "'t'", "dtype", "surrogate")]
    [InlineData("""{"t":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", 8, "'t'", "shape to be an array", "found 2")]
    [InlineData("""{"t":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "'t'", "shape[0]", "found -2")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}""", 8, "'t'", "shape[0]", "found 2.0")]
    [InlineData("""{"t":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""", 8, "'t'", "shape[0]", "found \"2\"")]
    [InlineData("""{"t":{"dtype":"F32","shape":[18446744073709551617],"data_offsets":[0,8]}}""", 8, "'t'", "shape[0]", "18446744073709551617")]
    [InlineData("""{"t":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}""", 8, "'t'", "less than 2^63 bytes", "[4294967296, 4294967296]")]
    [InlineData("""{"t":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "'t'", "less than 2^63 bytes", "[0, ")]
    [InlineData("""{"t":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,8]}}""", 8, "'t'", "expected 4398046511104 bytes", "found 8 bytes")]
    [InlineData("""{"t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "'t'", "expected 12 bytes", "found 8 bytes")]
    [InlineData("""{"t":{"dtype":"F32","shape":[0],"data_offsets":[0,8]}}""", 8, "'t'", "expected 0 bytes", "found 8 bytes")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "'t'", "begin ≤ end", "[8, 0]")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", 8, "'t'", "at least 0", "[-8,0]")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8,16]}}""", 8, "'t'", "two integers", "[0,8,16]")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,1e1]}}""", 8, "'t'", "integers", "[0,1e1]")]
    [InlineData("""{"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", 8, "'t'", "within the 8 bytes", "[0, 16]")]
    [InlineData("""{"t":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775803,9223372036854775807]}}""", 8, "'t'", "within the 8 bytes", "9223372036854775807")]
    [InlineData("""{"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "'t'", "expected to begin at data offset 0", "a hole of 4 bytes")]
    [InlineData("""{"s":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"t":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""", 12, "'t'", "where 's' ends", "a hole of 4 bytes")]
    [InlineData("""{"s":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"t":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "'t'", "where 's' ends", "overlap")]
    [InlineData("""{"s":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "'t'", "where 's' ends", "overlap")]
    [InlineData("""{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 8, "'t'", "expected the file to end", "found 4 more bytes")]
    [InlineData("{}", 8, "the header", "expected the file to end", "found 8 more bytes")]
    [InlineData("""{"t":[]}""", 0, "'t'", "an object with dtype", "found []")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "__metadata__", "expected a string", "found 1")]
    [InlineData("""{"__metadata__":[]}""", 0, "__metadata__", "an object of strings", "found []")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "without repeated keys", "'t'", "found")]
    [InlineData("""{"t":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}}""", 8, "without repeated keys", "'dtype'", "found")]
    [InlineData("""{"__metadata__":{"a":"1","a":"2"}}""", 0, "without repeated keys", "'a'", "found")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "Unicode", "expected", "found")]
    [InlineData("""{"t":""", 0, "expected JSON", "found", "")]
    [InlineData("""{"t":NaN}""", 0, "t is NaN", "expected", "")]
    [InlineData("""[1]""", 0, "begins with '{'", "0x5b", "")]
    [InlineData("", 0, "begins with '{'", "found nothing", "")]
    public void A_wrong_header_is_refused_naming_file_tensor_and_expectation(string header, int dataBytes, string first, string second, string third)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("damaged.safetensors", RawSafetensors.Of(header, dataBytes));

        var message = Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path)).Message;

        Assert.StartsWith(path, message, StringComparison.Ordinal);
        Assert.Contains(first, message, StringComparison.Ordinal);
        Assert.Contains(second, message, StringComparison.Ordinal);
        Assert.Contains(third, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("F8_E4M3", 1)]
    [InlineData("C64", 8)]
    [InlineData("U16", 2)]
    [InlineData("f32", 4)]
    public void A_type_that_is_not_supported_is_named(string dtype, int size)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("a.safetensors", RawSafetensors.Of($$$"""{"w":{"dtype":"{{{dtype}}}","shape":[1],"data_offsets":[0,{{{size}}}]}}""", size));

        var message = Assert.Throws<NotSupportedException>(() => SafetensorsFile.Open(path)).Message;

        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.Contains("tensor 'w'", message, StringComparison.Ordinal);
        Assert.Contains($"'{dtype}'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_no_UTF_8_are_refused()
    {
        using var folder = new TemporaryFolder();
        byte[] header = [.. "{\""u8, 0xff, 0xfe, .. "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}"u8];
        var path = folder.Write("a.safetensors", RawSafetensors.Of(header, 1));

        Assert.Contains("UTF-8", Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "at least 8 bytes")]
    [InlineData(7, "at least 8 bytes")]
    public void A_file_shorter_than_its_first_number_is_refused(int length, string expected)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("a.safetensors", new byte[length]);

        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1UL << 40, "at most 100000000 bytes")]
    [InlineData(ulong.MaxValue, "at most 100000000 bytes")]
    [InlineData(1UL << 63, "at most 100000000 bytes")]
    [InlineData(100_000_001UL, "at most 100000000 bytes")]
    [InlineData(100_000_000UL, "the file is cut off")]
    [InlineData(101UL, "the file is cut off")]
    public void A_huge_claim_is_refused_before_memory_is_asked_for(ulong claim, string expected)
    {
        using var folder = new TemporaryFolder();
        var bytes = RawSafetensors.Of(new string(' ', 100), 0);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, claim);
        var path = folder.Write("a.safetensors", bytes);

        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path)).Message, StringComparison.Ordinal); // warm
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 10);
    }

    [Fact]
    public void A_tensor_that_claims_terabytes_is_refused_before_memory_is_asked_for()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("a.safetensors", RawSafetensors.Of("""{"t":{"dtype":"F64","shape":[1048576,1048576],"data_offsets":[0,8796093022208]}}""", 8));

        Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path)); // warm
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 10);
    }

    [Fact]
    public void A_file_cut_off_anywhere_is_refused()
    {
        using var folder = new TemporaryFolder();
        var whole = File.ReadAllBytes(Fixtures.Path("models/gpt2_hubstyle/model.safetensors"));
        for (var part = 0; part < 50; part++)
        {
            var path = folder.Write("cut.safetensors", whole[..(int)((long)whole.Length * part / 50)]);
            Assert.StartsWith(path, Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path)).Message, StringComparison.Ordinal);
        }

        Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(folder.Write("cut.safetensors", whole[..^1])));
        Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(folder.Write("long.safetensors", [.. whole, 0])));
    }

    [Fact]
    public void Random_damage_to_the_header_is_refused_or_harmless_but_never_a_crash()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        SafetensorsFile.Write(folder.In("seed.safetensors"), [("first.weight", ones(3, 2)), ("second\u00e9", zeros(4, dtype: int64)), ("third", ones(5, dtype: bfloat16))],
            new Dictionary<string, string> { ["format"] = "pt", ["n\n"] = "\"" });
        var seed = File.ReadAllBytes(folder.In("seed.safetensors"));
        var headerEnd = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(seed);
        var random = new Random(20_240_607);
        var alphabet = Encoding.ASCII.GetBytes("{}[]\",:0123456789-eE.\\u Fd");
        int refused = 0, read = 0;
        for (var variant = 0; variant < 5000; variant++)
        {
            var bytes = (byte[])seed.Clone();
            for (var flips = random.Next(1, 5); flips > 0; flips--)
            {
                var at = random.Next(random.Next(10) == 0 ? 0 : 8, headerEnd);
                bytes[at] = random.Next(3) switch
                {
                    0 => (byte)(bytes[at] ^ (1 << random.Next(8))),
                    1 => (byte)random.Next(256),
                    _ => alphabet[random.Next(alphabet.Length)],
                };
            }

            var path = folder.Write("variant.safetensors", bytes);
            try
            {
                using var file = SafetensorsFile.Open(path);
                foreach (var name in file.Entries.Keys)
                {
                    using var tensor = file.Read(name);
                    Assert.Equal(file.Entries[name].Length, tensor.bytes.Length);
                }

                read++;
            }
            catch (Exception e) when (e is InvalidDataException or NotSupportedException)
            {
                Assert.StartsWith(path, e.Message, StringComparison.Ordinal);
                refused++;
            }
        }

        Assert.InRange(refused, 2000, 5000);
        Assert.InRange(read, 100, 3000);
    }
}
