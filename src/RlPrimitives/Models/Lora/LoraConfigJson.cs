using System.Collections.Immutable;
using System.Text.Json;

namespace RlPrimitives.Models;

/// <summary>PEFT's <c>adapter_config.json</c>.</summary>
internal static class LoraConfigJson
{
    // What makes an adapter more than s·B·A beside some linear layers, with the values that leave it plain.
    private static readonly string[] Variants =
    [
        "use_dora", "use_qalora", "use_bdlora", "lora_bias", "modules_to_save", "rank_pattern", "alpha_pattern", "layer_replication", "target_parameters",
        "trainable_token_indices", "alora_invocation_tokens", "monteclora_config", "kasa_config", "arrow_config",
    ];

    // Ways to initialise that leave the base weights alone; the others change them.
    private static readonly string[] PlainStarts = ["gaussian", "eva", "orthogonal"];

    private static readonly string[] Exceptions = ["exclude_modules", "layers_to_transform", "layers_pattern"];

    /// <summary>The configuration in a file, checked against the layers of which there are matrices.</summary>
    /// <param name="path">The file.</param>
    /// <param name="layers">The model's linear layers.</param>
    /// <param name="adapted">Those of which matrices are stored.</param>
    public static LoraConfig Read(string path, IReadOnlyList<string> layers, IReadOnlySet<string> adapted)
    {
        using var document = JsonFile.Read(path);
        var json = new ConfigObject(path, document.RootElement);
        RefuseVariants(json);
        var targets = Targets(json, path, layers, adapted);
        return new LoraConfig
        {
            Rank = json.Integer("r", absent: 8, 1, 1 << 20),
            Alpha = json.Number("lora_alpha", absent: 8, double.Epsilon, 1e12),
            RankStabilized = json.Flag("use_rslora", absent: false),
            TargetModules = targets,
        };
    }

    public static byte[] Render(LoraConfig config, IEnumerable<string> resolvedTargets, bool transposed) => ConfigWriter.Bytes(
        new SortedDictionary<string, object?>(StringComparer.Ordinal)
        {
            ["auto_mapping"] = null,
            ["base_model_name_or_path"] = null,
            ["bias"] = "none",
            ["fan_in_fan_out"] = transposed,
            ["inference_mode"] = true,
            ["init_lora_weights"] = true,
            ["layers_pattern"] = null,
            ["layers_to_transform"] = null,
            ["lora_alpha"] = config.Alpha == Math.Floor(config.Alpha) && config.Alpha < int.MaxValue ? (object)(int)config.Alpha : config.Alpha,
            ["lora_dropout"] = 0.0,
            ["modules_to_save"] = null,
            ["peft_type"] = "LORA",
            ["r"] = config.Rank,
            ["revision"] = null,
            ["target_modules"] = (config.TargetModules.IsEmpty ? resolvedTargets : config.TargetModules).ToArray(),
            ["task_type"] = "CAUSAL_LM",
            ["use_rslora"] = config.RankStabilized,
        });

    private static void RefuseVariants(ConfigObject json)
    {
        const string remedy = "supported is plain LoRA. Merge the adapter in PEFT with merge_and_unload() and load the result as a model.";
        if (json.TextOrNull("peft_type") is { } type && type != "LORA")
        {
            throw json.Unsupported("peft_type", remedy);
        }

        if (json.TextOrNull("bias") is { } bias && bias != "none")
        {
            throw json.Unsupported("bias", remedy);
        }

        if (json.Find("init_lora_weights") is { ValueKind: JsonValueKind.String } start && !PlainStarts.Contains(JsonFile.TextOf(start)))
        {
            throw json.Unsupported("init_lora_weights", "such adapters belong beside changed weights. Convert it in PEFT: " +
                "save_pretrained(folder, path_initial_model_for_weight_conversion=…).");
        }

        foreach (var key in Variants)
        {
            if (json.Find(key) is { } value && !IsPlain(value))
            {
                throw json.Unsupported(key, remedy);
            }
        }
    }

    private static bool IsPlain(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };

    // A pattern, or a list with exceptions, is replaced by what it chose: the stored matrices tell.
    private static ImmutableArray<string> Targets(ConfigObject json, string path, IReadOnlyList<string> layers, IReadOnlySet<string> adapted)
    {
        var exceptions = Exceptions.Any(k => json.Find(k) is { } v && !IsPlain(v));
        if (exceptions || json.Find("target_modules") is not { ValueKind: JsonValueKind.Array } list)
        {
            return [.. layers.Where(adapted.Contains)];
        }

        var targets = list.EnumerateArray()
            .Select(e => (e.ValueKind == JsonValueKind.String ? JsonFile.TextOf(e) : null) ?? throw json.Fault("target_modules", JsonFile.Show(list), "a list of names"))
            .Where(t => layers.Any(l => LoraAdapters.Names(t, l))).ToImmutableArray();
        var named = layers.Where(l => targets.Any(t => LoraAdapters.Names(t, l))).ToArray();
        if (named.FirstOrDefault(l => !adapted.Contains(l)) is { } missing)
        {
            throw new InvalidDataException($"{path}: target_modules name layer '{missing}', of which {LoraFolder.WeightsName} holds no matrices. The adapter is incomplete, or another model's.");
        }

        return named.Length == adapted.Count ? targets
            : throw new InvalidDataException($"{path}: target_modules do not name layer '{adapted.Except(named).Order(StringComparer.Ordinal).First()}', of which {LoraFolder.WeightsName} holds matrices.");
    }
}
