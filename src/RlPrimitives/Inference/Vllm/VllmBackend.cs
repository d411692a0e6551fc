using System.Runtime.ExceptionServices;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using RlPrimitives.Inference.Wire;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Inference;

/// <summary>
/// Generates with one or more vLLM servers, or others that speak their protocol. Tokens in and tokens out: what comes back are the ids that the server sampled with their
/// log-probs; a server that does not tell them is refused.
/// </summary>
/// <remarks>
/// Start the server with <c>--logprobs-mode processed_logprobs</c>, so that log-probs are those of the distribution sampled from. For new weights while it runs it needs
/// <c>--enable-lora</c> and <c>VLLM_ALLOW_RUNTIME_LORA_UPDATING=True</c>, or <c>VLLM_SERVER_DEV_MODE=1</c> for whole weights.
/// </remarks>
public sealed partial class VllmBackend : IInferenceBackend, IWeightReceiver
{
    private const string Completions = "v1/completions";
    private const float MinusInfinity = -9998; // JSON has no infinity; vLLM writes -9999

    private readonly EndpointPool pool;
    private readonly VllmOptions options;
    private readonly Lazy<VllmChatClient> chat;
    private ITokenizer? tokenizer;
    private bool reportsProcessedLogProbs;

    private VllmBackend(IReadOnlyList<VllmEndpoint> endpoints, string model, int contextLength, VllmOptions options)
    {
        (Model, ContextLength, this.options) = (model, contextLength, options);
        pool = new EndpointPool(endpoints, options);
        chat = new(() => new VllmChatClient(this));
    }

    /// <summary>The model's name at the server.</summary>
    public string Model { get; }

    /// <inheritdoc/>
    public int ContextLength { get; }

    /// <summary>The servers' own chat completions: their template and their parser of tool calls.</summary>
    public IChatClient Chat => chat.Value;

    /// <summary>The first server's own tokenizer, asked over HTTP; slow, and it knows no special tokens. The model's folder is better where it is at hand.</summary>
    public ITokenizer Tokenizer => tokenizer ??= new VllmTokenizer(pool.Endpoints[0], Model);

    /// <summary>Addresses of the servers with how things stand there.</summary>
    public IReadOnlyList<VllmEndpointStatus> Endpoints => [.. pool.Endpoints.Select(e => new VllmEndpointStatus(e.Address, e.IsHealthy, e.InFlight))];

