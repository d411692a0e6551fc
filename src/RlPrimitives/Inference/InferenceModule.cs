using System.Runtime.CompilerServices;
using System.Threading.Channels;
using RlPrimitives.Models;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Inference;

/// <summary>A model one can ask: text or tokens in, sampled tokens with their log-probs out. Concurrent callers are batched.</summary>
public sealed partial class InferenceModule : IDisposable
{
    private readonly CausalLM? model;
    private long calls;

    /// <summary>An inference module over any backend.</summary>
    /// <param name="backend">Where tokens come from; owned.</param>
    /// <param name="tokenizer">Text to ids and back.</param>
    public InferenceModule(IInferenceBackend backend, ITokenizer tokenizer)
    {
        Backend = backend;
        Tokenizer = tokenizer;
    }

    /// <summary>An inference module over a local model.</summary>
    /// <param name="model">The model; owned, shared with trainers.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="maxConcurrency">Sequences decoded at once.</param>
    /// <param name="conversationBytes">Most memory for finished conversations that may be continued; 0 for none. See <see cref="HuggingFaceBackend"/>.</param>
    public InferenceModule(CausalLM model, ITokenizer tokenizer, int maxConcurrency = 128, long conversationBytes = 256 << 20)
        : this(new HuggingFaceBackend(model, tokenizer, maxConcurrency, conversationBytes), tokenizer) => this.model = model;

    /// <summary>Where tokens come from.</summary>
    public IInferenceBackend Backend { get; }

    /// <summary>Text to ids and back.</summary>
    public ITokenizer Tokenizer { get; }

    /// <summary>Seed of the streams of calls that name none; set it for repeatable answers.</summary>
    public ulong Seed { get; set; }

    /// <summary>The local model, for training.</summary>
    /// <exception cref="InvalidOperationException">The backend is remote: it has no weights here.</exception>
    public CausalLM Model => model ?? throw new InvalidOperationException($"{Backend.GetType().Name} has no local model; load one with InferenceModule.FromPretrainedAsync.");

    /// <summary>Whether there is a <see cref="Model"/> here; otherwise the weights are elsewhere.</summary>
    public bool HasModel => model is not null;

    /// <summary>Loads a Hugging Face folder: configuration, weights, tokenizer.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="device">"cpu", "cuda" or "cuda:1"; null for CPU.</param>
    /// <param name="maxConcurrency">Sequences decoded at once.</param>
    /// <param name="cancellationToken">Ends the wait before anything is loaded.</param>
    public static Task<InferenceModule> FromPretrainedAsync(
        string folder, string? device = null, int maxConcurrency = 128, CancellationToken cancellationToken = default) =>
        Task.Run(() => FromPretrained(folder, device, maxConcurrency), cancellationToken);

    /// <summary>Generates one response to a text.</summary>
    /// <param name="prompt">The text.</param>
    /// <param name="options">How to sample; null for the model's own distribution.</param>
    /// <param name="cancellationToken">Ends the generation.</param>
    public async Task<Generation> GenerateAsync(string prompt, SamplingOptions? options = null, CancellationToken cancellationToken = default) =>
        (await GenerateAsync([prompt], options, cancellationToken).ConfigureAwait(false))[0];

    /// <summary>Generates one response to each text, all at once.</summary>
    /// <param name="prompts">Texts of any lengths.</param>
    /// <param name="options">How to sample; null for the model's own distribution.</param>
    /// <param name="cancellationToken">Ends the generation.</param>
    public Task<IReadOnlyList<Generation>> GenerateAsync(IReadOnlyList<string> prompts, SamplingOptions? options = null, CancellationToken cancellationToken = default)
    {
        var root = NextStream();
        return GenerateAsync(
            prompts.Select((p, i) => new GenerationRequest(
                Tokenizer.Encode(p, addSpecialTokens: true), options ?? new SamplingOptions(), RandomStream.For(root.Seed, root.Stream, (ulong)i))).ToArray(),
            cancellationToken);
    }

    /// <summary>Longest sequence, prompt and response together, tokens: the backend's limit, or the current trajectory's where that is smaller.</summary>
    public int ContextLength => Math.Min(Backend.ContextLength, AdmissionGate.Current?.MaxSequenceTokens ?? int.MaxValue);

