using RlPrimitives.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Models;

public class ModelFolderTests
{
    private const string Config = """{"model_type":"llama","vocab_size":64}""";

    [Theory]
    [MemberData(nameof(ModelConfigJsonTests.Folders), MemberType = typeof(ModelConfigJsonTests))]
    public void Every_fixture_opens_and_every_tensor_has_its_shape(string name)
    {
        using var scope = NewDisposeScope();
        using var folder = ModelFolder.Open(Fixtures.Path($"models/{name}"));

        Assert.NotEmpty(folder.TensorNames);
        foreach (var tensor in folder.TensorNames)
        {
            Assert.True(folder.Contains(tensor));
            Assert.Equal(folder.ShapeOf(tensor), folder.Read(tensor).shape);
            Assert.True(File.Exists(folder.FileOf(tensor)));
        }
    }

    [Theory]
    [MemberData(nameof(ModelConfigJsonTests.Folders), MemberType = typeof(ModelConfigJsonTests))]
    public void A_model_saved_again_has_the_same_configuration_and_weights(string name)
    {
        using var scope = NewDisposeScope();
        using var copy = new TemporaryFolder();
        using var original = ModelFolder.Open(Fixtures.Path($"models/{name}"));

        ModelFolder.Save(copy.Path, original.Config, original.TensorNames.Select(n => (n, original.Read(n))));

        using var saved = ModelFolder.Open(copy.Path);
        ModelConfigAssert.Same(original.Config, saved.Config);
        Assert.Equal(original.TensorNames.Order(StringComparer.Ordinal), saved.TensorNames.Order(StringComparer.Ordinal));
        foreach (var tensor in original.TensorNames)
        {
            Assert.True(original.Read(tensor).bytes.SequenceEqual(saved.Read(tensor).bytes), tensor);
        }

        var single = Fixtures.Path($"models/{name}/model.safetensors");
        if (File.Exists(single))
        {
            Assert.Equal(File.ReadAllBytes(single), File.ReadAllBytes(copy.In("model.safetensors")));
        }
    }

    [Fact]
    public void Weights_are_converted_to_the_storage_type_and_integers_are_kept()
    {
        using var scope = NewDisposeScope();
        using var copy = new TemporaryFolder();
        var config = ModelConfigJson.Load(Fixtures.Path("models/qwen2_tied")) with { StorageType = ScalarType.BFloat16 };

        ModelFolder.Save(copy.Path, config, [("w", full(3, 1.001f)), ("i", ones(2, dtype: int64))]);

        using var saved = ModelFolder.Open(copy.Path);
        Assert.Equal((ScalarType.BFloat16, ScalarType.Int64, ScalarType.BFloat16), (saved.Read("w").dtype, saved.Read("i").dtype, saved.Config.StorageType));
        Assert.Equal(1f, saved.Read("w").to(float32)[0].item<float>());
    }

    [SkippableFact]
    public void Links_to_weights_are_followed_as_in_the_cache_of_the_hub()
    {
        Skip.IfNot(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "Symbolic links need a privilege on Windows.");
        using var scope = NewDisposeScope();
        using var cache = new TemporaryFolder();
        Directory.CreateDirectory(cache.In("snapshot"));
        Directory.CreateDirectory(cache.In("blobs"));
        File.Copy(Fixtures.Path("models/gpt2_tied/model.safetensors"), cache.In("blobs/1f"));
        File.Copy(Fixtures.Path("models/gpt2_tied/config.json"), cache.In("snapshot/config.json"));
        File.CreateSymbolicLink(cache.In("snapshot/model.safetensors"), "../blobs/1f");

        using var folder = ModelFolder.Open(cache.In("snapshot"));

        Assert.Equal([96L, 32L], folder.Read("transformer.wte.weight").shape);
    }

    [Fact]
    public void A_save_that_fails_leaves_the_folder_as_it_was()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var config = ModelConfigJson.Load(Fixtures.Path("models/qwen2_tied"));

