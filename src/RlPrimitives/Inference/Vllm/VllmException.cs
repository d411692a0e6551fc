using System.Net;

namespace RlPrimitives.Inference;

/// <summary>A vLLM server that refused, answered nonsense or could not be reached.</summary>
public sealed class VllmException : Exception
{
    /// <summary>What happened.</summary>
    /// <param name="message">Endpoint, request and what was said.</param>
    /// <param name="status">What the server answered; null where it answered nothing, or nothing that can be used.</param>
    /// <param name="inner">What was thrown.</param>
    public VllmException(string message, HttpStatusCode? status = null, Exception? inner = null)
        : base(message, inner) => Status = status;

    /// <summary>What happened.</summary>
    public VllmException()
    {
    }

    /// <summary>What happened.</summary>
    public VllmException(string message)
        : base(message)
    {
    }

    /// <summary>What happened.</summary>
    public VllmException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>What the server answered; null where the connection was lost or the answer could not be used.</summary>
    public HttpStatusCode? Status { get; }

    /// <summary>Whether the same request may succeed a little later or elsewhere.</summary>
    public bool IsTransient { get; init; }

    /// <summary>Whether the endpoint should get no requests until it says that it is healthy.</summary>
    internal bool IsEndpointDown { get; init; }

    /// <summary>How long the server asks to wait; null where it does not say.</summary>
    internal TimeSpan? RetryAfter { get; init; }
}