    /// <summary>Waits until the servers have loaded, and checks that they serve the model.</summary>
    /// <param name="endpoints">Addresses such as <c>http://host:8000</c>, at least one; all serve the same model.</param>
    /// <param name="model">The model's name at the servers.</param>
    /// <param name="options">Limits, retries, the key; null for the defaults.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">An address is not one.</exception>
    /// <exception cref="TimeoutException">A server did not get ready in time.</exception>
    /// <exception cref="VllmException">A server refuses, or does not serve the model; the message lists what it serves.</exception>
    public static async Task<VllmBackend> ConnectAsync(IReadOnlyList<string> endpoints, string model, VllmOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentException.ThrowIfNullOrWhiteSpace(model);
        if (endpoints.Count == 0)
        {
            throw new ArgumentException("There is no address of a vLLM server; give at least one, such as http://localhost:8000.", nameof(endpoints));
        }

        options ??= new VllmOptions();
        var servers = endpoints.Select(e => new VllmEndpoint(e, options)).ToArray();
        try
        {
            var lengths = await Task.WhenAll(servers.Select(s => StartAsync(s, model, options, cancellationToken))).ConfigureAwait(false);
            var backend = new VllmBackend(servers, model, options.ContextLength is { } wanted ? Math.Min(wanted, lengths.Min()) : lengths.Min(), options);
            backend.reportsProcessedLogProbs = await backend.ReportsProcessedAsync(cancellationToken).ConfigureAwait(false);
            return backend;
        }
        catch
        {
            foreach (var server in servers)
            {
                server.Dispose();
            }

            throw;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">The server reports log-probs before temperature and filters, and <see cref="SamplingOptions"/> has some.</exception>
    /// <exception cref="VllmException">A server refused or could not be reached, also after retries.</exception>
    /// <exception cref="TimeoutException">A response took longer than <see cref="VllmOptions.Timeout"/>.</exception>
    public async Task<IReadOnlyList<Generation>> GenerateAsync(IReadOnlyList<GenerationRequest> requests, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        for (var i = 0; i < requests.Count; i++)
        {
            CheckPrompt(requests[i], $"Prompt {i}");
        }

        return await AllAsync(requests.Select<GenerationRequest, Func<CancellationToken, Task<Generation>>>(r => token => GenerateAsync(r, token)), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">The options have a temperature other than 1 (or 0), filters or a penalty: servers score with the model's own distribution only.</exception>
    public async Task<float[][]> GetLogProbsAsync(
        IReadOnlyList<int[]> prompts, IReadOnlyList<int[]> responses, SamplingOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(responses);
        ArgumentNullException.ThrowIfNull(options);
        if (prompts.Count != responses.Count)
        {
            throw new ArgumentException($"There are {prompts.Count} prompts but {responses.Count} responses.", nameof(responses));
        }

        if (options.Temperature is not (0 or 1) || options.IsFiltered)
        {
            throw new NotSupportedException(FormattableString.Invariant(
                $"A vLLM server scores given responses with the model's own distribution: temperature 1 (not {options.Temperature}), no filters, no penalty. ") +
                "Score with a local model (InferenceModule.FromPretrainedAsync, BackpropModule.ComputeLogProbsAsync), or take the log-probs that generation reported.");
        }

        for (var i = 0; i < prompts.Count; i++)
        {
            if (prompts[i].Length == 0)
            {
                throw new ArgumentException($"Prompt {i} is empty: there is nothing to condition on.", nameof(prompts));
            }

            if (prompts[i].Length + responses[i].Length > ContextLength)
            {
                throw new ArgumentException($"Prompt {i} with its response has {prompts[i].Length + responses[i].Length} tokens, the model's context is {ContextLength}. Shorten it.", nameof(prompts));
            }
        }

        return await AllAsync(prompts.Zip(responses, (p, r) => (Func<CancellationToken, Task<float[]>>)(token => ScoreAsync(p, r, token))), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Not available: a server tells log-probs, not logits.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public Task<float[][]> GetLogitsAsync(IReadOnlyList<int[]> prompts, CancellationToken cancellationToken = default) => throw new NotSupportedException(
        "A vLLM server does not tell logits. It tells log-probs: of sampled tokens (Generation.LogProbs), of given responses (GetLogProbsAsync), and of the top k tokens " +
        "at a place (its own parameters logprobs and prompt_logprobs, up to --max-logprobs). For logits load the model here, with InferenceModule.FromPretrainedAsync.");

    /// <inheritdoc/>
    public void Dispose() => pool.Dispose();

    private static async Task<int> StartAsync(VllmEndpoint server, string model, VllmOptions options, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(options.StartTimeout, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            while (!await server.AnswersAsync(either.Token).ConfigureAwait(false))
            {
                await Task.Delay(options.FirstDelay, options.Time, either.Token).ConfigureAwait(false);
            }

            return await ContextLengthAsync(server, model, options, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{server.Address} was not ready within {options.StartTimeout}: GET /health gave no 200. Is the server started, and is this its address?", e);
        }
    }

    private static async Task<int> ContextLengthAsync(VllmEndpoint server, string model, VllmOptions options, CancellationToken cancellationToken)
    {
        var served = (await server.GetAsync<ModelList>("v1/models", cancellationToken).ConfigureAwait(false)).Data ?? [];
        var found = served.FirstOrDefault(m => m.Id == model)
            ?? throw server.Nonsense("v1/models", $"there is no model '{model}'; it serves {(served.Length == 0 ? "none" : string.Join(", ", served.Select(m => $"'{m.Id}'")))}.");
        var length = found.MaxModelLen ?? options.ContextLength
            ?? throw server.Nonsense("v1/models", $"it does not say how long the context of '{model}' is (max_model_len): set VllmOptions.ContextLength.");
        return options.ContextLength is not { } wanted || wanted <= length ? length
            : throw server.Nonsense("v1/models", $"the context of '{model}' is {length} tokens there, and VllmOptions.ContextLength asks for {wanted}.");
    }

    /// <summary>All at once; the first failure ends the others.</summary>
    private static async Task<T[]> AllAsync<T>(IEnumerable<Func<CancellationToken, Task<T>>> calls, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ExceptionDispatchInfo? first = null;
        var all = calls.Select(RunAsync).ToArray();
        try
        {
            return await Task.WhenAll(all).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            first?.Throw();
            throw;
        }

        async Task<T> RunAsync(Func<CancellationToken, Task<T>> call)
        {
            try
            {
                return await call(stop.Token).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref first, ExceptionDispatchInfo.Capture(e), null);
                await stop.CancelAsync().ConfigureAwait(false);
                throw;
            }
        }
    }

    private Task<Generation> GenerateAsync(GenerationRequest request, CancellationToken cancellationToken) => AskAsync(
        async (server, model, version, token) =>
        {
            var asked = ToWire(request, model);
            var choice = request.OnToken is { } told
                ? await StreamAsync(server, asked with { Stream = true }, told, token).ConfigureAwait(false)
                : OnlyChoice(server, await server.PostAsync<CompletionResponse>(Completions, asked, token).ConfigureAwait(false));
            return ToGeneration(server, request, choice, version);
        },
        cancellationToken);

    private Task<float[]> ScoreAsync(int[] prompt, int[] response, CancellationToken cancellationToken) => response.Length == 0 ? Task.FromResult<float[]>([])
        : AskAsync((server, model, _, token) => ScoreAsync(server, model, prompt, response, token), cancellationToken);

    private async Task<float[]> ScoreAsync(VllmEndpoint server, string model, int[] prompt, int[] response, CancellationToken cancellationToken)
    {
        // Servers before 0.11 want to sample at least one token; where the context is full there is room for none.
        int[] ids = [.. prompt, .. response];
        var asked = new CompletionRequest { Model = model, Prompt = ids, MaxTokens = ids.Length < ContextLength ? 1 : 0, Temperature = 1, PromptLogprobs = 0 };
        var places = OnlyChoice(server, await server.PostAsync<CompletionResponse>(Completions, asked, cancellationToken).ConfigureAwait(false)).PromptLogprobs;
        if (places is null || places.Length != ids.Length)
        {
            throw server.Nonsense(Completions, FormattableString.Invariant($"it told {places?.Length ?? 0} prompt_logprobs for {ids.Length} tokens: it cannot score given responses."));
        }

        return [.. Enumerable.Range(prompt.Length, response.Length).Select(t =>
            places[t] is { } place && place.TryGetValue(ids[t].ToString(System.Globalization.CultureInfo.InvariantCulture), out var of)
                ? LogProb(of.Logprob)
                : throw server.Nonsense(Completions, $"its prompt_logprobs at place {t} are not those of token {ids[t]}: it scored other ids than it was given."))];
    }

    /// <summary>Asks an endpoint that has the newest weights, under their name.</summary>
    internal Task<T> AskAsync<T>(Func<VllmEndpoint, string, long?, CancellationToken, Task<T>> ask, CancellationToken cancellationToken) => pool.RunAsync(
        async (server, token) =>
        {
            var weights = current;
            await EnsureWeightsAsync(server, token).ConfigureAwait(false);
            try
            {
                return await ask(server, weights?.ModelName ?? Model, weights?.Version, token).ConfigureAwait(false);
            }
            catch (VllmException e) when (e.Status is System.Net.HttpStatusCode.BadRequest or System.Net.HttpStatusCode.UnprocessableEntity)
            {
                throw new ArgumentException(e.Message, e);
            }
            catch (VllmException e) when (e.Status == System.Net.HttpStatusCode.NotFound && weights is { IsLora: true })
            {
                server.Weights = null; // it was started anew and has lost the adapter: it gets it again
                throw new VllmException(e.Message, e.Status, e) { IsTransient = true };
            }
        },
        cancellationToken);

    private static async Task<CompletionChoice> StreamAsync(VllmEndpoint server, CompletionRequest asked, Action<GeneratedToken> told, CancellationToken cancellationToken)
    {
        var (ids, logProbs, text) = (new List<int>(), new List<float?>(), new StringBuilder());
        CompletionChoice? last = null;
        try
        {
            await server.StreamAsync<CompletionResponse>(Completions, asked, piece =>
            {
                if (piece.Choices is not [{ } choice, ..])
                {
                    return; // usage comes without any
                }

                var (newIds, newLogProbs) = (choice.TokenIds ?? [], choice.Logprobs?.TokenLogprobs ?? []);
                CheckTold(server, newIds, newLogProbs);
                ids.AddRange(newIds);
                logProbs.AddRange(newLogProbs);
                text.Append(choice.Text);
                last = choice with { PromptTokenIds = choice.PromptTokenIds ?? last?.PromptTokenIds, FinishReason = choice.FinishReason ?? last?.FinishReason };
                foreach (var (id, logProb) in newIds.Zip(newLogProbs))
                {
                    told(new GeneratedToken(id, LogProb(logProb!.Value)));
                }
            }, cancellationToken).ConfigureAwait(false);
        }
        catch (VllmException e) when (e.IsTransient && ids.Count > 0)
        {
            // Half of it was heard already: another try would say it twice.
            throw new VllmException($"{e.Message} {ids.Count} tokens had come, so it is not asked again.", e.Status, e) { IsEndpointDown = e.IsEndpointDown };
        }

        return last is null ? throw server.Nonsense(Completions, "the stream held no choice.")
            : last with { TokenIds = [.. ids], Logprobs = new CompletionLogProbs { TokenLogprobs = [.. logProbs] }, Text = text.ToString() };
    }

    private CompletionRequest ToWire(GenerationRequest request, string model)
    {
        var o = request.Options;
        return new CompletionRequest
        {
            Model = model,
            Prompt = request.PromptIds,
            MaxTokens = Math.Min(o.MaxNewTokens, ContextLength - request.PromptIds.Length),
            Temperature = o.Temperature,
            // Said even where they change nothing: what is not said is taken from the model's generation_config.json.
            TopP = o.TopP,
            TopK = o.TopK,
            MinP = o.MinP,
            RepetitionPenalty = o.RepetitionPenalty,
            FrequencyPenalty = 0,
            PresencePenalty = 0,
            Seed = (long)(RandomStream.For(request.Random.Seed, request.Random.Stream).Stream >> 1),
            Stop = o.StopStrings.IsDefaultOrEmpty ? null : [.. o.StopStrings],
            StopTokenIds = o.StopTokenIds is { IsDefaultOrEmpty: false } ids ? [.. ids] : null,
            IgnoreEos = o.StopTokenIds is null ? null : true, // given ids stand instead of the model's own
            Logprobs = 0,
            ReturnTokenIds = true,
        };
    }

    private Generation ToGeneration(VllmEndpoint server, GenerationRequest request, CompletionChoice choice, long? version)
    {
        if (choice.PromptTokenIds is { } fed && !fed.AsSpan().SequenceEqual(request.PromptIds))
        {
            throw server.Nonsense(Completions, $"it answered to other ids than it was given ({fed.Length} of {request.PromptIds.Length}): what it sampled cannot be trained on.");
        }

        var (ids, logProbs) = (choice.TokenIds ?? [], choice.Logprobs?.TokenLogprobs ?? []);
        CheckTold(server, ids, logProbs);
        if (ids.Length == 0)
        {
            throw server.Nonsense(Completions, "it told no token ids (return_token_ids): it is no vLLM server, or one older than 0.10.2.");
        }

        if (choice.FinishReason is not ("stop" or "length"))
        {
            throw new VllmException($"{server.Address}{Completions}: the response was not finished (finish_reason '{choice.FinishReason}').") { IsTransient = request.OnToken is null };
        }

        var stop = choice.FinishReason == "stop"
            ? choice.StopReason is { ValueKind: JsonValueKind.String } ? StopReason.StopString : StopReason.StopToken
            : request.PromptIds.Length + ids.Length >= ContextLength ? StopReason.ContextLength : StopReason.MaxNewTokens;
        return new Generation(request.PromptIds, ids, Array.ConvertAll(logProbs, p => LogProb(p!.Value)), choice.Text ?? "", stop) { WeightsVersion = version };
    }

    private static void CheckTold(VllmEndpoint server, int[] ids, float?[] logProbs)
    {
        if (ids.Length != logProbs.Length || logProbs.Contains(null))
        {
            throw server.Nonsense(Completions, $"it told {ids.Length} token ids and {logProbs.Count(p => p is not null)} log-probs; there is one for each, or the tokens cannot be trained on.");
        }
    }

    private static CompletionChoice OnlyChoice(VllmEndpoint server, CompletionResponse response) =>
        response.Choices is [{ } only] ? only : throw server.Nonsense(Completions, $"it gave {response.Choices?.Length ?? 0} choices, asked for one.");

    private static float LogProb(float told) => told <= MinusInfinity ? float.NegativeInfinity : told;

    /// <summary>Of one token among which there is no choice (top_k = 1), the log-prob is 0 after the filters, and less before.</summary>
    private async Task<bool> ReportsProcessedAsync(CancellationToken cancellationToken)
    {
        var asked = new GenerationRequest([0], new SamplingOptions { MaxNewTokens = 1, TopK = 1, Temperature = 2, StopTokenIds = [] }, default);
        return (await GenerateAsync(asked, cancellationToken).ConfigureAwait(false)).LogProbs[0] > -1e-3f;
    }

    private void CheckPrompt(GenerationRequest request, string name)
    {
        var length = request.PromptIds.Length;
        if (length == 0)
        {
            throw new ArgumentException($"{name} is empty: give at least one token (for example the beginning-of-sequence token).");
        }

        if (length >= ContextLength)
        {
            throw new ArgumentException(length == ContextLength
                ? $"{name} has {length} tokens and fills the model's context of {ContextLength}: no room for a response. Shorten it."
                : $"{name} has {length} tokens, the model's context is {ContextLength}. Shorten it.");
        }

        if (!reportsProcessedLogProbs && (request.Options.Temperature is not (0 or 1) || request.Options.IsFiltered))
        {
            throw new NotSupportedException("The server reports log-probs of the model's own distribution, and these options sample from another (a temperature other than 1, filters or a " +
                "penalty): what is reported would not be what was sampled from. Start it with --logprobs-mode processed_logprobs.");
        }
    }
}

/// <summary>How things stand at an endpoint.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="IsHealthy">Whether it answered when it was last asked.</param>
/// <param name="InFlight">Requests under way there.</param>
public sealed record VllmEndpointStatus(Uri Address, bool IsHealthy, int InFlight);
