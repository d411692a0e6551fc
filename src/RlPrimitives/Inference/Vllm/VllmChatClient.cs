using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.AI;
using RlPrimitives.Inference.Wire;

namespace RlPrimitives.Inference;

/// <summary>The servers' chat completions as an <see cref="IChatClient"/>, with the newest weights.</summary>
internal sealed class VllmChatClient(VllmBackend backend) : IChatClient
{
    private const string Path = "v1/chat/completions";

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var asked = ChatWireMap.ToWire(messages, options, backend.Model);
        return await backend.AskAsync(async (server, newest, _, token) =>
        {
            var response = await server.PostAsync<ChatWireResponse>(Path, asked with { Model = options?.ModelId ?? newest }, token).ConfigureAwait(false);
            return ChatWireMap.FromWire(response) ?? throw server.Nonsense(Path, "it gave no choice.");
        }, cancellationToken).ConfigureAwait(false);
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var asked = ChatWireMap.ToWire(messages, options, backend.Model) with { Stream = true, StreamOptions = new System.Text.Json.Nodes.JsonObject { ["include_usage"] = true } };
        using var left = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pieces = Channel.CreateUnbounded<ChatWireResponse>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var receiving = ReceiveAsync();
        try
        {
            var calls = new ToolCallPieces();
            await foreach (var piece in pieces.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                if (calls.Add(piece) is { } update)
                {
                    yield return update;
                }
            }

            await receiving.ConfigureAwait(false);
        }
        finally
        {
            await left.CancelAsync().ConfigureAwait(false);
        }

        async Task ReceiveAsync()
        {
            var any = false;
            try
            {
                await backend.AskAsync(async (server, newest, _, token) =>
                {
                    try
                    {
                        return await server.StreamAsync<ChatWireResponse>(Path, asked with { Model = options?.ModelId ?? newest }, piece =>
                        {
                            any = true;
                            pieces.Writer.TryWrite(piece);
                        }, token).ConfigureAwait(false);
                    }
                    catch (VllmException e) when (e.IsTransient && any)
                    {
                        throw new VllmException($"{e.Message} A part had come, so it is not asked again.", e.Status, e) { IsEndpointDown = e.IsEndpointDown };
                    }
                }, left.Token).ConfigureAwait(false);
            }
            finally
            {
                pieces.Writer.TryComplete();
            }
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ChatClientMetadata) ? new ChatClientMetadata("vllm", backend.Endpoints[0].Address, backend.Model)
            : serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <summary>Nothing: the connections are the backend's.</summary>
    public void Dispose()
    {
    }

    /// <summary>Tool calls come in pieces, a name first and then the arguments bit by bit; they are told whole, at the end.</summary>
    private sealed class ToolCallPieces
    {
        private readonly SortedDictionary<int, (string Id, string Name, string Arguments)> calls = [];

        public ChatResponseUpdate? Add(ChatWireResponse piece)
        {
            var choice = piece.Choices is [{ } first, ..] ? first : null;
            foreach (var part in choice?.Delta?.ToolCalls ?? [])
            {
                var (id, name, arguments) = calls.GetValueOrDefault(part.Index ?? 0, ("", "", ""));
                calls[part.Index ?? 0] = (part.Id ?? id, part.Function?.Name ?? name, arguments + part.Function?.Arguments);
            }

            var update = ChatWireMap.Update(piece);
            if (choice?.Delta is { } delta)
            {
                ChatWireMap.AddText(update.Contents, delta);
            }

            if (choice?.FinishReason is { } finished)
            {
                update.FinishReason = ChatWireMap.FinishReason(finished);
                foreach (var (id, name, arguments) in calls.Values)
                {
                    update.Contents.Add(ChatWireMap.Call(id, name, arguments));
                }

                calls.Clear();
            }

            return update.Contents.Count > 0 || update.FinishReason is not null ? update : null;
        }
    }
}
