namespace RlPrimitives.Models;

/// <summary>Upper bounds on what a configuration may ask for: far above every published model, low enough that no product overflows.</summary>
internal static class ConfigLimits
{
    public const int Vocabulary = 1 << 24;
    public const int Width = 1 << 18;
    public const int FeedForward = 1 << 22;
    public const int Layers = 1 << 12;
    public const int Heads = 1 << 12;
    public const int HeadDimension = 1 << 12;
    public const int Context = 1 << 28;
    public const long Parameters = 10_000_000_000_000;

    /// <summary>Number of weights in the matrices; norms and biases are negligible here.</summary>
    public static long CountParameters(ModelConfig config)
    {
        long width = config.Width, heads = (long)config.Heads * config.HeadDimension, shared = (long)config.KeyValueHeads * config.HeadDimension;
        var feedForward = (config.Family == ModelFamily.Gpt2 ? 2 : 3) * width * config.FeedForwardWidth;
        var embeddings = width * config.VocabularySize * (config.TiedEmbeddings ? 1 : 2);
        var positions = config.Family == ModelFamily.Gpt2 ? width * config.ContextLength : 0;
        return embeddings + positions + (config.Layers * ((2 * width * (heads + shared)) + feedForward));
    }
}
