using System.Collections.Immutable;
using RlPrimitives.Inference;

namespace RlNotebooks.Serving;

/// <summary>The members of a request that say how to sample.</summary>
internal static class SamplingParameters
{
    public static SamplingOptions Read(RequestBody body, int maxNewTokens)
    {
        body.Refuse(
            ("frequency_penalty", "use repetition_penalty."), ("presence_penalty", "use repetition_penalty."), ("logit_bias", "no bias is applied."), ("best_of", "use n."),
            ("use_beam_search", "responses are sampled."), ("min_tokens", "a response ends where the model ends it."), ("guided_json", "the model is not held to a grammar."),
            ("structured_outputs", "the model is not held to a grammar."));
        var ignoresEnd = body.Flag("ignore_eos");
        var stops = body.Integers("stop_token_ids");
        return new SamplingOptions
        {
            MaxNewTokens = maxNewTokens,
            Temperature = body.Number("temperature", 0) ?? 1,
            TopP = body.Number("top_p", float.Epsilon, 1) ?? 1,
            TopK = body.Integer("top_k", -1) is { } k and > 0 ? k : 0, // -1 and 0 keep all
            MinP = body.Number("min_p", 0, 1) ?? 0,
            RepetitionPenalty = body.Number("repetition_penalty", float.Epsilon) ?? 1,
            StopStrings = Stops(body),
            StopTokenIds = ignoresEnd ? [.. stops ?? []] : null,
        };
    }

    /// <summary>Stop ids that come beside the model's own ends.</summary>
    public static SamplingOptions Beside(this SamplingOptions options, RequestBody body, ImmutableArray<int> ends) =>
        !body.Flag("ignore_eos") && body.Integers("stop_token_ids") is { Length: > 0 } more ? options with { StopTokenIds = [.. ends, .. more] } : options;

    /// <summary>The random stream of a response: the same seed and place give the same one.</summary>
    public static RandomStream Random(RequestBody body, int place) => RandomStream.For((ulong)(body.Long("seed") ?? System.Random.Shared.NextInt64()), (ulong)place);

    private static ImmutableArray<string> Stops(RequestBody body)
    {
        var stops = body.Texts("stop");
        return stops.All(s => s.Length > 0) ? [.. stops] : throw ServingException.Bad("'stop' holds an empty text, which would end every response.", "stop");
    }
}
