using System.Text.Json.Nodes;
using RlPrimitives.Inference;
using RlPrimitives.Models.Tokenizers;

namespace RlNotebooks.Serving;

/// <summary>A response in the words of completions.</summary>
internal static class WireChoice
{
    public static string FinishReason(StopReason reason) => reason is StopReason.MaxNewTokens or StopReason.ContextLength ? "length" : "stop";

    /// <summary>The text or the id that stopped it; null for the model's own end and for limits.</summary>
    public static JsonNode? StopReasonOf(Generation generation, SamplingOptions options, ITokenizer tokenizer)
    {
        if (generation.StopReason == StopReason.StopString)
        {
            var text = tokenizer.Decode(generation.TokenIds);
            return options.StopStrings.Where(s => text.Contains(s, StringComparison.Ordinal)).MinBy(s => text.IndexOf(s, StringComparison.Ordinal));
        }

        return generation.StopReason == StopReason.StopToken && options.StopTokenIds is { } ids && ids.Contains(generation.TokenIds[^1]) ? generation.TokenIds[^1] : null;
    }

    /// <summary>The sampled tokens with their log-probs.</summary>
    public static JsonObject LogProbs(ReadOnlySpan<int> ids, ReadOnlySpan<float> logProbs, ITokenizer tokenizer)
    {
        var (tokens, values, offsets, at) = (new JsonArray(), new JsonArray(), new JsonArray(), 0);
        for (var t = 0; t < ids.Length; t++)
        {
            var text = tokenizer.Decode([ids[t]], skipSpecialTokens: false);
            tokens.Add(text);
            values.Add(Finite(logProbs[t]));
            offsets.Add(at);
            at += text.Length;
        }

        return new JsonObject { ["tokens"] = tokens, ["token_logprobs"] = values, ["text_offset"] = offsets, ["top_logprobs"] = null };
    }

    /// <summary>The same as chat completions write it.</summary>
    public static JsonObject ChatLogProbs(ReadOnlySpan<int> ids, ReadOnlySpan<float> logProbs, ITokenizer tokenizer)
    {
        var content = new JsonArray();
        for (var t = 0; t < ids.Length; t++)
        {
            var text = tokenizer.Decode([ids[t]], skipSpecialTokens: false);
            content.Add(new JsonObject { ["token"] = text, ["logprob"] = Finite(logProbs[t]), ["bytes"] = Ids(Array.ConvertAll(System.Text.Encoding.UTF8.GetBytes(text), b => (int)b)), ["top_logprobs"] = new JsonArray() });
        }

        return new JsonObject { ["content"] = content };
    }

    public static JsonArray Ids(IEnumerable<int> ids) => [.. ids.Select(id => (JsonNode)id)];

    public static JsonObject Usage(long prompt, long completion) => new() { ["prompt_tokens"] = prompt, ["completion_tokens"] = completion, ["total_tokens"] = prompt + completion };

    /// <summary>JSON has no infinity; vLLM writes -9999.</summary>
    public static float Finite(float logProb) => float.IsFinite(logProb) ? logProb : -9999;
}
