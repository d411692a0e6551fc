using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using RlPrimitives.Inference;

namespace RlNotebooks.Serving;

/// <summary>POST /v1/completions: texts or tokens in, tokens with their log-probs out; log-probs of given tokens too.</summary>
internal static class CompletionRoute
{
    public static async Task AnswerAsync(HttpContext context, ServedModels models)
    {
        var body = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        body.Refuse(("echo", "the prompt is not repeated; prompt_logprobs scores it."), ("suffix", "text is only continued."));
        using var lease = await models.UseAsync(body.Text("model"), context.RequestAborted).ConfigureAwait(false);
        var asked = Asked.Of(body, lease.Module);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lease.Aborted);
        if (asked.Streams)
        {
            await StreamAsync(context, lease, asked, ended.Token).ConfigureAwait(false);
            return;
        }

        var scored = asked.ScoresPrompt ? await ScoreAsync(lease.Module, asked.Prompts, ended.Token).ConfigureAwait(false) : null;
        var generations = asked.Options is null ? [] : await GenerateAsync(lease, asked, ended.Token).ConfigureAwait(false);
        var choices = new JsonArray();
        for (var i = 0; i < asked.Prompts.Count * asked.Count; i++)
        {
            var prompt = asked.Prompts[i / asked.Count];
            var choice = generations.Count > 0 ? Choice(i, generations[i], asked, lease.Module)
                : new JsonObject { ["index"] = i, ["text"] = "", ["logprobs"] = null, ["finish_reason"] = "length", ["stop_reason"] = null };
            if (asked.TellsIds)
            {
                choice["prompt_token_ids"] = WireChoice.Ids(prompt);
                choice["token_ids"] ??= new JsonArray();
            }

            if (scored is not null)
            {
                choice["prompt_logprobs"] = PromptLogProbs(prompt, scored[i / asked.Count], lease.Module);
            }

            choices.Add(choice);
        }

