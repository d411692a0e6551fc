using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Attention;

/// <summary>Causal self-attention within each row, from position 0: training, scoring and prefill (then it also fills a cache).</summary>
/// <param name="config">The model's shape.</param>
/// <param name="tokens">The rows.</param>
/// <param name="cache">Where keys and values are kept for decoding; null for none.</param>
/// <param name="slots">The cache slot of each row; needed with <paramref name="cache"/>.</param>
internal sealed class PackedAttention(ModelConfig config, PackedTokens tokens, KeyValueCache? cache = null, int[]? slots = null) : IAttention, IDisposable
{
    private readonly Tensor? cacheIndex = cache?.IndexOf(slots!, tokens);
    private readonly HostCausalAttention host = new(tokens.Lengths, config.Heads, config.KeyValueHeads);
    private Tensor? windowMask;

    public Tensor Attend(int layer, Tensor heads)
    {
        var (query, key, value) = JointHeads.Split(heads, config);
        cache?.Write(layer, cacheIndex!, key, value);
        if (HostCausalAttention.Fits(heads))
        {
            return host.Apply(heads, config.IsSliding(layer) ? config.SlidingWindow!.Value : int.MaxValue);
        }

        var q = tokens.Pad(query).transpose(1, 2);  // [B, H, T, hd]
        var k = tokens.Pad(key).transpose(1, 2);    // [B, Hkv, T, hd]
        var v = tokens.Pad(value).transpose(1, 2);  // [B, Hkv, T, hd]
        var windowed = config.IsSliding(layer) && config.SlidingWindow < tokens.MaxLength;
        // Rows are padded on the right, so the causal mask alone keeps real tokens from seeing padding.
        var attended = AtenOperators.Attention(q, k, v, windowed ? WindowMask(query) : null, causal: !windowed);  // [B, H, T, hd]
        return tokens.Unpad(attended.transpose(1, 2)).reshape(tokens.Count, -1);  // [N, H·hd]
    }

    public void Dispose()
    {
        cacheIndex?.Dispose();
        windowMask?.Dispose();
    }

    private Tensor WindowMask(Tensor like)
    {
        if (windowMask is null)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var position = Scalars.Range(tokens.MaxLength, like.device);
            var back = position.unsqueeze(1) - position.unsqueeze(0);  // [T, T] how far back a key lies
            windowMask = back.ge(Scalars.Of(0)).logical_and(back.lt(Scalars.Of(config.SlidingWindow!.Value))).DetachFromDisposeScope();
        }

        return windowMask;
    }
}
