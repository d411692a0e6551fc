namespace RlPrimitives.Backprop;

/// <summary>A loss or gradient was not finite; the optimizer step was refused and the model is as it was before it.</summary>
/// <param name="loss">The loss.</param>
/// <param name="gradientNorm">The global gradient norm.</param>
/// <param name="rows">Which rows of the batch given to the update cause it; empty where no single row does.</param>
/// <param name="file">Where the rows of the refused step were written; null where that failed.</param>
public sealed class NonFiniteUpdateException(double loss, double gradientNorm, IReadOnlyList<int> rows, string? file)
    : InvalidOperationException(FormattableString.Invariant($"The update was refused: loss {loss}, gradient norm {gradientNorm}. The model is unchanged by this step. ") +
        (rows.Count > 0 ? $"Not finite by themselves are {rows.Count} rows of the batch: {string.Join(", ", rows.Take(20))}{(rows.Count > 20 ? " …" : "")}. "
            : "No single row is at fault: suspect the weights or the sum of many large gradients. ") +
        (file is null ? "The batch could not be written. " : $"The batch of the step is in {file}. ") +
        "Usual causes: a learning rate far too high in an earlier step, advantages or log-probs that are not finite.")
{
    /// <summary>The loss.</summary>
    public double Loss { get; } = loss;

    /// <summary>The global gradient norm.</summary>
    public double GradientNorm { get; } = gradientNorm;

    /// <summary>Which rows of the batch given to the update cause it.</summary>
    public IReadOnlyList<int> Rows { get; } = rows;

    /// <summary>Where the rows of the refused step were written, one a line as JSON; null where that failed.</summary>
    public string? File { get; } = file;
}
