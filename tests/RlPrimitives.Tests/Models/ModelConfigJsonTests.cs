using System.Text.Json;
using RlPrimitives.Models;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Models;

public class ModelConfigJsonTests
{
    public static TheoryData<string> Folders() => [.. Directory.GetDirectories(Fixtures.Path("models")).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Folders))]
    public void Both_spellings_of_a_configuration_read_the_same(string name)
    {
        var folder = Fixtures.Path($"models/{name}");
        var generation = Path.Combine(folder, "generation_config.json");

        ModelConfigAssert.Same(ModelConfigJson.Read(Path.Combine(folder, "config.json"), generation), ModelConfigJson.Read(Path.Combine(folder, "config.v5.json"), generation));
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_configuration_written_and_read_again_is_the_same(string name)
    {
        using var folder = new TemporaryFolder();
        var config = ModelConfigJson.Load(Fixtures.Path($"models/{name}"));

        ModelConfigJson.Save(folder.Path, config);

        ModelConfigAssert.Same(config, ModelConfigJson.Load(folder.Path));
    }

    // The fixtures' config.json were written by transformers 4: what is written here uses its keys and values.
    [Theory]
    [MemberData(nameof(Folders))]
    public void A_written_configuration_speaks_as_transformers_4_does(string name)
    {
        using var folder = new TemporaryFolder();
        ModelConfigJson.Save(folder.Path, ModelConfigJson.Load(Fixtures.Path($"models/{name}")));
        using var theirs = JsonDocument.Parse(File.ReadAllText(Fixtures.Path($"models/{name}/config.json")));
        using var ours = JsonDocument.Parse(File.ReadAllText(folder.In("config.json")));

        foreach (var property in ours.RootElement.EnumerateObject())
        {
            var said = theirs.RootElement.TryGetProperty(property.Name, out var value) ? value.GetRawText() : "absent";
            var known = property.Name switch
            {
                "attn_pdrop" or "embd_pdrop" or "resid_pdrop" => true, // no dropout here
                "max_window_layers" => true,                           // of no effect without a window
                "head_dim" => said is "null" or "absent",              // written out
                "rope_scaling" or "tie_word_embeddings" => said == "absent", // the default
                _ => false,
            };
            Assert.True(known || (said != "absent" && JsonElement.DeepEquals(property.Value, value)), $"{property.Name}: {property.Value.GetRawText()} here, {said} there");
        }
    }

    [Fact]
    public void Qwen3_reads_as_its_file_says() => ModelConfigAssert.Same(
        new ModelConfig
        {
            Family = ModelFamily.Qwen3, VocabularySize = 128, Width = 48, Layers = 2, Heads = 4, KeyValueHeads = 2, HeadDimension = 16,
            FeedForwardWidth = 80, ContextLength = 128, RopeTheta = 1e6, TiedEmbeddings = true, BosTokenId = 1, EosTokenIds = [10], PadTokenId = 0,
        },
        ModelConfigJson.Load(Fixtures.Path("models/qwen3_tied")));

    [Fact]
    public void Gpt2_reads_as_its_file_says() => ModelConfigAssert.Same(
        new ModelConfig
        {
            Family = ModelFamily.Gpt2, VocabularySize = 96, Width = 32, Layers = 3, Heads = 4, KeyValueHeads = 4, HeadDimension = 8, FeedForwardWidth = 128,
            ContextLength = 64, NormEpsilon = 1e-5, TiedEmbeddings = true, QueryKeyValueBias = true, AttentionOutputBias = true, FeedForwardBias = true,
            BosTokenId = 1, EosTokenIds = [27], PadTokenId = 0,
        },
        ModelConfigJson.Load(Fixtures.Path("models/gpt2_tied")));

    [Fact]
    public void What_sets_the_other_fixtures_apart_is_read()
    {
        ModelConfig Load(string name) => ModelConfigJson.Load(Fixtures.Path($"models/{name}"));

        Assert.Equal(new RopeScaling(RopeScalingKind.Llama3, 8, 1, 4, 32), Load("llama3_rope").RopeScaling);
        Assert.Equal(500_000, Load("llama3_rope").RopeTheta);
        Assert.Equal(5, Load("mistral_swa").SlidingWindow);
        Assert.True(Load("mistral_swa").IsSliding(1));
        Assert.Equal(ScalarType.BFloat16, Load("qwen2_bf16").StorageType);
        Assert.True(Load("qwen2_tied") is { QueryKeyValueBias: true, AttentionOutputBias: false, SlidingWindow: null });
        Assert.True(Load("llama_gqa_untied") is { KeyValueHeads: 2, TiedEmbeddings: false, QueryKeyValueBias: false });
    }

    // The defaults were read off transformers' configuration classes: ModelClassConfig() without arguments.
    [Theory]
    [InlineData("gpt2", 50257, 768, 12, 12, 12, 64, 3072, 1024, 1e-5, true, null, 50256, 50256)]
    [InlineData("llama", 32000, 4096, 32, 32, 32, 128, 11008, 2048, 1e-6, false, null, 1, 2)]
    [InlineData("mistral", 32000, 4096, 32, 32, 8, 128, 14336, 131072, 1e-6, false, 4096, 1, 2)]
    [InlineData("qwen2", 151936, 4096, 32, 32, 32, 128, 22016, 32768, 1e-6, false, null, null, null)]
    [InlineData("qwen3", 151936, 4096, 32, 32, 32, 128, 22016, 32768, 1e-6, false, null, null, null)]
    public void Absent_keys_have_the_defaults_of_transformers(
        string type, int vocabulary, int width, int layers, int heads, int shared, int head, int feedForward, int context, double epsilon, bool tied, int? window, int? bos, int? eos)
    {
        var config = Parse($$"""{"model_type":"{{type}}"}""");

        Assert.Equal((vocabulary, width, layers, heads, shared, head, feedForward, context),
            (config.VocabularySize, config.Width, config.Layers, config.Heads, config.KeyValueHeads, config.HeadDimension, config.FeedForwardWidth, config.ContextLength));
        Assert.Equal((epsilon, tied, window, bos, 10_000.0), (config.NormEpsilon, config.TiedEmbeddings, config.SlidingWindow, config.BosTokenId, config.RopeTheta));
        Assert.Equal(eos is { } id ? [id] : [], config.EosTokenIds.AsEnumerable());
        Assert.Equal((null, ScalarType.Float32, 0.02), (config.PadTokenId, config.StorageType, config.InitializerRange));
    }

    [Theory]
    [InlineData("""{"model_type":"gpt2","activation_function":"gelu"}""", true)]
    [InlineData("""{"model_type":"gpt2","activation_function":"gelu_pytorch_tanh"}""", false)]
    [InlineData("""{"model_type":"gpt2","activation_function":"gelu_new"}""", false)]
    public void The_two_forms_of_GELU_are_told_apart(string json, bool exact) => Assert.Equal(exact, Parse(json).ExactGelu);

    [Fact]
    public void Biases_are_read_for_the_families_that_have_them()
    {
        Assert.True(Parse("""{"model_type":"llama","attention_bias":true,"mlp_bias":true}""") is { QueryKeyValueBias: true, AttentionOutputBias: true, FeedForwardBias: true });
        Assert.True(Parse("""{"model_type":"qwen3","attention_bias":true}""") is { QueryKeyValueBias: true, AttentionOutputBias: true, FeedForwardBias: false });
        Assert.True(Parse("""{"model_type":"mistral","attention_bias":true}""") is { QueryKeyValueBias: false, AttentionOutputBias: false });
    }

    [Fact]
    public void Sliding_layers_of_Qwen_come_from_layer_types_or_from_max_window_layers()
    {
        var byCount = Parse("""{"model_type":"qwen2","num_hidden_layers":3,"use_sliding_window":true,"sliding_window":7,"max_window_layers":1}""");
        var byName = Parse("""{"model_type":"qwen3","num_hidden_layers":3,"use_sliding_window":true,"sliding_window":7,"layer_types":["sliding_attention","full_attention","full_attention"]}""");
        var all = Parse("""{"model_type":"qwen2","num_hidden_layers":3,"use_sliding_window":true,"sliding_window":7,"max_window_layers":0}""");
        var none = Parse("""{"model_type":"qwen2","num_hidden_layers":3,"use_sliding_window":false,"sliding_window":7,"max_window_layers":0}""");

        Assert.Equal([false, true, true], Enumerable.Range(0, 3).Select(byCount.IsSliding));
        Assert.Equal([true, false, false], Enumerable.Range(0, 3).Select(byName.IsSliding));
        Assert.Equal([true, true, true], Enumerable.Range(0, 3).Select(all.IsSliding));
        Assert.Equal([false, false, false], Enumerable.Range(0, 3).Select(none.IsSliding));
    }

    [Theory]
    [InlineData("""{"model_type":"llama","rope_scaling":{"type":"linear","factor":2}}""", 2.0)]
    [InlineData("""{"model_type":"llama","rope_scaling":{"rope_type":"linear","factor":4.0}}""", 4.0)]
    [InlineData("""{"model_type":"llama","rope_parameters":{"rope_type":"linear","factor":8.0,"rope_theta":10000.0}}""", 8.0)]
    [InlineData("""{"model_type":"llama","rope_parameters":{"rope_type":"linear","factor":8.0},"rope_scaling":{}}""", 8.0)]
    public void Linear_scaling_is_read_in_every_spelling(string json, double factor) => Assert.Equal(new RopeScaling(RopeScalingKind.Linear, factor), Parse(json).RopeScaling);

    [Fact]
    public void An_inner_rope_theta_wins_over_the_outer() =>
        Assert.Equal(7, Parse("""{"model_type":"llama","rope_theta":5.0,"rope_parameters":{"rope_type":"default","rope_theta":7.0}}""").RopeTheta);

    [Fact]
    public void Ends_of_generation_may_be_one_several_or_none_and_generation_config_wins()
    {
        using var folder = new TemporaryFolder();
        ModelConfig Load(string eos, string? generation)
        {
            folder.Write("config.json", $$"""{"model_type":"llama"{{eos}}}""");
            File.Delete(folder.In("generation_config.json"));
            if (generation is not null)
            {
                folder.Write("generation_config.json", generation);
            }

            return ModelConfigJson.Load(folder.Path);
        }

        Assert.Equal([2], Load("", null).EosTokenIds.AsEnumerable());
        Assert.Equal([5], Load(",\"eos_token_id\":5", null).EosTokenIds.AsEnumerable());
        Assert.Equal([5, 6], Load(",\"eos_token_id\":[5,6,5]", null).EosTokenIds.AsEnumerable());
        Assert.Empty(Load(",\"eos_token_id\":null", null).EosTokenIds.AsEnumerable());
        Assert.Equal([8, 9], Load(",\"eos_token_id\":5", """{"eos_token_id":[8,9]}""").EosTokenIds.AsEnumerable());
        Assert.Equal([5], Load(",\"eos_token_id\":5", """{"temperature":0.7}""").EosTokenIds.AsEnumerable());
        Assert.Null(Load(",\"pad_token_id\":-1", null).PadTokenId);
        var message = Assert.Throws<InvalidDataException>(() => Load("", """{"eos_token_id":"</s>"}""")).Message;
        Assert.Contains("generation_config.json: eos_token_id is \"</s>\"", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"model_type":"llama","hidden_size":0}""", "hidden_size is 0", "from 1 to 262144")]
    [InlineData("""{"model_type":"llama","hidden_size":-64}""", "hidden_size is -64", "from 1 to")]
    [InlineData("""{"model_type":"llama","hidden_size":"64"}""", "hidden_size is \"64\"", "an integer")]
    [InlineData("""{"model_type":"llama","hidden_size":64.5}""", "hidden_size is 64.5", "an integer")]
    [InlineData("""{"model_type":"llama","hidden_size":null}""", "hidden_size is null", "an integer")]
    [InlineData("""{"model_type":"llama","hidden_size":9999999999999999999999}""", "hidden_size is 9999999999999999999999", "from 1 to")]
    [InlineData("""{"model_type":"llama","vocab_size":2147483647}""", "vocab_size is 2147483647", "from 1 to")]
    [InlineData("""{"model_type":"llama","num_hidden_layers":100000}""", "num_hidden_layers is 100000", "from 1 to 4096")]
    [InlineData("""{"model_type":"llama","num_key_value_heads":5}""", "num_key_value_heads is 5", "a divisor of num_attention_heads (32)")]
    [InlineData("""{"model_type":"llama","hidden_size":100}""", "num_attention_heads is 32", "a divisor of hidden_size (100)")]
    [InlineData("""{"model_type":"llama","head_dim":7}""", "head_dim is 7", "an even number")]
    [InlineData("""{"model_type":"llama","hidden_size":262144,"num_hidden_layers":4096,"intermediate_size":4194304,"head_dim":4096}""", "weights", "at most 10000000000000")]
    [InlineData("""{"model_type":"llama","rms_norm_eps":0}""", "rms_norm_eps is 0", "a number from")]
    [InlineData("""{"model_type":"llama","rms_norm_eps":NaN}""", "rms_norm_eps is NaN", "a finite number")]
    [InlineData("""{"model_type":"llama","rms_norm_eps": Infinity}""", "rms_norm_eps is Infinity", "a finite number")]
    [InlineData("""{"model_type":"llama","rope_theta":-Infinity}""", "rope_theta is -Infinity", "a finite number")]
    [InlineData("""{"model_type":"llama","eos_token_id":[1, NaN]}""", "eos_token_id is NaN", "a finite number")]
    [InlineData("""{"model_type":"llama","rope_theta":1e999}""", "rope_theta is 1e999", "a number from")]
    [InlineData("""{"model_type":"llama","rope_theta":-1}""", "rope_theta is -1", "a number from")]
    [InlineData("""{"model_type":"llama","initializer_range":-0.1}""", "initializer_range is -0.1", "from 0 to 1")]
    [InlineData("""{"model_type":"llama","tie_word_embeddings":1}""", "tie_word_embeddings is 1", "true or false")]
    [InlineData("""{"model_type":"llama","eos_token_id":32000}""", "eos_token_id is 32000", "from 0 to 31999")]
    [InlineData("""{"model_type":"llama","eos_token_id":[2,-1]}""", "eos_token_id is -1", "from 0 to 31999")]
    [InlineData("""{"model_type":"llama","bos_token_id":true}""", "bos_token_id is true", "an integer")]
    [InlineData("""{"model_type":"llama","rope_scaling":{"rope_type":"linear","factor":0.5}}""", "rope_scaling.factor is 0.5", "from 1 to")]
    [InlineData("""{"model_type":"llama","rope_scaling":{"rope_type":"linear"}}""", "rope_scaling.factor is absent", "a number from 1")]
    [InlineData("""{"model_type":"llama","rope_scaling":{"factor":2.0}}""", "rope_scaling.rope_type is absent", "'linear'")]
    [InlineData("""{"model_type":"llama","rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4}}""", "rope_scaling.high_freq_factor is 4", "more than low_freq_factor (4)")]
    [InlineData("""{"model_type":"llama","rope_scaling":"linear"}""", "rope_scaling is \"linear\"", "an object")]
    [InlineData("""{"model_type":"mistral","sliding_window":0}""", "sliding_window is 0", "from 1 to")]
    [InlineData("""{"model_type":"qwen2","use_sliding_window":true,"num_hidden_layers":2,"layer_types":["full_attention"]}""", "layer_types is", "an array of 2 strings")]
    [InlineData("""{"model_type":"qwen2","use_sliding_window":true,"num_hidden_layers":1,"layer_types":[3]}""", "layer_types is [3]", "an array of strings")]
    [InlineData("""{"model_type":"gpt2","n_embd":30,"n_head":4}""", "n_head is 4", "a divisor of the width 30")]
    [InlineData("""{"model_type":"gpt2","n_positions":0}""", "n_positions is 0", "from 1 to")]
    [InlineData("""{"model_type":"gpt2","activation_function":"\ud800"}""", "activation_function", "Unicode")]
    [InlineData("""{"model_type":7}""", "model_type is 7", "a string")]
    [InlineData("""{"vocab_size":7}""", "model_type is absent", "one of gpt2, llama, mistral, qwen2, qwen3")]
    [InlineData("""[]""", "expected a JSON object", "an array")]
    [InlineData("", "expected JSON", "found")]
    [InlineData("""{"model_type":"llama","vocab_size":8,"vocab_size":9}""", "without repeated keys", "vocab_size")]
    public void A_wrong_value_is_refused_naming_file_key_value_and_range(string json, string found, string expected)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("config.json", json);

        var message = Assert.Throws<InvalidDataException>(() => ModelConfigJson.Load(folder.Path)).Message;

        Assert.StartsWith(path, message, StringComparison.Ordinal);
        Assert.Contains(found, message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"model_type":"bert"}""", "model_type is \"bert\"", "supported are gpt2, llama, mistral, qwen2, qwen3")]
    [InlineData("""{"model_type":"llama","hidden_act":"gelu"}""", "hidden_act is \"gelu\"", "silu")]
    [InlineData("""{"model_type":"gpt2","activation_function":"relu"}""", "activation_function is \"relu\"", "gelu_new")]
    [InlineData("""{"model_type":"gpt2","scale_attn_weights":false}""", "scale_attn_weights is false", "only true")]
    [InlineData("""{"model_type":"gpt2","scale_attn_by_inverse_layer_idx":true}""", "scale_attn_by_inverse_layer_idx is true", "only false")]
    [InlineData("""{"model_type":"gpt2","reorder_and_upcast_attn":true}""", "reorder_and_upcast_attn is true", "only false")]
    [InlineData("""{"model_type":"llama","rope_scaling":{"type":"dynamic","factor":2.0}}""", "rope_scaling.type is \"dynamic\"", "linear")]
    [InlineData("""{"model_type":"qwen2","rope_scaling":{"rope_type":"yarn","factor":4.0}}""", "rope_scaling.rope_type is \"yarn\"", "linear")]
    [InlineData("""{"model_type":"qwen2","rope_parameters":{"rope_type":"longrope"}}""", "rope_parameters.rope_type is \"longrope\"", "linear")]
    [InlineData("""{"model_type":"qwen3","rope_parameters":{"full_attention":{"rope_type":"default"}}}""", "rope_parameters.full_attention", "layer type")]
    [InlineData("""{"model_type":"llama","partial_rotary_factor":0.5}""", "partial_rotary_factor is 0.5", "only 1")]
    [InlineData("""{"model_type":"llama","rope_parameters":{"rope_type":"default","partial_rotary_factor":0.5}}""", "rope_parameters.partial_rotary_factor is 0.5", "only 1")]
    [InlineData("""{"model_type":"qwen3","num_experts":8}""", "num_experts is 8", "experts")]
    [InlineData("""{"model_type":"llama","quantization_config":{}}""", "quantization_config", "quantized")]
    [InlineData("""{"model_type":"llama","torch_dtype":"float8_e4m3fn"}""", "torch_dtype is \"float8_e4m3fn\"", "bfloat16")]
    [InlineData("""{"model_type":"qwen2","use_sliding_window":true,"num_hidden_layers":1,"layer_types":["chunked_attention"]}""", "layer_types", "full_attention")]
    public void A_variant_that_is_not_implemented_is_named(string json, string found, string supported)
    {
        var message = Assert.Throws<NotSupportedException>(() => Parse(json)).Message;

        Assert.Contains("config.json: ", message, StringComparison.Ordinal);
        Assert.Contains(found, message, StringComparison.Ordinal);
        Assert.Contains(supported, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_configuration_says_what_was_looked_for()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(folder.In("config.json"), Assert.Throws<FileNotFoundException>(() => ModelConfigJson.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_family_cannot_express_is_not_written()
    {
        using var folder = new TemporaryFolder();
        var llama = Parse("""{"model_type":"llama"}""");
        string Refused(ModelConfig config) => Assert.Throws<ArgumentException>(() => ModelConfigJson.Save(folder.Path, config)).Message;

        Assert.Contains("SlidingWindow is 4", Refused(llama with { SlidingWindow = 4 }), StringComparison.Ordinal);
        Assert.Contains("AttentionOutputBias", Refused(llama with { QueryKeyValueBias = true }), StringComparison.Ordinal);
        Assert.Contains("QueryKeyValueBias", Refused(llama with { Family = ModelFamily.Mistral, QueryKeyValueBias = true }), StringComparison.Ordinal);
        Assert.Contains("num_key_value_heads is 5", Refused(llama with { KeyValueHeads = 5 }), StringComparison.Ordinal);
        Assert.Contains("NaN", Refused(llama with { NormEpsilon = double.NaN }), StringComparison.Ordinal);
        Assert.Contains("StorageType", Refused(llama with { StorageType = ScalarType.Int8 }), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Random_damage_to_a_configuration_is_refused_or_harmless()
    {
        using var folder = new TemporaryFolder();
        var seed = File.ReadAllBytes(Fixtures.Path("models/llama3_rope/config.json"));
        var random = new Random(7);
        var refused = 0;
        for (var variant = 0; variant < 3000; variant++)
        {
            var bytes = (byte[])seed.Clone();
            for (var flips = random.Next(1, 4); flips > 0; flips--)
            {
                bytes[random.Next(bytes.Length)] = random.Next(2) == 0 ? (byte)random.Next(256) : (byte)"0123456789-\"{}[],:NeE.\\"[random.Next(23)];
            }

            folder.Write("config.json", bytes);
            try
            {
                ModelConfigJson.Load(folder.Path);
            }
            catch (Exception e) when (e is InvalidDataException or NotSupportedException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 500, 2990);
    }

    private static ModelConfig Parse(string json)
    {
        using var folder = new TemporaryFolder();
        folder.Write("config.json", json);
        return ModelConfigJson.Load(folder.Path);
    }
}
