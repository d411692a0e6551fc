using RlPrimitives.Models;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Inference;

/// <summary>Generates with a local model: continuous batching over slots of a key-value cache, on one thread of its own.</summary>
public sealed class HuggingFaceBackend : IInferenceBackend
{
    private readonly DecodeEngine engine;
    private readonly CausalLM model;

    /// <summary>Starts the engine's thread.</summary>
    /// <param name="model">The model; shared with a trainer, not owned.</param>
    /// <param name="tokenizer">For response text and stop strings.</param>
    /// <param name="maxConcurrency">Sequences decoded at once; more wait for a free slot.</param>
    /// <param name="conversationBytes">
    /// Most memory for finished conversations of one collection of rollouts, so that a prompt that continues one token for token computes only what is new of it; 0 for none.
    /// The least recently used are forgotten, all when the weights change.
    /// </param>
    public HuggingFaceBackend(CausalLM model, ITokenizer tokenizer, int maxConcurrency = 128, long conversationBytes = 256 << 20)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxConcurrency, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(conversationBytes);
        this.model = model;
        engine = new DecodeEngine(model, tokenizer, maxConcurrency, conversationBytes);
    }

    /// <inheritdoc/>
    public int ContextLength => model.Config.ContextLength;

    /// <inheritdoc/>
    public bool IsRepeatable => true;

    /// <inheritdoc/>
    public BackendActivity? Activity => engine.Activity;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Generation>> GenerateAsync(IReadOnlyList<GenerationRequest> requests, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        for (var i = 0; i < requests.Count; i++)
        {
            CheckPrompt(requests[i].PromptIds, $"Prompt {i}");
        }

        return await engine.GenerateAsync(requests, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task<float[][]> GetLogProbsAsync(
        IReadOnlyList<int[]> prompts, IReadOnlyList<int[]> responses, SamplingOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(responses);
        if (prompts.Count != responses.Count)
        {
            throw new ArgumentException($"There are {prompts.Count} prompts but {responses.Count} responses.", nameof(responses));
        }

        for (var i = 0; i < prompts.Count; i++)
        {
            if (prompts[i].Length == 0)
            {
                throw new ArgumentException($"Prompt {i} is empty: there is nothing to condition on.", nameof(prompts));
            }

            model.CheckRow([.. prompts[i], .. responses[i]], $"Prompt {i} with its response");
        }

        return engine.Enqueue(() => Scoring.LogProbs(model, prompts, responses, options), cancellationToken);
    }

    /// <inheritdoc/>
    public Task<float[][]> GetLogitsAsync(IReadOnlyList<int[]> prompts, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        for (var i = 0; i < prompts.Count; i++)
        {
            model.CheckRow(prompts[i], $"Prompt {i}");
        }

        return prompts.Count == 0 ? Task.FromResult<float[][]>([]) : engine.Enqueue(() => Scoring.NextTokenLogits(model, prompts), cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => engine.Dispose();

    private void CheckPrompt(int[] ids, string name)
    {
        if (ids.Length == 0)
        {
            throw new ArgumentException($"{name} is empty: give at least one token (for example the beginning-of-sequence token).");
        }

        model.CheckRow(ids, name);
        if (ids.Length == model.Config.ContextLength)
        {
            throw new ArgumentException($"{name} has {ids.Length} tokens and fills the model's context of {model.Config.ContextLength}: no room for a response. Shorten it.");
        }
    }
}
