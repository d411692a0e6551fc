using System.Collections.Immutable;
using System.Text.Json;

namespace RlPrimitives.Models;

/// <summary>The names that Llama, Mistral, Qwen2 and Qwen3 share in <c>config.json</c>; defaults are those of transformers' classes.</summary>
internal static class LlamaReader
{
    public static ModelConfig Read(ConfigObject json, ModelFamily family)
    {
        var (defaultVocabulary, defaultShared, defaultFeedForward, defaultContext) = family switch
        {
            ModelFamily.Llama => (32_000, (int?)null, 11_008, 2048),
            ModelFamily.Mistral => (32_000, 8, 14_336, 131_072),
            _ => (151_936, 32, 22_016, 32_768),
        };
        if ((json.TextOrNull("hidden_act") ?? "silu") is not ("silu" or "swish"))
        {
            throw json.Unsupported("hidden_act", "only silu is supported for this model_type.");
        }

        var width = json.Integer("hidden_size", 4096, 1, ConfigLimits.Width);
        var heads = json.Integer("num_attention_heads", 32, 1, ConfigLimits.Heads);
        var shared = json.IntegerOrNull("num_key_value_heads", defaultShared, 1, ConfigLimits.Heads) ?? heads;
        if (heads % shared != 0)
        {
            throw json.Fault("num_key_value_heads", $"{shared}", $"a divisor of num_attention_heads ({heads})");
        }

        var layers = json.Integer("num_hidden_layers", 32, 1, ConfigLimits.Layers);
        var context = json.Integer("max_position_embeddings", defaultContext, 1, ConfigLimits.Context);
        var (theta, scaling) = RopeReader.Read(json, context);
        var bias = family is ModelFamily.Llama or ModelFamily.Qwen3 && json.Flag("attention_bias", false);
        var (window, sliding) = Window(json, family, layers);
        return new ModelConfig
        {
            Family = family,
            VocabularySize = json.Integer("vocab_size", defaultVocabulary, 1, ConfigLimits.Vocabulary),
            Width = width,
            Layers = layers,
            Heads = heads,
            KeyValueHeads = shared,
            HeadDimension = HeadDimension(json, family, width, heads),
            FeedForwardWidth = json.Integer("intermediate_size", defaultFeedForward, 1, ConfigLimits.FeedForward),
            ContextLength = context,
            NormEpsilon = json.Number("rms_norm_eps", 1e-6, double.Epsilon, 1),
            RopeTheta = theta,
            RopeScaling = scaling,
            SlidingWindow = window,
            SlidingLayers = sliding,
            TiedEmbeddings = json.Flag("tie_word_embeddings", false),
            QueryKeyValueBias = bias || family == ModelFamily.Qwen2,
            AttentionOutputBias = bias,
            FeedForwardBias = family == ModelFamily.Llama && json.Flag("mlp_bias", false),
        };
    }

    private static int HeadDimension(ConfigObject json, ModelFamily family, int width, int heads)
    {
        var given = json.IntegerOrNull("head_dim", family == ModelFamily.Qwen3 ? 128 : null, 1, ConfigLimits.HeadDimension);
        if (given is null && width % heads != 0)
        {
            throw json.Fault("num_attention_heads", $"{heads}", $"a divisor of hidden_size ({width}), as there is no head_dim");
        }

        var dimension = given ?? width / heads;
        return dimension % 2 == 0 && dimension <= ConfigLimits.HeadDimension
            ? dimension
            : throw json.Fault("head_dim", $"{dimension}", $"an even number up to {ConfigLimits.HeadDimension}: rotary positions turn features in pairs");
    }

    private static (int? Window, ImmutableArray<bool> Layers) Window(ConfigObject json, ModelFamily family, int layers)
    {
        if (family == ModelFamily.Mistral)
        {
            return (json.IntegerOrNull("sliding_window", 4096, 1, int.MaxValue), []);
        }

        if (family == ModelFamily.Llama || !json.Flag("use_sliding_window", false))
        {
            return (null, []);
        }

        var window = json.IntegerOrNull("sliding_window", 4096, 1, int.MaxValue);
        var first = json.Integer("max_window_layers", 28, 0, int.MaxValue);
        var sliding = json.Has("layer_types") ? LayerTypes(json, layers) : [.. Enumerable.Range(0, layers).Select(i => i >= first)];
        return window is null || !sliding.Contains(true) ? (null, [])
            : sliding.Contains(false) ? (window, sliding)
            : (window, []);
    }

    private static ImmutableArray<bool> LayerTypes(ConfigObject json, int layers)
    {
        var types = json.Find("layer_types")!.Value;
        return types.ValueKind == JsonValueKind.Array && types.GetArrayLength() == layers
            ? [.. types.EnumerateArray().Select(t => t.ValueKind == JsonValueKind.String ? JsonFile.TextOf(t) switch
            {
                "sliding_attention" => true,
                "full_attention" => false,
                _ => throw json.Unsupported("layer_types", "supported layer types are full_attention and sliding_attention."),
            }
            : throw json.Fault("layer_types", JsonFile.Show(types), "an array of strings"))]
            : throw json.Fault("layer_types", JsonFile.Show(types), $"an array of {layers} strings, one a layer");
    }
}
