namespace RlPrimitives.Backprop;

/// <summary>A loss or gradient was not finite; the optimizer step was refused and the model is as it was before it.</summary>
/// <param name="loss">The loss.</param>
/// <param name="gradientNorm">The global gradient norm.</param>
public sealed class NonFiniteUpdateException(double loss, double gradientNorm)
    : InvalidOperationException($"The update was refused: loss {loss}, gradient norm {gradientNorm}. The model is unchanged by this step. " +
        "Usual causes: a learning rate far too high in an earlier step, advantages or log-probs that are not finite.")
{
    /// <summary>The loss.</summary>
    public double Loss { get; } = loss;

    /// <summary>The global gradient norm.</summary>
    public double GradientNorm { get; } = gradientNorm;
}
