using System.Collections.Immutable;

namespace RlPrimitives.Inference;

/// <summary>How tokens are drawn. Filters apply in the order: repetition penalty, temperature, top-k, top-p, min-p.</summary>
public sealed record SamplingOptions
{
    /// <summary>Most tokens to sample, at least 1.</summary>
    public int MaxNewTokens
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxNewTokens), value, "MaxNewTokens must be at least 1.");
    } = 128;

    /// <summary>Divides the logits; 1 is the model itself, 0 is greedy (log-probs are then those at temperature 1).</summary>
    public float Temperature
    {
        get;
        init => field = value >= 0 && float.IsFinite(value) ? value
            : throw new ArgumentOutOfRangeException(nameof(Temperature), value, "Temperature must be finite and at least 0 (0 is greedy).");
    } = 1;

    /// <summary>Keep only the k most likely tokens (ties with the k-th kept); 0 keeps all.</summary>
    public int TopK
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(TopK), value, "TopK must be at least 0 (0 keeps all tokens).");
    }

    /// <summary>Nucleus: keep the fewest most likely tokens whose probability reaches this; 1 keeps all (Holtzman et al. 2020, arXiv:1904.09751).</summary>
    public float TopP
    {
        get;
        init => field = value is > 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(TopP), value, "TopP must be in (0, 1] (1 keeps all tokens).");
    } = 1;

    /// <summary>Keep tokens at least this fraction as likely as the most likely one; 0 keeps all (arXiv:2407.01082).</summary>
    public float MinP
    {
        get;
        init => field = value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MinP), value, "MinP must be in [0, 1] (0 keeps all tokens).");
    }

    /// <summary>Logits of tokens already in prompt or response are divided (if positive) or multiplied (if negative) by this (arXiv:1909.05858).</summary>
    public float RepetitionPenalty
    {
        get;
        init => field = value > 0 && float.IsFinite(value) ? value
            : throw new ArgumentOutOfRangeException(nameof(RepetitionPenalty), value, "RepetitionPenalty must be finite and above 0 (1 is none).");
    } = 1;

    /// <summary>Ids that end the response; null takes the model's own end-of-sequence ids, empty takes none.</summary>
    public ImmutableArray<int>? StopTokenIds { get; init; }

    /// <summary>Texts that end the response when they appear in it; none empty.</summary>
    public ImmutableArray<string> StopStrings
    {
        get;
        init => field = value.IsDefaultOrEmpty ? []
            : value.Any(string.IsNullOrEmpty) ? throw new ArgumentException("A stop string must hold text: an empty one would end every response.", nameof(StopStrings))
            : value;
    } = [];

    /// <summary>Whether some tokens are left out or penalised: the distribution sampled from is then not the model's at this temperature.</summary>
    public bool IsFiltered => TopK > 0 || TopP < 1 || MinP > 0 || RepetitionPenalty != 1;

    /// <summary>The most likely token at each step.</summary>
    public static SamplingOptions Greedy { get; } = new() { Temperature = 0 };
}
