using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Attention;

/// <summary>One new token in some of the cache's slots, attending to all that its slot holds.</summary>
/// <remarks>
/// The first slots of the cache are read in place, from 0 to the last one in use; those between that are not in use are computed along with the others,
/// which costs less than copying keys and values together.
/// </remarks>
internal sealed class DecodeAttention : IAttention, IDisposable
{
    private readonly ModelConfig config;
    private readonly KeyValueCache cache;
    private readonly int count;
    private readonly int keys;
    private readonly Tensor index; // int64 [n], where the new keys go
    private readonly Tensor? places; // int64 [n], the slots; null where they are 0 … n−1
    private readonly Tensor? mask; // bool [s, 1, 1, keys]; null where every slot is equally long
    private readonly Tensor? windowMask;

    /// <param name="config">The model's shape.</param>
    /// <param name="cache">The cache.</param>
    /// <param name="slots">The slots, [n].</param>
    /// <param name="positions">Position of each slot's new token, [n].</param>
    /// <param name="device">Where the model lives.</param>
    public DecodeAttention(ModelConfig config, KeyValueCache cache, int[] slots, int[] positions, Device device)
    {
        this.config = config;
        this.cache = cache;
        count = slots.Max() + 1;
        keys = positions.Max() + 1;
        index = Tensors.Detached(positions.Select((p, row) => ((long)slots[row] * cache.Capacity) + p).ToArray(), device);
        places = slots.Where((slot, row) => slot != row).Any() || count > slots.Length ? Tensors.Detached(Array.ConvertAll(slots, s => (long)s), device) : null;
        var last = new long[count]; // of a slot that is not in use: its first token, so that something is seen
        for (var row = 0; row < slots.Length; row++)
        {
            last[slots[row]] = positions[row];
        }

        var uneven = last.Any(p => p + 1 < keys);
        var windowed = config.SlidingWindow < keys;
        if (!uneven && !windowed)
        {
            return;
        }

        using var scope = NewDisposeScope();
        var key = Scalars.Range(keys, device).unsqueeze(0);  // [1, keys]
        var position = torch.tensor(last, device: device).unsqueeze(1);  // [s, 1]
        var seen = key.le(position);  // [s, keys]
        mask = uneven ? seen.view(count, 1, 1, keys).DetachFromDisposeScope() : null;
        windowMask = windowed
            ? seen.logical_and(key.gt(position - Scalars.Of(config.SlidingWindow!.Value))).view(count, 1, 1, keys).DetachFromDisposeScope()
            : null;
    }

    public Tensor Attend(int layer, Tensor heads)
    {
        var (query, key, value) = JointHeads.Split(heads, config);
        cache.Write(layer, index, key, value);
        var (k, v) = cache.Read(layer, count, keys);  // [s, Hkv, keys, hd]
        var perSlot = places is null ? query : query.new_zeros(count, config.Heads, config.HeadDimension).index_copy_(0, places, query);  // [s, H, hd]
        // The query heads that share a key head take the place of query positions: grouped queries without repeating keys.
        var q = perSlot.reshape(count, config.KeyValueHeads, config.Heads / config.KeyValueHeads, config.HeadDimension);
        var attended = AtenOperators.Attention(q, k, v, config.IsSliding(layer) ? windowMask ?? mask : mask, causal: false)
            .reshape(count, config.Heads * config.HeadDimension);  // [s, H·hd]
        return places is null ? attended : attended.index_select(0, places);  // [n, H·hd]
    }

    public void Dispose()
    {
        index.Dispose();
        places?.Dispose();
        mask?.Dispose();
        windowMask?.Dispose();
    }
}
