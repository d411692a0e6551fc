using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Attention;

/// <summary>One new token in each of the cache's first n slots, attending to all that its slot holds.</summary>
internal sealed class DecodeAttention : IAttention, IDisposable
{
    private readonly ModelConfig config;
    private readonly KeyValueCache cache;
    private readonly int count;
    private readonly int keys;
    private readonly Tensor index; // int64 [n], where the new keys go
    private readonly Tensor? mask; // bool [n, 1, 1, keys]; null where every slot is equally long
    private readonly Tensor? windowMask;

    /// <param name="config">The model's shape.</param>
    /// <param name="cache">The cache; slots 0 … n−1 are in use.</param>
    /// <param name="positions">Position of each slot's new token, [n].</param>
    /// <param name="device">Where the model lives.</param>
    public DecodeAttention(ModelConfig config, KeyValueCache cache, int[] positions, Device device)
    {
        this.config = config;
        this.cache = cache;
        count = positions.Length;
        keys = positions.Max() + 1;
        index = Tensors.Detached(positions.Select((p, slot) => ((long)slot * cache.Capacity) + p).ToArray(), device);
        var uneven = positions.Any(p => p + 1 < keys);
        var windowed = config.SlidingWindow < keys;
        if (!uneven && !windowed)
        {
            return;
        }

        using var scope = NewDisposeScope();
        var key = arange(keys, device: device).unsqueeze(0);  // [1, keys]
        var position = torch.tensor(Array.ConvertAll(positions, p => (long)p), device: device).unsqueeze(1);  // [n, 1]
        var seen = key.le(position);  // [n, keys]
        mask = uneven ? seen.view(count, 1, 1, keys).DetachFromDisposeScope() : null;
        windowMask = windowed
            ? seen.logical_and(key.gt(position - config.SlidingWindow!.Value)).view(count, 1, 1, keys).DetachFromDisposeScope()
            : null;
    }

    public Tensor Attend(int layer, Tensor query, Tensor key, Tensor value)
    {
        cache.Write(layer, index, key, value);
        var (k, v) = cache.Read(layer, count, keys);  // [n, Hkv, keys, hd]
        // The query heads that share a key head take the place of query positions: grouped queries without repeating keys.
        var q = query.reshape(count, config.KeyValueHeads, config.Heads / config.KeyValueHeads, config.HeadDimension);
        var attended = AtenOperators.Attention(q, k, v, config.IsSliding(layer) ? windowMask ?? mask : mask, causal: false);
        return attended.reshape(count, config.Heads * config.HeadDimension);  // [n, H·hd]
    }

    public void Dispose()
    {
        index.Dispose();
        mask?.Dispose();
        windowMask?.Dispose();
    }
}
