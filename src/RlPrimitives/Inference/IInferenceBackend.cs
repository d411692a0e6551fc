using Microsoft.Extensions.AI;

namespace RlPrimitives.Inference;

/// <summary>Where tokens come from. Requests of any number of callers are batched by the backend.</summary>
public interface IInferenceBackend : IDisposable
{
    /// <summary>Longest sequence, prompt and response together, tokens.</summary>
    int ContextLength { get; }

    /// <summary>Whether requests made behind an <see cref="AdmissionGate"/> are batched in a fixed order, so that a run repeats bit for bit.</summary>
    bool IsRepeatable => false;

    /// <summary>What it has computed so far; null where it does not say.</summary>
    BackendActivity? Activity => null;

    /// <summary>Chat completions of the backend's own, by its own template; null where messages are put into a prompt here.</summary>
    IChatClient? Chat => null;

    /// <summary>Generates one response to each request, all at once, in the order asked.</summary>
    /// <exception cref="ArgumentException">A prompt is empty, longer than the context, or holds an id outside the vocabulary.</exception>
    Task<IReadOnlyList<Generation>> GenerateAsync(IReadOnlyList<GenerationRequest> requests, CancellationToken cancellationToken = default);

    /// <summary>Log-probs (nats) of given responses under the distribution that <paramref name="options"/> would sample from.</summary>
    /// <param name="prompts">Ids before each response, none empty.</param>
    /// <param name="responses">Ids to score.</param>
    /// <param name="options">Temperature, filters and penalty; limits and stops play no part.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>For each response one value a token; −∞ where a filter excludes the token.</returns>
    Task<float[][]> GetLogProbsAsync(
        IReadOnlyList<int[]> prompts, IReadOnlyList<int[]> responses, SamplingOptions options, CancellationToken cancellationToken = default);

    /// <summary>Logits of the token after each prompt, [B][V].</summary>
    Task<float[][]> GetLogitsAsync(IReadOnlyList<int[]> prompts, CancellationToken cancellationToken = default);
}
