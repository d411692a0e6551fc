using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>What a value head is trained with, and how good it is.</summary>
public static class ValueLoss
{
    /// <summary>½(v − R)², per token, to be minimised.</summary>
    /// <param name="values">v, [M].</param>
    /// <param name="returns">R, without gradient, [M].</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor Squared(Tensor values, Tensor returns)
    {
        Shapes.CheckEqual(values, returns);
        return (values - returns).Squared() * Scalars.Of(0.5);  // [M]
    }

    /// <summary>½·max((v − R)², (clip(v, v_old ± c) − R)²), per token, to be minimised (Schulman et al. 2017, arXiv:1707.06347, as in OpenAI's baselines).</summary>
    /// <remarks>Its coefficient beside the policy loss: 0.1 in TRL, 0.5 in CleanRL.</remarks>
    /// <param name="values">v, [M].</param>
    /// <param name="oldValues">v_old, at collection, without gradient, [M].</param>
    /// <param name="returns">R, without gradient, [M].</param>
    /// <param name="clip">c, above 0.</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="clip"/> is not above 0.</exception>
    public static Tensor Clipped(Tensor values, Tensor oldValues, Tensor returns, double clip = 0.2)
    {
        Shapes.CheckEqual(values, oldValues);
        Shapes.CheckEqual(values, returns);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(clip);
        var clipped = values.clamp(oldValues - Scalars.Of(clip), oldValues.Plus(clip));  // [M]
        return maximum((values - returns).Squared(), (clipped - returns).Squared()) * Scalars.Of(0.5);  // [M]
    }

    /// <summary>Explained variance, 1 − Var(R − V)/Var(R): 1 is perfect, 0 no better than the mean, below 0 worse.</summary>
    /// <param name="values">V, [M].</param>
    /// <param name="returns">R, [M].</param>
    /// <returns>At most 1; NaN if the returns do not vary.</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static double ExplainedVariance(ReadOnlySpan<float> values, ReadOnlySpan<float> returns)
    {
        if (values.Length != returns.Length)
        {
            throw new ArgumentException($"values has {values.Length} elements, returns {returns.Length}; they must be equal.");
        }

        var errors = new double[values.Length];
        var targets = new double[values.Length];
        for (var i = 0; i < errors.Length; i++)
        {
            targets[i] = returns[i];
            errors[i] = targets[i] - values[i];
        }

        var variance = Variance(targets);
        return variance > 0 ? 1 - (Variance(errors) / variance) : double.NaN;
    }

    private static double Variance(double[] values)
    {
        var mean = values.Length > 0 ? values.Average() : 0;
        return values.Sum(v => (v - mean) * (v - mean));
    }
}
