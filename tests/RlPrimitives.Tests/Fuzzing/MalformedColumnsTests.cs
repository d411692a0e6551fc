using Parquet.Serialization;
using RlPrimitives.Environments;
using RlPrimitives.Tests.Environments;
using RlPrimitives.Tests.Models;
using Xunit.Abstractions;

namespace RlPrimitives.Tests.Fuzzing;

/// <summary>Parquet. Its package reads on threads of its own and takes the memory that a length in the file claims, at most 2 GB, before it looks for the bytes: that is not counted, what is made of them is.</summary>
public sealed class MalformedColumnsTests(ITestOutputHelper output) : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Datasets_of_columns()
    {
        var path = folder.In("seed.parquet");
        await ParquetSerializer.SerializeAsync(
            [new DatasetTests.Row { prompt = "größer?", answer = "ja", level = 3, share = 0.25, is_hard = true, tags = ["a", "ü\""] }, new DatasetTests.Row { prompt = "b" }], path);
        var file = folder.In("p.parquet");
        output.WriteLine(Fuzzer.Run("prompts .parquet", [await File.ReadAllBytesAsync(path)], ["PAR1", "prompt"], bytes =>
        {
            File.WriteAllBytes(file, bytes);
            return $"{Prompts.Load(file).Count}";
        }, e => e is InvalidDataException && e.Message.Contains(file, StringComparison.Ordinal), mostBytes: length => (1 << 20) + (5000L * length), part: 0.3));
    }
}
