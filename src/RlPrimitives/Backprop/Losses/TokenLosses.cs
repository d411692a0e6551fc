using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>The clipped loss of PPO, GRPO and DAPO; see <see cref="PolicyLoss.Clipped(Tensor, Tensor, Tensor, ClipRange)"/>.</summary>
/// <param name="Range">Bounds of the ratio.</param>
public sealed record ClippedLoss(ClipRange Range) : IPolicyLoss
{
    /// <summary>1 ± 0.2.</summary>
    public ClippedLoss()
        : this(ClipRange.Ppo)
    {
    }

    /// <inheritdoc/>
    public (double Low, double High)? Bounds => (1 - Range.Low, 1 + Range.High);

    /// <inheritdoc/>
    public Tensor Ratio(PolicyTokens tokens) => TokenRatio.Of(tokens);

    /// <inheritdoc/>
    public Tensor PerToken(PolicyTokens tokens) => PolicyLoss.Clipped(tokens.LogProbs, tokens.OldLogProbs, tokens.Advantages, Range);
}

/// <summary>REINFORCE, −A·lp: no ratio, so one epoch and one mini-batch; see <see cref="PolicyLoss.Reinforce"/>.</summary>
public sealed record ReinforceLoss : IPolicyLoss
{
    /// <inheritdoc/>
    public (double Low, double High)? Bounds => null;

    /// <inheritdoc/>
    public bool NeedsFreshSamples => true;

    /// <inheritdoc/>
    public Tensor Ratio(PolicyTokens tokens) => TokenRatio.Of(tokens);

    /// <inheritdoc/>
    public Tensor PerToken(PolicyTokens tokens) => PolicyLoss.Reinforce(tokens.LogProbs, tokens.Advantages);
}

/// <summary>CISPO: the ratio is a bounded weight without gradient; see <see cref="PolicyLoss.Cispo"/>.</summary>
/// <param name="Weights">Bounds of the weight.</param>
public sealed record CispoLoss(CispoBounds Weights) : IPolicyLoss
{
    /// <inheritdoc/>
    public (double Low, double High)? Bounds => (Weights.Minimum, Weights.Maximum);

    /// <inheritdoc/>
    public Tensor Ratio(PolicyTokens tokens) => TokenRatio.Of(tokens);

    /// <inheritdoc/>
    public Tensor PerToken(PolicyTokens tokens) => PolicyLoss.Cispo(tokens.LogProbs, Ratio(tokens), tokens.Advantages, Weights);
}

/// <summary>SAPO: a soft gate in place of the clip; see <see cref="PolicyLoss.Sapo"/>.</summary>
/// <param name="TemperaturePositive">τ where A &gt; 0; above 0.</param>
/// <param name="TemperatureOther">τ elsewhere; above 0.</param>
public sealed record SapoLoss(double TemperaturePositive = 1, double TemperatureOther = 1.05) : IPolicyLoss
{
    /// <summary>τ where A &gt; 0.</summary>
    public double TemperaturePositive { get; init => field = Positive(value, nameof(TemperaturePositive)); } = Positive(TemperaturePositive, nameof(TemperaturePositive));

    /// <summary>τ elsewhere.</summary>
    public double TemperatureOther { get; init => field = Positive(value, nameof(TemperatureOther)); } = Positive(TemperatureOther, nameof(TemperatureOther));

    /// <inheritdoc/>
    public (double Low, double High)? Bounds => null;

    /// <inheritdoc/>
    public Tensor Ratio(PolicyTokens tokens) => TokenRatio.Of(tokens);

    /// <inheritdoc/>
    public Tensor PerToken(PolicyTokens tokens) => PolicyLoss.Sapo(Ratio(tokens), tokens.Advantages, TemperaturePositive, TemperatureOther);

    private static double Positive(double value, string name) => value > 0 ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be above 0.");
}

/// <summary>ρ of each token, [M].</summary>
internal static class TokenRatio
{
    public static Tensor Of(PolicyTokens tokens) => PolicyLoss.Ratio(tokens.LogProbs, tokens.OldLogProbs);
}
