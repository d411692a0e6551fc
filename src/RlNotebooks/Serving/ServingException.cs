namespace RlNotebooks.Serving;

/// <summary>A request that is refused, as OpenAI's clients are told.</summary>
/// <param name="status">HTTP status.</param>
/// <param name="message">What is wrong and what would be right.</param>
/// <param name="parameter">The member of the request; null where it is none.</param>
internal sealed class ServingException(int status, string message, string? parameter = null) : Exception(message)
{
    public int Status => status;

    public string? Parameter => parameter;

    public static ServingException Bad(string message, string? parameter = null) => new(400, message, parameter);
}
