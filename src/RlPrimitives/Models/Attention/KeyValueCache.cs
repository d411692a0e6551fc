using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Attention;

/// <summary>Keys and values of running sequences: one preallocated tensor, of each layer [slots, T, Hkv, hd] for keys and the same for values.</summary>
internal sealed class KeyValueCache : IDisposable
{
    private readonly ModelConfig config;
    private readonly Device device;
    private readonly ScalarType type;
    private Tensor store; // [2·layers, slots, T, Hkv, hd]
    private Tensor[] flat = []; // of each of the 2·layers: [slots·T, Hkv, hd]
    private Tensor[] rows = []; // of each of the 2·layers: [slots, T, Hkv, hd]

    public KeyValueCache(ModelConfig config, Device device, ScalarType type)
    {
        this.config = config;
        this.device = device;
        this.type = type;
        store = empty(0, dtype: type, device: device).DetachFromDisposeScope();
    }

    /// <summary>Sequences that fit.</summary>
    public int Slots { get; private set; }

    /// <summary>Tokens that fit in each.</summary>
    public int Capacity { get; private set; }

    /// <summary>Bytes held.</summary>
    public long Bytes => store.numel() * store.element_size();

    /// <summary>Grows to at least this size, keeping what is there.</summary>
    public void Reserve(int slots, int tokens)
    {
        if (slots <= Slots && tokens <= Capacity)
        {
            return;
        }

        using var scope = NewDisposeScope();
        var newSlots = Math.Max(slots, Slots);
        var newCapacity = Math.Max(Math.Min((tokens + 63) / 64 * 64, config.ContextLength), Capacity);
        var grown = zeros([2 * config.Layers, newSlots, newCapacity, config.KeyValueHeads, config.HeadDimension], dtype: type, device: device);
        if (Slots > 0)
        {
            grown.narrow(1, 0, Slots).narrow(2, 0, Capacity).copy_(store);
        }

        foreach (var view in flat.Concat(rows).Append(store))
        {
            view.Dispose();
        }

        store = grown.DetachFromDisposeScope();
        (Slots, Capacity) = (newSlots, newCapacity);
        rows = Enumerable.Range(0, 2 * config.Layers).Select(i => store.select(0, i).DetachFromDisposeScope()).ToArray();
        flat = rows.Select(r => r.view(newSlots * newCapacity, config.KeyValueHeads, config.HeadDimension).DetachFromDisposeScope()).ToArray();
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        using var scope = NewDisposeScope();
        store.zero_();
    }

    /// <summary>Where in a layer's flat view the tokens of rows that start at position 0 go, int64 [N].</summary>
    public Tensor IndexOf(int[] slots, PackedTokens tokens)
    {
        var index = new long[tokens.Count];
        var n = 0;
        for (var b = 0; b < tokens.Rows; b++)
        {
            for (var t = 0; t < tokens.Lengths[b]; t++)
            {
                index[n++] = ((long)slots[b] * Capacity) + t;
            }
        }

        return Tensors.Detached(index, device);
    }

    /// <summary>Stores keys and values [N, Hkv, hd] of a layer at the places of <paramref name="index"/>.</summary>
    public void Write(int layer, Tensor index, Tensor key, Tensor value)
    {
        flat[2 * layer].index_copy_(0, index, key);
        flat[(2 * layer) + 1].index_copy_(0, index, value);
    }

    /// <summary>Keys and values of the first <paramref name="slots"/> slots and <paramref name="tokens"/> tokens, each [slots, Hkv, tokens, hd] (views).</summary>
    public (Tensor Keys, Tensor Values) Read(int layer, int slots, int tokens) =>
        (rows[2 * layer].narrow(0, 0, slots).narrow(1, 0, tokens).transpose(1, 2),
         rows[(2 * layer) + 1].narrow(0, 0, slots).narrow(1, 0, tokens).transpose(1, 2));

    /// <summary>Addresses of a layer's keys and values, each [slots, T, Hkv, hd]: for float32 on the processor.</summary>
    public (IntPtr Keys, IntPtr Values) Layer(int layer) => (AtenOperators.DataOf(rows[2 * layer]), AtenOperators.DataOf(rows[(2 * layer) + 1]));

    /// <summary>Copies the first <paramref name="tokens"/> tokens of one slot over another's, in every layer.</summary>
    public void Copy(int from, int to, int tokens)
    {
        using var scope = NewDisposeScope();
        store.select(1, to).narrow(1, 0, tokens).copy_(store.select(1, from).narrow(1, 0, tokens));
    }

    public void Dispose()
    {
        foreach (var tensor in flat.Concat(rows).Append(store))
        {
            tensor.Dispose();
        }
    }
}
