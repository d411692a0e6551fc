namespace RlPrimitives.Algorithms;

/// <summary>The sampler does not generate with the weights that were put there: what it samples is not the policy that is trained.</summary>
public sealed class WeightMismatchException : Exception
{
    /// <summary>What was found.</summary>
    public WeightMismatchException()
    {
    }

    /// <summary>What was found.</summary>
    /// <param name="message">Endpoint, version and numbers.</param>
    public WeightMismatchException(string message)
        : base(message)
    {
    }

    /// <summary>What was found.</summary>
    /// <param name="message">Endpoint, version and numbers.</param>
    /// <param name="inner">What was thrown.</param>
    public WeightMismatchException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
