using System.Collections;
using System.Globalization;
using System.Text.Json;

namespace RlPrimitives.Models;

/// <summary>Renders a configuration as <c>config.json</c> and <c>generation_config.json</c>, keys sorted as transformers sorts them.</summary>
/// <remarks>The spelling is that of transformers 4 (<c>rope_theta</c>, <c>torch_dtype</c>), which transformers 5 reads too.</remarks>
internal static class ConfigWriter
{
    public static (byte[] Config, byte[] Generation) Render(ModelConfig config, string modelType, string storageType)
    {
        config = Normalized(config);
        var keys = config.Family == ModelFamily.Gpt2 ? Gpt2(config) : Llama(config);
        var generation = new SortedDictionary<string, object?>(StringComparer.Ordinal)
        {
            ["bos_token_id"] = config.BosTokenId,
            ["eos_token_id"] = config.EosTokenIds.Length switch { 0 => null, 1 => config.EosTokenIds[0], _ => config.EosTokenIds },
            ["pad_token_id"] = config.PadTokenId,
        };
        foreach (var (key, value) in generation)
        {
            keys[key] = value;
        }

        keys["architectures"] = new[] { Architecture(config.Family) };
        keys["initializer_range"] = config.InitializerRange;
        keys["model_type"] = modelType;
        keys["tie_word_embeddings"] = config.TiedEmbeddings;
        keys["torch_dtype"] = storageType;
        keys["use_cache"] = true;
        keys["vocab_size"] = config.VocabularySize;
        var json = Bytes(keys);
        CheckExpressed(config, json);
        return (json, Bytes(generation));
    }

    private static SortedDictionary<string, object?> Gpt2(ModelConfig config) => new(StringComparer.Ordinal)
    {
        ["activation_function"] = config.ExactGelu ? "gelu" : "gelu_new",
        ["attn_pdrop"] = 0.0, // these models have no dropout, whoever trains them on
        ["embd_pdrop"] = 0.0,
        ["layer_norm_epsilon"] = config.NormEpsilon,
        ["n_embd"] = config.Width,
        ["n_head"] = config.Heads,
        ["n_inner"] = config.FeedForwardWidth == 4 * config.Width ? null : config.FeedForwardWidth,
        ["n_layer"] = config.Layers,
        ["n_positions"] = config.ContextLength,
        ["resid_pdrop"] = 0.0,
    };

    private static SortedDictionary<string, object?> Llama(ModelConfig config)
    {
        var keys = new SortedDictionary<string, object?>(StringComparer.Ordinal)
        {
            ["attention_dropout"] = 0.0,
            ["hidden_act"] = "silu",
            ["hidden_size"] = config.Width,
            ["intermediate_size"] = config.FeedForwardWidth,
            ["max_position_embeddings"] = config.ContextLength,
            ["num_attention_heads"] = config.Heads,
            ["num_hidden_layers"] = config.Layers,
            ["num_key_value_heads"] = config.KeyValueHeads,
            ["rms_norm_eps"] = config.NormEpsilon,
            ["rope_scaling"] = Scaling(config.RopeScaling),
            ["rope_theta"] = config.RopeTheta,
        };
        if (config.Family != ModelFamily.Qwen2 || config.HeadDimension * config.Heads != config.Width)
        {
            keys["head_dim"] = config.HeadDimension; // Qwen2's class has no such key, but its model heeds it
        }

        if (config.Family is ModelFamily.Llama or ModelFamily.Qwen3)
        {
            keys["attention_bias"] = config.QueryKeyValueBias;
        }

        if (config.Family == ModelFamily.Llama)
        {
            keys["mlp_bias"] = config.FeedForwardBias;
        }
        else
        {
            keys["sliding_window"] = config.SlidingWindow;
        }

        if (config.Family is ModelFamily.Qwen2 or ModelFamily.Qwen3)
        {
            var sliding = Enumerable.Range(0, config.Layers).Select(config.IsSliding).ToArray();
            keys["use_sliding_window"] = config.SlidingWindow is not null;
            keys["layer_types"] = sliding.Select(s => s ? "sliding_attention" : "full_attention").ToArray();
            keys["max_window_layers"] = Array.IndexOf(sliding, true) is >= 0 and var first ? first : config.Layers;
        }

        return keys;
    }

