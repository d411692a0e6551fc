using TorchSharp.Modules;

namespace RlPrimitives.Backprop;

/// <summary>Coefficients of <see cref="AdamW"/>.</summary>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="Epsilon">Added to the denominator.</param>
/// <param name="WeightDecay">Decoupled decay, on every parameter.</param>
public sealed record AdamWOptions(double Beta1 = 0.9, double Beta2 = 0.999, double Epsilon = 1e-8, double WeightDecay = 0);

/// <summary>Parameters that <see cref="AdamW"/> trains alike.</summary>
/// <param name="Parameters">The parameters under names that stay the same from run to run, as <see cref="Models.CausalLM.TrainableParameters"/> gives them.</param>
/// <param name="LearningRateScale">Their learning rate is that of the step times this; at least 0.</param>
/// <param name="WeightDecay">Decoupled decay; null for that of <see cref="AdamWOptions"/>.</param>
public sealed record ParameterGroup(IReadOnlyList<(string Name, Parameter Parameter)> Parameters, double LearningRateScale = 1, double? WeightDecay = null)
{
    /// <summary>Their learning rate is that of the step times this; at least 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative or not finite.</exception>
    public double LearningRateScale { get; } = LearningRateScale >= 0 && double.IsFinite(LearningRateScale)
        ? LearningRateScale
        : throw new ArgumentOutOfRangeException(nameof(LearningRateScale), LearningRateScale, "A learning rate's scale is a finite number of at least 0.");
}
