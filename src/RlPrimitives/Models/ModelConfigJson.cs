using System.Collections.Immutable;
using System.Text.Json;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>Reads and writes the <c>config.json</c> of Hugging Face folders, in the spelling of transformers 4 and 5.</summary>
public static class ModelConfigJson
{
    /// <summary>Name of the configuration in a folder.</summary>
    public const string FileName = "config.json";

    /// <summary>Name of the generation defaults in a folder; their token ids win over those of <c>config.json</c>.</summary>
    public const string GenerationFileName = "generation_config.json";

    private static readonly Dictionary<string, ModelFamily> Families = new(StringComparer.Ordinal)
    {
        ["gpt2"] = ModelFamily.Gpt2, ["llama"] = ModelFamily.Llama, ["mistral"] = ModelFamily.Mistral,
        ["qwen2"] = ModelFamily.Qwen2, ["qwen3"] = ModelFamily.Qwen3,
    };

    private static readonly Dictionary<string, ScalarType> StorageTypes = new(StringComparer.Ordinal)
    {
        ["float32"] = ScalarType.Float32, ["bfloat16"] = ScalarType.BFloat16, ["float16"] = ScalarType.Float16, ["float64"] = ScalarType.Float64,
    };

    /// <summary>The configuration of the model in a folder, with transformers' defaults for absent keys.</summary>
    /// <exception cref="FileNotFoundException">The folder holds no <c>config.json</c>.</exception>
    /// <exception cref="InvalidDataException">A value is of the wrong type or out of range; the message names file, key, value and range.</exception>
    /// <exception cref="NotSupportedException">The model is of another family, or uses a variant that is not implemented.</exception>
    public static ModelConfig Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var generation = Path.Combine(folder, GenerationFileName);
        return Read(Path.Combine(folder, FileName), File.Exists(generation) ? generation : null);
    }

    /// <summary>Writes <c>config.json</c> and <c>generation_config.json</c>, which transformers 4 and 5 both read.</summary>
    /// <exception cref="ArgumentException">The file format cannot express the configuration, or it is out of range; the message says which member.</exception>
    public static void Save(string folder, ModelConfig config)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(config);
        var rendered = Render(config);
        Directory.CreateDirectory(folder);
        Write(folder, rendered);
    }

    internal static (byte[] Config, byte[] Generation) Render(ModelConfig config) =>
        ConfigWriter.Render(config, NameOf(config.Family), NameOf(config.StorageType));

    internal static void Write(string folder, (byte[] Config, byte[] Generation) rendered)
    {
        AtomicFile.Write(Path.Combine(folder, FileName), stream => stream.Write(rendered.Config));
        AtomicFile.Write(Path.Combine(folder, GenerationFileName), stream => stream.Write(rendered.Generation));
    }

    /// <summary>The configuration in <paramref name="path"/>, with the token ids of <paramref name="generationPath"/> where it has them.</summary>
    internal static ModelConfig Read(string path, string? generationPath)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"{Path.GetFullPath(path)} was looked for and not found: a model folder holds a {FileName}.", path);
        }

        using var document = JsonFile.Read(path);
        using var generation = generationPath is null ? null : JsonFile.Read(generationPath);
        return Parse(
            new ConfigObject(path, document.RootElement),
            generation is null ? null : new ConfigObject(generationPath!, generation.RootElement));
    }

    internal static ModelConfig Parse(ConfigObject json, ConfigObject? generation)
    {
        var type = json.TextOrNull("model_type")
            ?? throw json.Fault("model_type", "absent", $"one of {string.Join(", ", Families.Keys)}");
        if (!Families.TryGetValue(type, out var family))
        {
            throw json.Unsupported("model_type", $"supported are {string.Join(", ", Families.Keys)}.");
        }

        RefuseVariants(json);
        var shape = family == ModelFamily.Gpt2 ? Gpt2Reader.Read(json) : LlamaReader.Read(json, family);
        var parameters = ConfigLimits.CountParameters(shape);
        if (parameters > ConfigLimits.Parameters)
        {
            throw new InvalidDataException($"{json.File}: the sizes given make a model of {parameters} weights; expected at most {ConfigLimits.Parameters}.");
        }

        // Defaults of transformers' classes, where the vocabulary is large enough to hold them.
        var vocabulary = shape.VocabularySize;
        int? Default(int id) => id < vocabulary ? id : null;
        var (bos, eos) = family switch
        {
            ModelFamily.Gpt2 => (Default(50_256), Default(50_256)),
            ModelFamily.Llama or ModelFamily.Mistral => (Default(1), Default(2)),
            _ => (null, null),
        };
        return shape with
        {
            InitializerRange = json.Number("initializer_range", 0.02, 0, 1),
            StorageType = StorageType(json),
            BosTokenId = TokenId(generation, json, "bos_token_id", bos, vocabulary),
            PadTokenId = TokenId(generation, json, "pad_token_id", null, vocabulary),
            EosTokenIds = generation is { } g && g.Has("eos_token_id") ? EndIds(g, vocabulary)
                : json.Find("eos_token_id") is null ? (eos is { } id ? [id] : [])
                : EndIds(json, vocabulary),
        };
    }

    private static int? TokenId(ConfigObject? generation, ConfigObject json, string key, int? absent, int vocabulary)
    {
        var source = generation is { } g && g.Has(key) ? g : json;
        return source.IntegerOrNull(key, absent, -1, vocabulary - 1) is >= 0 and var id ? id : null; // −1: an old spelling of none
    }

    private static ImmutableArray<int> EndIds(ConfigObject json, int vocabulary) => [.. json.Integers("eos_token_id", 0, vocabulary - 1).Distinct()];

    private static ScalarType StorageType(ConfigObject json)
    {
        var key = json.Has("dtype") ? "dtype" : "torch_dtype";
        var name = json.TextOrNull(key) ?? "float32";
        return StorageTypes.TryGetValue(name.StartsWith("torch.", StringComparison.Ordinal) ? name[6..] : name, out var type)
            ? type
            : throw json.Unsupported(key, $"supported are {string.Join(", ", StorageTypes.Keys)}.");
    }

    private static void RefuseVariants(ConfigObject json)
    {
        foreach (var key in new[] { "quantization_config", "num_local_experts", "num_experts", "n_routed_experts", "text_config" })
        {
            if (json.Has(key))
            {
                throw json.Unsupported(key, key switch
                {
                    "quantization_config" => "quantized weights are not supported.",
                    "text_config" => "multimodal models are not supported.",
                    _ => "mixtures of experts are not supported.",
                });
            }
        }

        if (json.Has("partial_rotary_factor") && json.Number("partial_rotary_factor", 1, 0, 1) != 1)
        {
            throw json.Unsupported("partial_rotary_factor", "only 1 (every feature of a head is rotated) is supported.");
        }

        if (json.Flag("is_encoder_decoder", false))
        {
            throw json.Unsupported("is_encoder_decoder", "only decoder-only models are supported.");
        }
    }

    private static string NameOf(ModelFamily family) => Families.First(f => f.Value == family).Key;

    private static string NameOf(ScalarType type) =>
        StorageTypes.Where(s => s.Value == type).Select(s => s.Key).FirstOrDefault()
        ?? throw new ArgumentException($"StorageType is {type}; expected one of {string.Join(", ", StorageTypes.Values)}.");
}