    private static SortedDictionary<string, object?>? Scaling(RopeScaling? scaling)
    {
        if (scaling is null)
        {
            return null;
        }

        var keys = new SortedDictionary<string, object?>(StringComparer.Ordinal) { ["factor"] = scaling.Factor };
        if (scaling.Kind == RopeScalingKind.Llama3)
        {
            keys["high_freq_factor"] = scaling.HighFrequencyFactor;
            keys["low_freq_factor"] = scaling.LowFrequencyFactor;
            keys["original_max_position_embeddings"] = scaling.OriginalContextLength;
        }

        keys["rope_type"] = scaling.Kind == RopeScalingKind.Llama3 ? "llama3" : "linear";
        return keys;
    }

    private static string Architecture(ModelFamily family) => family switch
    {
        ModelFamily.Gpt2 => "GPT2LMHeadModel",
        ModelFamily.Llama => "LlamaForCausalLM",
        ModelFamily.Mistral => "MistralForCausalLM",
        ModelFamily.Qwen2 => "Qwen2ForCausalLM",
        _ => "Qwen3ForCausalLM",
    };

    /// <summary>The one of several equal spellings that the reader gives.</summary>
    private static ModelConfig Normalized(ModelConfig config)
    {
        if (!config.SlidingLayers.IsDefaultOrEmpty && config.SlidingLayers.Length != config.Layers)
        {
            throw new ArgumentException(
                $"SlidingLayers has {config.SlidingLayers.Length} entries; expected none or one for each of the {config.Layers} layers.", nameof(config));
        }

        var none = config.SlidingWindow is null || (!config.SlidingLayers.IsDefaultOrEmpty && !config.SlidingLayers.Contains(true));
        var all = config.SlidingLayers.IsDefaultOrEmpty || !config.SlidingLayers.Contains(false);
        return config with
        {
            SlidingWindow = none ? null : config.SlidingWindow,
            SlidingLayers = none || all ? [] : config.SlidingLayers,
            EosTokenIds = config.EosTokenIds.IsDefault ? [] : config.EosTokenIds,
        };
    }

    // What is written is read back: whatever the format has no word for (a window in Llama, a bias in Mistral) shows as a difference.
    private static void CheckExpressed(ModelConfig config, byte[] json)
    {
        using var document = JsonDocument.Parse(json);
        ModelConfig read;
        try
        {
            read = ModelConfigJson.Parse(new ConfigObject(ModelConfigJson.FileName, document.RootElement), generation: null);
        }
        catch (Exception e) when (e is InvalidDataException or NotSupportedException)
        {
            throw new ArgumentException($"The configuration is out of range: {e.Message}", nameof(config), e);
        }

        foreach (var property in typeof(ModelConfig).GetProperties())
        {
            var (wanted, found) = (property.GetValue(config), property.GetValue(read));
            var equal = wanted is IEnumerable a && found is IEnumerable b ? a.Cast<object>().SequenceEqual(b.Cast<object>()) : Equals(wanted, found);
            if (!equal)
            {
                throw new ArgumentException($"{property.Name} is {wanted ?? "null"}, which the {ModelConfigJson.FileName} of a {config.Family} model " +
                    $"cannot express; it would be read as {found ?? "null"}.", nameof(config));
            }
        }
    }

    /// <summary>The keys as indented JSON.</summary>
    internal static byte[] Bytes(SortedDictionary<string, object?> keys)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            Write(writer, keys);
        }

        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }

    private static void Write(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null:
                writer.WriteNullValue();
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case int number:
                writer.WriteNumberValue(number);
                break;
            case double number:
                writer.WriteRawValue(Python(number));
                break;
            case SortedDictionary<string, object?> keys:
                writer.WriteStartObject();
                foreach (var (key, item) in keys)
                {
                    writer.WritePropertyName(key);
                    Write(writer, item);
                }

                writer.WriteEndObject();
                break;
            case IEnumerable items:
                writer.WriteStartArray();
                foreach (var item in items)
                {
                    Write(writer, item);
                }

                writer.WriteEndArray();
                break;
            default:
                throw new InvalidOperationException($"No JSON form for {value.GetType()}.");
        }
    }

    // A float without point or exponent would become an integer in Python.
    private static string Python(double number)
    {
        var text = double.IsFinite(number) ? JsonText.Number(number)
            : throw new ArgumentException($"The configuration holds {number}; expected finite numbers.");
        return text.AsSpan().ContainsAny('.', 'E') ? text : $"{text}.0";
    }
}