        Assert.Throws<ArgumentException>(() => ModelFolder.Save(folder.Path, config with { FeedForwardBias = true }, [("w", ones(1))]));
        Assert.Throws<ArgumentException>(() => ModelFolder.Save(folder.Path, config, [("w", ones(1)), ("w", ones(1))]));

        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Shards_are_found_through_the_index()
    {
        using var folder = ModelFolder.Open(Fixtures.Path("models/qwen2_untied_sharded"));

        Assert.EndsWith("model-00005-of-00005.safetensors", folder.FileOf("lm_head.weight"), StringComparison.Ordinal);
        Assert.Equal(5, folder.TensorNames.Select(folder.FileOf).Distinct().Count());
        Assert.Contains("no tensor 'x'", Assert.Throws<KeyNotFoundException>(() => folder.Read("x")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../secret.safetensors")]
    [InlineData("/etc/a.safetensors")]
    [InlineData("sub/a.safetensors")]
    [InlineData("sub\\\\a.safetensors")]
    [InlineData("C:a.safetensors")]
    [InlineData("..safetensors")]
    [InlineData("a\\u0000.safetensors")]
    [InlineData("\\ud800.safetensors")]
    [InlineData("a.bin")]
    [InlineData("")]
    public void A_shard_outside_the_folder_is_refused(string shard)
    {
        using var folder = new TemporaryFolder();
        folder.Write("config.json", Config);
        folder.Write("model.safetensors.index.json", $$$"""{"weight_map":{"w":"{{{shard}}}"}}""");

        var message = Assert.Throws<InvalidDataException>(() => ModelFolder.Open(folder.Path)).Message;

        Assert.Contains("model.safetensors.index.json: tensor 'w': expected the name of a .safetensors file in the same folder", message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_index_that_contradicts_its_shards_is_refused()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        folder.Write("config.json", Config);
        SafetensorsFile.Write(folder.In("a.safetensors"), [("x", ones(1))]);
        SafetensorsFile.Write(folder.In("b.safetensors"), [("x", ones(1)), ("y", ones(1))]);
        Exception Opened(string map)
        {
            folder.Write("model.safetensors.index.json", map);
            return Record.Exception(() => ModelFolder.Open(folder.Path).Dispose());
        }

        Assert.Null(Opened("""{"weight_map":{"x":"a.safetensors"}}"""));
        Assert.Contains("tensor 'x': expected in one file, found in a.safetensors and in b.safetensors",
            Assert.IsType<InvalidDataException>(Opened("""{"weight_map":{"x":"a.safetensors","y":"b.safetensors"}}""")).Message, StringComparison.Ordinal);
        Assert.Contains("tensor 'z': expected in a.safetensors, found nowhere",
            Assert.IsType<InvalidDataException>(Opened("""{"weight_map":{"x":"a.safetensors","z":"a.safetensors"}}""")).Message, StringComparison.Ordinal);
        Assert.Contains(folder.In("c.safetensors"),
            Assert.IsType<FileNotFoundException>(Opened("""{"weight_map":{"x":"a.safetensors","q":"c.safetensors"}}""")).Message, StringComparison.Ordinal);
        Assert.Contains("weight_map", Assert.IsType<InvalidDataException>(Opened("{}")).Message, StringComparison.Ordinal);
        Assert.Contains("found none", Assert.IsType<InvalidDataException>(Opened("""{"weight_map":{}}""")).Message, StringComparison.Ordinal);
        Assert.Contains("'x'", Assert.IsType<InvalidDataException>(Opened("""{"weight_map":{"x":"a.safetensors","x":"b.safetensors"}}""")).Message, StringComparison.Ordinal);
        Assert.Contains("sharded", Assert.Throws<IOException>(() => ModelFolder.Save(folder.Path, ModelConfigJson.Load(folder.Path), [])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_folder_weights_and_configuration_say_what_was_looked_for()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(folder.In("none"), Assert.Throws<DirectoryNotFoundException>(() => ModelFolder.Open(folder.In("none"))).Message, StringComparison.Ordinal);
        Assert.Contains("config.json", Assert.Throws<FileNotFoundException>(() => ModelFolder.Open(folder.Path)).Message, StringComparison.Ordinal);
        folder.Write("config.json", Config);
        Assert.Contains("neither model.safetensors nor model.safetensors.index.json", Assert.Throws<FileNotFoundException>(() => ModelFolder.Open(folder.Path)).Message, StringComparison.Ordinal);
        folder.Write("pytorch_model.bin", "pickle");
        var message = Assert.Throws<NotSupportedException>(() => ModelFolder.Open(folder.Path)).Message;
        Assert.Contains("pytorch_model.bin", message, StringComparison.Ordinal);
        Assert.Contains("never loaded", message, StringComparison.Ordinal);
        Assert.Contains("safe_serialization=True", message, StringComparison.Ordinal);
    }
}
