using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>GSPO: the clipped loss of a sequence's geometric-mean ratio; see <see cref="PolicyLoss.Gspo"/>. Average with <see cref="LossAverage.Sequence"/>.</summary>
/// <param name="Range">Bounds of the ratio.</param>
public sealed record GspoLoss(ClipRange Range) : IPolicyLoss
{
    /// <summary>GSPO's own bounds.</summary>
    public GspoLoss()
        : this(ClipRange.Gspo)
    {
    }

    /// <inheritdoc/>
    public (double Low, double High)? Bounds => (1 - Range.Low, 1 + Range.High);

    /// <inheritdoc/>
    public Tensor Ratio(PolicyTokens tokens) => PolicyLoss.SequenceTokenRatio(tokens.LogProbs, tokens.OldLogProbs, tokens.Lengths);

    /// <inheritdoc/>
    public Tensor PerToken(PolicyTokens tokens) => PolicyLoss.Gspo(tokens.LogProbs, tokens.OldLogProbs, tokens.Advantages, tokens.Lengths, Range);
}

/// <summary>GMPO: the geometric mean of clipped ratios; see <see cref="PolicyLoss.Gmpo"/>. Average with <see cref="LossAverage.Sequence"/>.</summary>
/// <param name="Low">Least log-ratio is −Low; at least 0.</param>
/// <param name="High">Greatest log-ratio; at least 0.</param>
public sealed record GmpoLoss(double Low = 0.4, double High = 0.4) : IPolicyLoss
{
    /// <summary>Least log-ratio is −Low.</summary>
    public double Low { get; init => field = AtLeastZero(value, nameof(Low)); } = AtLeastZero(Low, nameof(Low));

    /// <summary>Greatest log-ratio.</summary>
    public double High { get; init => field = AtLeastZero(value, nameof(High)); } = AtLeastZero(High, nameof(High));

    /// <inheritdoc/>
    public (double Low, double High)? Bounds => (Math.Exp(-Low), Math.Exp(High));

    /// <inheritdoc/>
    public Tensor Ratio(PolicyTokens tokens) => TokenRatio.Of(tokens);

    /// <inheritdoc/>
    public Tensor PerToken(PolicyTokens tokens) => Sequences.Spread(
        PolicyLoss.Gmpo(tokens.LogProbs, tokens.OldLogProbs, tokens.Advantages, tokens.Lengths, Low, High), tokens.Lengths);  // [M]

    private static double AtLeastZero(double value, string name) => value >= 0 ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be at least 0.");
}

/// <summary>The clipped loss of a whole sequence's ratio, exp(Σlp − Σold), as in TRL's RLOO; see <see cref="PolicyLoss.SequenceProductRatio"/>.
/// Average with <see cref="LossAverage.Sequence"/>.</summary>
/// <param name="Range">Bounds of the ratio.</param>
public sealed record SequenceProductLoss(ClipRange Range) : IPolicyLoss
{
    /// <summary>1 ± 0.2.</summary>
    public SequenceProductLoss()
        : this(ClipRange.Ppo)
    {
    }

    /// <inheritdoc/>
    public (double Low, double High)? Bounds => (1 - Range.Low, 1 + Range.High);

    /// <inheritdoc/>
    public Tensor Ratio(PolicyTokens tokens) => Sequences.Spread(PolicyLoss.SequenceProductRatio(tokens.LogProbs, tokens.OldLogProbs, tokens.Lengths), tokens.Lengths);

    /// <inheritdoc/>
    public Tensor PerToken(PolicyTokens tokens) => PolicyLoss.ClippedOfRatio(Ratio(tokens), tokens.Advantages, Range);
}
