namespace RlPrimitives.Backprop;

/// <summary>Where implementations of whitening disagree; each preset is named after the implementation whose numbers it gives.</summary>
public sealed record Whitening
{
    /// <summary>verl and TRL: (x − μ)·rsqrt(s² + 1e-8), s² with Bessel's correction.</summary>
    public static Whitening Verl { get; } = new();

    /// <summary>OpenRLHF: (x − μ)·rsqrt(max(s², 1e-8)), s² the mean square.</summary>
    public static Whitening OpenRlhf { get; } = new() { Bessel = false, FloorsVariance = true };

    /// <summary>Whether the variance divides by n − 1; otherwise by n.</summary>
    public bool Bessel { get; init; } = true;

    /// <summary>ε of the variance; at least 0.</summary>
    public double Epsilon
    {
        get;
        init => field = value >= 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(Epsilon), value, "Epsilon must be finite and at least 0.");
    } = 1e-8;

    /// <summary>Whether ε is the least variance; otherwise it is added.</summary>
    public bool FloorsVariance { get; init; }

    /// <summary>Whether μ is added back, as is done to rewards.</summary>
    public bool KeepsMean { get; init; }

    /// <summary>Whether to divide by the deviation; without, only the mean goes.</summary>
    public bool Scales { get; init; } = true;
}
