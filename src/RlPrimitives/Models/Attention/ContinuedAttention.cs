using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Attention;

/// <summary>Several new tokens behind what a slot of the cache already holds: how a conversation is continued without computing it again.</summary>
internal sealed class ContinuedAttention : IAttention, IDisposable
{
    private readonly ModelConfig config;
    private readonly PackedTokens tokens;
    private readonly KeyValueCache cache;
    private readonly int keys;
    private readonly Tensor index; // int64 [N], where the new keys go
    private readonly Tensor places; // int64 [B], the slots
    private readonly Tensor mask; // bool [B, 1, T, keys]
    private readonly Tensor? windowMask;

    /// <param name="config">The model's shape.</param>
    /// <param name="tokens">The new tokens, at their positions.</param>
    /// <param name="cache">The cache.</param>
    /// <param name="slots">The slot of each row.</param>
    /// <param name="starts">Tokens that each slot already holds.</param>
    public ContinuedAttention(ModelConfig config, PackedTokens tokens, KeyValueCache cache, int[] slots, int[] starts)
    {
        this.config = config;
        this.tokens = tokens;
        this.cache = cache;
        index = cache.IndexOf(slots, tokens, starts);
        var device = tokens.Ids.device;
        places = Tensors.Detached(Array.ConvertAll(slots, s => (long)s), device);
        keys = starts.Select((start, b) => start + tokens.Lengths[b]).Max();
        using var scope = NewDisposeScope();
        var key = Scalars.Range(keys, device).view(1, 1, keys);  // [1, 1, keys]
        var position = torch.tensor(Array.ConvertAll(starts, s => (long)s), device: device).view(-1, 1, 1)
            .Plus(Scalars.Range(tokens.MaxLength, device).view(1, -1, 1));  // [B, T, 1]
        var seen = key.le(position);  // [B, T, keys]
        mask = seen.unsqueeze(1).DetachFromDisposeScope();
        windowMask = config.SlidingWindow < keys
            ? seen.logical_and(key.gt(position - Scalars.Of(config.SlidingWindow!.Value))).unsqueeze(1).DetachFromDisposeScope()
            : null;
    }

    public Tensor Attend(int layer, Tensor heads)
    {
        var (query, key, value) = JointHeads.Split(heads, config);
        cache.Write(layer, index, key, value);
        var q = tokens.Pad(query).transpose(1, 2);  // [B, H, T, hd]
        var (k, v) = cache.Gather(layer, places, keys);  // [B, Hkv, keys, hd]
        var attended = AtenOperators.Attention(q, k, v, config.IsSliding(layer) ? windowMask ?? mask : mask, causal: false);  // [B, H, T, hd]
        return tokens.Unpad(attended.transpose(1, 2)).reshape(tokens.Count, -1);  // [N, H·hd]
    }

    public void Dispose()
    {
        index.Dispose();
        places.Dispose();
        mask.Dispose();
        windowMask?.Dispose();
    }
}
