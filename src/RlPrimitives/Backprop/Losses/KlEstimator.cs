namespace RlPrimitives.Backprop;

/// <summary>Estimators of the KL divergence from one sample.</summary>
public enum KlEstimator
{
    /// <summary>lp − ref.</summary>
    K1,

    /// <summary>½(lp − ref)².</summary>
    K2,

    /// <summary>exp(ref − lp) − (ref − lp) − 1.</summary>
    K3,

    /// <summary>k3's value with k2's gradient.</summary>
    K3Plus,

    /// <summary>|lp − ref|.</summary>
    Absolute,
}

/// <summary>Bounds that keep one far token from deciding the loss.</summary>
/// <param name="Difference">The log-ratio is cut to ±this, nats, above 0; infinity for no bound.</param>
/// <param name="Result">The estimate is cut to ±this, above 0; infinity for no bound.</param>
public sealed record KlClamp(double Difference, double Result)
{
    /// <summary>Bound of the log-ratio, nats.</summary>
    public double Difference { get; init => field = Positive(value, nameof(Difference)); } = Positive(Difference, nameof(Difference));

    /// <summary>Bound of the estimate.</summary>
    public double Result { get; init => field = Positive(value, nameof(Result)); } = Positive(Result, nameof(Result));

    /// <summary>No bounds.</summary>
    public static KlClamp None { get; } = new(double.PositiveInfinity, double.PositiveInfinity);

    /// <summary>Log-ratio within ±20: the exponential stays finite.</summary>
    public static KlClamp Difference20 { get; } = new(20, double.PositiveInfinity);

    /// <summary>verl's for k3: log-ratio within ±20, result within ±10. It bounds neither k1 nor k2.</summary>
    public static KlClamp Verl { get; } = new(20, 10);

    /// <summary>OpenRLHF's for each estimator: result within ±10.</summary>
    public static KlClamp OpenRlhf { get; } = new(double.PositiveInfinity, 10);

    private static double Positive(double value, string name) => value > 0 ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be above 0 (infinity for no bound).");
}