    /// <summary>Generates one response to each request, tokens in and tokens out; inside a rollout within the trajectory's token limits.</summary>
    public async Task<IReadOnlyList<Generation>> GenerateAsync(IReadOnlyList<GenerationRequest> requests, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        if (AdmissionGate.Current is not { } trajectory)
        {
            return await Backend.GenerateAsync(requests, cancellationToken).ConfigureAwait(false);
        }

        using var _ = trajectory.Ask();
        return await Backend.GenerateAsync(requests.Select(r => Within(trajectory, r)).ToArray(), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The response to a text, piece by piece as it is sampled; a piece never splits a character. Leaving the loop ends the generation.</summary>
    /// <param name="prompt">The text.</param>
    /// <param name="options">How to sample; null for the model's own distribution.</param>
    /// <param name="cancellationToken">Ends the generation.</param>
    public async IAsyncEnumerable<string> StreamAsync(
        string prompt, SamplingOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var request = new GenerationRequest(Tokenizer.Encode(prompt, addSpecialTokens: true), options ?? new SamplingOptions(), NextStream());
        await foreach (var piece in StreamAsync(request, cancellationToken).ConfigureAwait(false))
        {
            if (piece.Text.Length > 0)
            {
                yield return piece.Text;
            }
        }
    }

    /// <summary>The response to a request, token by token as it is sampled, with the text that each makes certain. Leaving the loop ends the generation.</summary>
    /// <param name="request">Prompt, sampling and random stream.</param>
    /// <param name="cancellationToken">Ends the generation.</param>
    /// <returns>One piece for each token; the last holds the whole response.</returns>
    public async IAsyncEnumerable<GenerationPiece> StreamAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        using var left = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var tokens = Channel.CreateUnbounded<GeneratedToken>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var generation = CompleteAsync();
        try
        {
            var text = new PieceText(Tokenizer.CreateStreamingDecoder(), request.Options.StopStrings);
            // The newest token is held back: only the backend knows whether it is a stop token, which is not part of the text.
            GeneratedToken? newest = null;
            await foreach (var token in tokens.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                if (newest is { } known)
                {
                    yield return new GenerationPiece(text.Append(known.Id), known, null);
                }

                newest = token;
            }

            var response = await generation.ConfigureAwait(false);
            yield return new GenerationPiece(text.Rest(response.Text), newest!.Value, response);
        }
        finally
        {
            await left.CancelAsync().ConfigureAwait(false);
        }

        async Task<Generation> CompleteAsync()
        {
            try
            {
                return (await GenerateAsync([request with { OnToken = Told }], left.Token).ConfigureAwait(false))[0];
            }
            finally
            {
                tokens.Writer.TryComplete();
            }
        }

        void Told(GeneratedToken token)
        {
            request.OnToken?.Invoke(token);
            tokens.Writer.TryWrite(token);
        }
    }

    /// <summary>Log-probs (nats) of given responses, as generation with the same options would have reported them.</summary>
    /// <param name="prompts">Ids before each response.</param>
    /// <param name="responses">Ids to score.</param>
    /// <param name="options">Temperature, filters and penalty; null for the model's own distribution.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<float[][]> GetLogProbsAsync(
        IReadOnlyList<int[]> prompts, IReadOnlyList<int[]> responses, SamplingOptions? options = null, CancellationToken cancellationToken = default)
    {
        using var _ = Ask();
        return await Backend.GetLogProbsAsync(prompts, responses, options ?? new SamplingOptions(), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Logits of the token after each text, [B][V].</summary>
    public async Task<float[][]> GetLogitsAsync(IReadOnlyList<string> prompts, CancellationToken cancellationToken = default)
    {
        using var _ = Ask();
        return await Backend.GetLogitsAsync(prompts.Select(p => Tokenizer.Encode(p, addSpecialTokens: true)).ToArray(), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// The distribution that the token after a text is drawn from: every token that the options leave in, the most likely first. At temperature 0 that is one token,
    /// with its log-prob at temperature 1, as generation reports it.
    /// </summary>
    /// <param name="prompt">The text.</param>
    /// <param name="options">Temperature, filters and penalty; null for the model's own distribution.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<IReadOnlyList<TokenCandidate>> GetNextTokensAsync(string prompt, SamplingOptions? options = null, CancellationToken cancellationToken = default)
    {
        using var _ = Ask();
        var ids = Tokenizer.Encode(prompt, addSpecialTokens: true);
        var logits = (await Backend.GetLogitsAsync([ids], cancellationToken).ConfigureAwait(false))[0];
        return [.. Sampler.Candidates(logits, options ?? new SamplingOptions(), ids)
            .Select(c => new TokenCandidate(c.Id, Tokenizer.Decode([c.Id], skipSpecialTokens: false), logits[c.Id], c.LogProb))];
    }

    /// <summary>Writes model and tokenizer as a Hugging Face folder.</summary>
    /// <param name="folder">The folder, made if absent.</param>
    public void Save(string folder)
    {
        Model.Save(folder);
        (Tokenizer as HuggingFaceTokenizer ?? throw new InvalidOperationException($"{Tokenizer.GetType().Name} cannot be saved.")).Save(folder);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Backend.Dispose();
        model?.Dispose();
    }

    /// <summary>The stream of the next generation: the current trajectory's inside a rollout, otherwise numbered by call.</summary>
    internal RandomStream NextStream() => AdmissionGate.Current?.NextStream() ?? RandomStream.For(Seed, (ulong)Interlocked.Increment(ref calls));

    private static AdmissionGate.Participant.Question Ask() => AdmissionGate.Current?.Ask() ?? default;

    private static GenerationRequest Within(AdmissionGate.Participant trajectory, GenerationRequest request)
    {
        var most = Math.Min(trajectory.MaxNewTokens, trajectory.MaxSequenceTokens - request.PromptIds.Length);
        return most >= request.Options.MaxNewTokens ? request
            : most > 0 ? request with { Options = request.Options with { MaxNewTokens = most } }
            : throw new ArgumentException(
                $"The prompt of {request.PromptIds.Length} tokens leaves no room for a response within the trajectory's limit of {trajectory.MaxSequenceTokens} tokens. " +
                $"Shorten it, or raise the limit (RolloutConfig.MaxSequenceTokens).");
    }

    private static InferenceModule FromPretrained(string folder, string? device, int maxConcurrency)
    {
        var tokenizer = HuggingFaceTokenizer.FromPretrained(folder);
        var model = CausalLM.FromPretrained(folder, device is null ? null : new TorchSharp.torch.Device(device));
        return new InferenceModule(model, tokenizer, maxConcurrency);
    }
}
