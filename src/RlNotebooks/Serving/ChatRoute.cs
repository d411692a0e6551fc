using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using RlPrimitives.Environments;
using RlPrimitives.Inference;

namespace RlNotebooks.Serving;

/// <summary>POST /v1/chat/completions.</summary>
internal static class ChatRoute
{
    public static async Task AnswerAsync(HttpContext context, ServedModels models)
    {
        var body = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        body.Refuse(("top_logprobs", "only the sampled token's log-prob is told."), ("chat_template", "the model's own is used."), ("chat_template_kwargs", "the template is rendered as it is."));
        using var lease = await models.UseAsync(body.Text("model"), context.RequestAborted).ConfigureAwait(false);
        var (messages, options) = (ChatMessages.Read(body), ChatMessages.Options(body));
        var most = body.Integer("max_completion_tokens", 1) ?? body.Integer("max_tokens", 1) ?? lease.Module.ContextLength;
        var sampling = SamplingParameters.Read(body, most).Beside(body, lease.Module.Model.Config.EosTokenIds);
        var client = lease.Module.AsChatClient(sampling);
        options.Seed = body.Long("seed") ?? Random.Shared.NextInt64();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lease.Aborted);
        if (body.Flag("stream"))
        {
            await StreamAsync(context, lease, client, messages, options, body, ended.Token).ConfigureAwait(false);
            return;
        }

        var count = body.Integer("n", 1, 128) ?? 1;
        var responses = await Task.WhenAll(Enumerable.Range(0, count).Select(i => client.GetResponseAsync(messages, Place(options, i), ended.Token))).ConfigureAwait(false);
        var answer = Envelope(lease.Name, "chat.completion");
        answer["choices"] = new JsonArray([.. responses.Select((r, i) => (JsonNode)Choice(i, r, sampling, body, lease.Module))]);
        answer["usage"] = WireChoice.Usage(responses[0].Usage!.InputTokenCount ?? 0, responses.Sum(r => r.Usage!.OutputTokenCount ?? 0));
        if (body.Flag("return_token_ids"))
        {
            answer["prompt_token_ids"] = WireChoice.Ids(((Generation)responses[0].RawRepresentation!).PromptIds);
        }

        await context.AnswerAsync(answer).ConfigureAwait(false);
    }

    /// <summary>The seed of the i-th response.</summary>
    private static ChatOptions Place(ChatOptions options, int i)
    {
        var own = options.Clone();
        own.Seed = options.Seed + i;
        return own;
    }

    private static JsonObject Choice(int index, ChatResponse response, SamplingOptions sampling, RequestBody body, InferenceModule module)
    {
        var generation = (Generation)response.RawRepresentation!;
        var calls = response.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>().ToArray();
        var message = new JsonObject { ["role"] = "assistant", ["content"] = calls.Length > 0 && response.Text.Length == 0 ? null : response.Text };
        if (calls.Length > 0)
        {
            message["tool_calls"] = new JsonArray([.. calls.Select((c, i) => ChatMessages.Call(c, index: null))]);
        }

        var choice = new JsonObject
        {
            ["index"] = index,
            ["message"] = message,
            ["logprobs"] = body.Flag("logprobs") ? WireChoice.ChatLogProbs(generation.TokenIds, generation.LogProbs, module.Tokenizer) : null,
            ["finish_reason"] = calls.Length > 0 ? "tool_calls" : WireChoice.FinishReason(generation.StopReason),
            ["stop_reason"] = WireChoice.StopReasonOf(generation, sampling, module.Tokenizer),
        };
        if (body.Flag("return_token_ids"))
        {
            choice["token_ids"] = WireChoice.Ids(generation.TokenIds);
        }

        return choice;
    }

    private static async Task StreamAsync(
        HttpContext context, ServedModels.Lease lease, IChatClient client, IReadOnlyList<ChatMessage> messages, ChatOptions options, RequestBody body, CancellationToken ended)
    {
        if (body.Integer("n", 1) > 1)
        {
            throw ServingException.Bad("'n' above 1 is not available with 'stream'.", "n");
        }

        var envelope = Envelope(lease.Name, "chat.completion.chunk");
        UsageDetails? usage = null;
        var isFirst = true;
        await foreach (var update in client.GetStreamingResponseAsync(messages, options, ended).ConfigureAwait(false))
        {
            if (isFirst)
            {
                EventStream.Begin(context); // only now: what is refused has a status of its own
                await WriteAsync(new JsonObject { ["role"] = "assistant", ["content"] = "" }, null, null).ConfigureAwait(false);
                isFirst = false;
            }

            var piece = (GenerationPiece)update.RawRepresentation!;
            usage = update.Contents.OfType<UsageContent>().FirstOrDefault()?.Details ?? usage;
            var calls = update.Contents.OfType<FunctionCallContent>().ToArray();
            var delta = new JsonObject();
            if (update.Text.Length > 0)
            {
                delta["content"] = update.Text;
            }

            if (calls.Length > 0)
            {
                delta["tool_calls"] = new JsonArray([.. calls.Select((c, i) => ChatMessages.Call(c, i))]);
            }

            var finished = piece.Response is null ? null : calls.Length > 0 ? "tool_calls" : WireChoice.FinishReason(piece.Response.StopReason);
            if (delta.Count > 0 || finished is not null || body.Flag("logprobs") || body.Flag("return_token_ids"))
            {
                await WriteAsync(delta, finished, piece.Token).ConfigureAwait(false);
            }
        }

        if (body["stream_options"] is { } more && RequestBody.Of(more, "stream_options").Flag("include_usage") && usage is not null)
        {
            var last = (JsonObject)envelope.DeepClone();
            last["choices"] = new JsonArray();
            last["usage"] = WireChoice.Usage(usage.InputTokenCount ?? 0, usage.OutputTokenCount ?? 0);
            await EventStream.WriteAsync(context, last).ConfigureAwait(false);
        }

        await EventStream.EndAsync(context).ConfigureAwait(false);

        Task WriteAsync(JsonObject delta, string? finished, GeneratedToken? token)
        {
            var choice = new JsonObject { ["index"] = 0, ["delta"] = delta, ["logprobs"] = null, ["finish_reason"] = finished };
            if (token is { } sampled && body.Flag("logprobs"))
            {
                choice["logprobs"] = WireChoice.ChatLogProbs([sampled.Id], [sampled.LogProb], lease.Module.Tokenizer);
            }

            if (token is { } told && body.Flag("return_token_ids"))
            {
                choice["token_ids"] = WireChoice.Ids([told.Id]);
            }

            var piece = (JsonObject)envelope.DeepClone();
            piece["choices"] = new JsonArray(choice);
            return EventStream.WriteAsync(context, piece);
        }
    }

    private static JsonObject Envelope(string model, string kind) => new()
    {
        ["id"] = $"chatcmpl-{Guid.NewGuid():N}", ["object"] = kind, ["created"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds(), ["model"] = model,
    };
}