        var answer = Envelope(lease.Name);
        answer["choices"] = choices;
        answer["usage"] = WireChoice.Usage(asked.Prompts.Sum(p => (long)p.Length), generations.Sum(g => (long)(g?.TokenIds.Length ?? 0)));
        await context.AnswerAsync(answer).ConfigureAwait(false);
    }

    /// <summary>The responses; null for one that the server broke off.</summary>
    private static async Task<IReadOnlyList<Generation?>> GenerateAsync(ServedModels.Lease lease, Asked asked, CancellationToken ended)
    {
        try
        {
            return await lease.Module.GenerateAsync(asked.Requests(), ended).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (lease.Aborted.IsCancellationRequested)
        {
            return new Generation?[asked.Prompts.Count * asked.Count];
        }
    }

    private static JsonObject Choice(int index, Generation? generation, Asked asked, InferenceModule module) => generation is null
        ? new JsonObject { ["index"] = index, ["text"] = "", ["logprobs"] = null, ["finish_reason"] = "abort", ["stop_reason"] = null }
        : new JsonObject
        {
            ["index"] = index,
            ["text"] = generation.Text,
            ["logprobs"] = asked.TellsLogProbs ? WireChoice.LogProbs(generation.TokenIds, generation.LogProbs, module.Tokenizer) : null,
            ["finish_reason"] = WireChoice.FinishReason(generation.StopReason),
            ["stop_reason"] = WireChoice.StopReasonOf(generation, asked.Options!, module.Tokenizer),
            ["token_ids"] = asked.TellsIds ? WireChoice.Ids(generation.TokenIds) : null,
        };

    /// <summary>All responses at once, each token as it comes.</summary>
    private static async Task StreamAsync(HttpContext context, ServedModels.Lease lease, Asked asked, CancellationToken ended)
    {
        var envelope = Envelope(lease.Name);
        var pieces = Channel.CreateUnbounded<(int Index, GenerationPiece Piece)>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ended);
        var all = Task.WhenAll(asked.Requests().Select((request, i) => Task.Run(() => OneAsync(request, i), CancellationToken.None)));
        var completed = all.ContinueWith(t => pieces.Writer.TryComplete(t.Exception?.InnerException), TaskScheduler.Default);
        EventStream.Begin(context);
        var tokens = 0;
        try
        {
            await foreach (var (index, piece) in pieces.Reader.ReadAllAsync(context.RequestAborted).ConfigureAwait(false))
            {
                tokens++;
                await EventStream.WriteAsync(context, Piece(envelope, index, piece, asked, lease.Module)).ConfigureAwait(false);
            }

            if (asked.TellsUsage)
            {
                var last = (JsonObject)envelope.DeepClone();
                last["choices"] = new JsonArray();
                last["usage"] = WireChoice.Usage(asked.Prompts.Sum(p => (long)p.Length), tokens);
                await EventStream.WriteAsync(context, last).ConfigureAwait(false);
            }

            await EventStream.EndAsync(context).ConfigureAwait(false);
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false); // nobody wants the rest
            await completed.ConfigureAwait(false);
        }

        async Task OneAsync(GenerationRequest request, int index)
        {
            await foreach (var piece in lease.Module.StreamAsync(request, stop.Token).ConfigureAwait(false))
            {
                pieces.Writer.TryWrite((index, piece));
            }
        }
    }

    private static JsonObject Piece(JsonObject envelope, int index, GenerationPiece piece, Asked asked, InferenceModule module)
    {
        var choice = new JsonObject
        {
            ["index"] = index,
            ["text"] = piece.Text,
            ["logprobs"] = asked.TellsLogProbs ? WireChoice.LogProbs([piece.Token.Id], [piece.Token.LogProb], module.Tokenizer) : null,
            ["finish_reason"] = piece.Response is { } response ? WireChoice.FinishReason(response.StopReason) : null,
            ["stop_reason"] = piece.Response is { } whole ? WireChoice.StopReasonOf(whole, asked.Options!, module.Tokenizer) : null,
        };
        if (asked.TellsIds)
        {
            choice["token_ids"] = WireChoice.Ids([piece.Token.Id]);
        }

        var told = (JsonObject)envelope.DeepClone();
        told["choices"] = new JsonArray(choice);
        return told;
    }

    private static Task<float[][]> ScoreAsync(InferenceModule module, IReadOnlyList<int[]> prompts, CancellationToken ended) =>
        module.GetLogProbsAsync([.. prompts.Select(p => p[..1])], [.. prompts.Select(p => p[1..])], cancellationToken: ended);

    private static JsonArray PromptLogProbs(int[] prompt, float[] logProbs, InferenceModule module) =>
    [
        null,
        .. logProbs.Select((p, t) => (JsonNode)new JsonObject
        {
            [prompt[t + 1].ToString(System.Globalization.CultureInfo.InvariantCulture)] = new JsonObject
            {
                ["logprob"] = WireChoice.Finite(p), ["rank"] = null, ["decoded_token"] = module.Tokenizer.Decode([prompt[t + 1]], skipSpecialTokens: false),
            },
        }),
    ];

    private static JsonObject Envelope(string model) => new()
    {
        ["id"] = $"cmpl-{Guid.NewGuid():N}", ["object"] = "text_completion", ["created"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds(), ["model"] = model,
    };

    /// <summary>What is asked for.</summary>
    /// <param name="Prompts">Ids.</param>
    /// <param name="Count">Responses to each.</param>
    /// <param name="Options">How to sample; null where nothing is to be sampled.</param>
    private sealed record Asked(IReadOnlyList<int[]> Prompts, int Count, SamplingOptions? Options, RequestBody Body)
    {
        public bool ScoresPrompt { get; } = Body.Integer("prompt_logprobs", 0, 0) is not null;

        /// <summary>Only the sampled token's: 0 others.</summary>
        public bool TellsLogProbs { get; } = Body["logprobs"] is { } asked && (asked.ValueKind == JsonValueKind.Number && asked.TryGetInt32(out var others) && others == 0 ? true
            : throw ServingException.Bad("'logprobs' must be 0, which is the sampled token's log-prob: other tokens' are not told here.", "logprobs"));

        public bool TellsIds { get; } = Body.Flag("return_token_ids");

        public bool Streams { get; } = Body.Flag("stream") && (Options is not null && Body["prompt_logprobs"] is null ? true
            : throw ServingException.Bad("'stream' is not available with prompt_logprobs or max_tokens 0.", "stream"));

        public bool TellsUsage { get; } = Body["stream_options"] is { } more && RequestBody.Of(more, "stream_options").Flag("include_usage");

        public static Asked Of(RequestBody body, InferenceModule module)
        {
            var prompts = PromptsOf(body, module);
            var wanted = body.Integer("max_tokens", 0);
            var most = module.ContextLength;
            for (var i = 0; i < prompts.Count; i++)
            {
                var length = prompts[i].Length;
                if (length == 0)
                {
                    throw ServingException.Bad($"Prompt {i} is empty.", "prompt");
                }

                // Without a limit of its own a response has what room there is.
                if (length + (wanted ?? 1) > most)
                {
                    throw ServingException.Bad(
                        $"This model's maximum context length is {most} tokens. However, you requested {length + (wanted ?? 1)} tokens ({length} in the prompt, {wanted ?? 1} for the completion).", "prompt");
                }

                if (prompts[i].FirstOrDefault(id => id < 0 || id >= module.Model.Config.VocabularySize, -1) is var wrong && prompts[i].Contains(wrong))
                {
                    throw ServingException.Bad($"Token id {wrong} is out of vocabulary; ids are 0 to {module.Model.Config.VocabularySize - 1}.", "prompt");
                }
            }

            var options = wanted == 0 ? null : SamplingParameters.Read(body, wanted ?? Math.Min(16, most)).Beside(body, module.Model.Config.EosTokenIds);
            return new Asked(prompts, body.Integer("n", 1, 128) ?? 1, options, body);
        }

        public GenerationRequest[] Requests() =>
            [.. Enumerable.Range(0, Prompts.Count * Count).Select(i => new GenerationRequest(Prompts[i / Count], Options!, SamplingParameters.Random(Body, i % Count)))];

        private static IReadOnlyList<int[]> PromptsOf(RequestBody body, InferenceModule module)
        {
            var given = body["prompt"] ?? throw ServingException.Bad("'prompt' is missing.", "prompt");
            var adds = body.Flag("add_special_tokens", otherwise: true);
            if (given.ValueKind == JsonValueKind.String)
            {
                return [Encode(given)];
            }

            if (RequestBody.AsIntegers(given) is { } ids && given.GetArrayLength() > 0)
            {
                return [ids];
            }

            if (given.ValueKind == JsonValueKind.Array && given.GetArrayLength() > 0)
            {
                return [.. given.EnumerateArray().Select(p => p.ValueKind == JsonValueKind.String ? Encode(p) : RequestBody.AsIntegers(p) ?? throw Wrong())];
            }

            throw Wrong();

            int[] Encode(JsonElement text) => module.Tokenizer.Encode(text.GetString()!, adds);
            static ServingException Wrong() => RequestBody.Wrong("prompt", "a text, a list of token ids, or a list of these");
        }
    }
}
