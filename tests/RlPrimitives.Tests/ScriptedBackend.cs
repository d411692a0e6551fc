using System.Collections.Concurrent;
using RlPrimitives.Inference;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Tests;

/// <summary>A backend that answers each prompt by a function of its text; limits, stop strings and end of sequence as the real ones.</summary>
internal sealed class ScriptedBackend(Func<string, string> reply, ITokenizer tokenizer, int context = 100_000) : IInferenceBackend
{
    /// <summary>Every request that came.</summary>
    public ConcurrentQueue<GenerationRequest> Requests { get; } = [];

    public int ContextLength => context;

    public static InferenceModule Module(Func<string, string> reply, ITokenizer? tokenizer = null, int context = 100_000) =>
        new(new ScriptedBackend(reply, tokenizer ?? TinyModels.Tokenizer, context), tokenizer ?? TinyModels.Tokenizer);

    public Task<IReadOnlyList<Generation>> GenerateAsync(IReadOnlyList<GenerationRequest> requests, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult<IReadOnlyList<Generation>>([.. requests.Select(Generate)]);
    }

    public Task<float[][]> GetLogProbsAsync(IReadOnlyList<int[]> prompts, IReadOnlyList<int[]> responses, SamplingOptions options, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public Task<float[][]> GetLogitsAsync(IReadOnlyList<int[]> prompts, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public void Dispose()
    {
    }

    private Generation Generate(GenerationRequest request)
    {
        Requests.Enqueue(request);
        int[] wanted = [.. tokenizer.Encode(reply(tokenizer.Decode(request.PromptIds, skipSpecialTokens: false))), tokenizer.EosTokenId!.Value];
        var ids = new List<int>();
        while (true)
        {
            ids.Add(wanted[ids.Count]);
            var text = tokenizer.Decode(ids.ToArray());
            var stop = request.Options.StopStrings.Where(s => text.Contains(s, StringComparison.Ordinal)).MinBy(s => text.IndexOf(s, StringComparison.Ordinal));
            StopReason? reason = ids[^1] == tokenizer.EosTokenId ? StopReason.StopToken
                : stop is not null ? StopReason.StopString
                : ids.Count == request.Options.MaxNewTokens ? StopReason.MaxNewTokens
                : request.PromptIds.Length + ids.Count >= context ? StopReason.ContextLength : null;
            if (reason is { } ended)
            {
                var shown = stop is null ? text : text[..text.IndexOf(stop, StringComparison.Ordinal)];
                return new Generation(request.PromptIds, [.. ids], [.. ids.Select((id, i) => -0.001f * (id + i))], shown, ended);
            }
        }
    }
}
