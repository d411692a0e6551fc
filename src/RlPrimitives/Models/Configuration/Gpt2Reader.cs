namespace RlPrimitives.Models;

/// <summary>GPT-2's names in <c>config.json</c>; defaults are those of transformers' <c>GPT2Config</c>.</summary>
internal static class Gpt2Reader
{
    private static readonly (string Key, bool Only)[] Fixed =
    [
        ("scale_attn_weights", true), ("scale_attn_by_inverse_layer_idx", false), ("reorder_and_upcast_attn", false), ("add_cross_attention", false),
    ];

    public static ModelConfig Read(ConfigObject json)
    {
        foreach (var (key, value) in Fixed)
        {
            if (json.Flag(key, value) != value)
            {
                throw json.Unsupported(key, $"only {(value ? "true" : "false")} is supported.");
            }
        }

        var width = json.Integer(json.FirstOf("n_embd", "hidden_size"), 768, 1, ConfigLimits.Width);
        var headsKey = json.FirstOf("n_head", "num_attention_heads");
        var heads = json.Integer(headsKey, 12, 1, ConfigLimits.Heads);
        if (width % heads != 0)
        {
            throw json.Fault(headsKey, $"{heads}", $"a divisor of the width {width}");
        }

        var activation = json.TextOrNull("activation_function") ?? "gelu_new";
        return new ModelConfig
        {
            Family = ModelFamily.Gpt2,
            VocabularySize = json.Integer("vocab_size", 50_257, 1, ConfigLimits.Vocabulary),
            Width = width,
            Layers = json.Integer(json.FirstOf("n_layer", "num_hidden_layers"), 12, 1, ConfigLimits.Layers),
            Heads = heads,
            KeyValueHeads = heads,
            HeadDimension = width / heads,
            FeedForwardWidth = json.IntegerOrNull("n_inner", null, 1, ConfigLimits.FeedForward) ?? 4 * width,
            ContextLength = json.Integer(json.FirstOf("n_positions", "n_ctx", "max_position_embeddings"), 1024, 1, ConfigLimits.Context),
            NormEpsilon = json.Number("layer_norm_epsilon", 1e-5, double.Epsilon, 1),
            TiedEmbeddings = json.Flag("tie_word_embeddings", true),
            QueryKeyValueBias = true,
            AttentionOutputBias = true,
            FeedForwardBias = true,
            ExactGelu = activation switch
            {
                "gelu_new" or "gelu_pytorch_tanh" => false,
                "gelu" => true,
                _ => throw json.Unsupported("activation_function", "supported are gelu_new, gelu_pytorch_tanh and gelu."),
            },
        };
    }
}
