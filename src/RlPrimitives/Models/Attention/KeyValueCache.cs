using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Attention;

/// <summary>Keys and values of running sequences: preallocated, of each layer [slots, T, Hkv, hd] for keys and the same for values.</summary>
/// <param name="config">The model's shape.</param>
/// <param name="device">Where it lies.</param>
/// <param name="type">Element type.</param>
/// <param name="allocate">Zeros of a shape; null for libtorch's.</param>
internal sealed class KeyValueCache(ModelConfig config, Device device, ScalarType type, Func<long[], Tensor>? allocate = null) : IDisposable
{
    private readonly Func<long[], Tensor> allocate = allocate ?? (shape => zeros(shape, dtype: type, device: device));
    private Tensor[] rows = []; // of each of the 2·layers: [slots, T, Hkv, hd]
    private Tensor[] flat = []; // of each of the 2·layers: [slots·T, Hkv, hd]

    /// <summary>Sequences that fit.</summary>
    public int Slots { get; private set; }

    /// <summary>Tokens that fit in each.</summary>
    public int Capacity { get; private set; }

    /// <summary>Bytes of one token in all layers.</summary>
    public long BytesPerToken { get; } = 2L * config.Layers * config.KeyValueHeads * config.HeadDimension * (type is ScalarType.Float32 ? 4 : type is ScalarType.Float64 ? 8 : 2);

    /// <summary>Bytes held.</summary>
    public long Bytes => BytesPerToken * Slots * Capacity;

    /// <summary>Grows to at least this size, keeping what is there; in length by half at least, so that growing token by token copies little.</summary>
    /// <remarks>Where an allocation fails on the way, layers of both sizes are there: everything is dropped, and the cache is as new.</remarks>
    public void Reserve(int slots, int tokens)
    {
        if (slots <= Slots && tokens <= Capacity)
        {
            return;
        }

        using var scope = NewDisposeScope();
        var newSlots = Math.Max(slots, Slots);
        var wanted = tokens <= Capacity ? Capacity : Math.Max(tokens, Capacity * 3 / 2);
        var newCapacity = Math.Max(Math.Min((wanted + 63) / 64 * 64, config.ContextLength), Capacity);
        MemoryPlan.Check(
            (BytesPerToken * newSlots * newCapacity) - Bytes, device, FormattableString.Invariant($"The key-value cache of {newSlots} sequences of {newCapacity} tokens"),
            "generate fewer sequences at once (maxConcurrency), or shorter ones (MaxNewTokens)");
        try
        {
            Grow(newSlots, newCapacity);
        }
        catch
        {
            Dispose();
            (rows, flat, Slots, Capacity) = ([], [], 0, 0);
            throw;
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        using var scope = NewDisposeScope();
        foreach (var layer in rows)
        {
            layer.zero_();
        }
    }

    /// <summary>Where in a layer's flat view the tokens of rows go, int64 [N].</summary>
    /// <param name="slots">The slot of each row.</param>
    /// <param name="tokens">The rows.</param>
    /// <param name="starts">Position of each row's first token; null for 0.</param>
    public Tensor IndexOf(int[] slots, PackedTokens tokens, int[]? starts = null)
    {
        var index = new long[tokens.Count];
        var n = 0;
        for (var b = 0; b < tokens.Rows; b++)
        {
            for (var t = 0; t < tokens.Lengths[b]; t++)
            {
                index[n++] = ((long)slots[b] * Capacity) + (starts?[b] ?? 0) + t;
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

    /// <summary>Keys and values of some slots and the first <paramref name="tokens"/> tokens, each [n, Hkv, tokens, hd] (copies).</summary>
    public (Tensor Keys, Tensor Values) Gather(int layer, Tensor slots, int tokens) =>
        (rows[2 * layer].narrow(1, 0, tokens).index_select(0, slots).transpose(1, 2),
         rows[(2 * layer) + 1].narrow(1, 0, tokens).index_select(0, slots).transpose(1, 2));

    /// <summary>Addresses of a layer's keys and values, each [slots, T, Hkv, hd]: for float32 on the processor.</summary>
    public (IntPtr Keys, IntPtr Values) Layer(int layer) => (AtenOperators.DataOf(rows[2 * layer]), AtenOperators.DataOf(rows[(2 * layer) + 1]));

    /// <summary>Copies the first <paramref name="tokens"/> tokens of one slot over another's, in every layer.</summary>
    public void Copy(int from, int to, int tokens)
    {
        using var scope = NewDisposeScope();
        foreach (var layer in rows)
        {
            layer.select(0, to).narrow(0, 0, tokens).copy_(layer.select(0, from).narrow(0, 0, tokens));
        }
    }

    /// <summary>A copy of the first <paramref name="tokens"/> tokens of a slot in every layer, [2·layers, tokens, Hkv, hd]; its owner disposes it.</summary>
    public Tensor Extract(int slot, int tokens)
    {
        using var scope = NewDisposeScope();
        return stack(rows.Select(layer => layer.select(0, slot).narrow(0, 0, tokens)).ToArray()).DetachFromDisposeScope();
    }

    /// <summary>Puts back what <see cref="Extract"/> gave.</summary>
    public void Insert(Tensor extracted, int slot)
    {
        using var scope = NewDisposeScope();
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i].select(0, slot).narrow(0, 0, extracted.size(1)).copy_(extracted.select(0, i));
        }
    }

    public void Dispose()
    {
        foreach (var tensor in flat.Concat(rows))
        {
            tensor?.Dispose(); // none yet, where the first allocation failed
        }
    }

    private void Grow(int newSlots, int newCapacity)
    {
        rows = rows.Length > 0 ? rows : new Tensor[2 * config.Layers];
        flat = flat.Length > 0 ? flat : new Tensor[2 * config.Layers];
        for (var i = 0; i < rows.Length; i++) // one after another: never all of the old beside all of the new
        {
            var grown = allocate([newSlots, newCapacity, config.KeyValueHeads, config.HeadDimension]);
            if (Slots > 0)
            {
                grown.narrow(0, 0, Slots).narrow(1, 0, Capacity).copy_(rows[i]);
                flat[i].Dispose();
                rows[i].Dispose();
            }

            rows[i] = grown.DetachFromDisposeScope();
            flat[i] = grown.view(newSlots * newCapacity, config.KeyValueHeads, config.HeadDimension).DetachFromDisposeScope();
        }

        (Slots, Capacity) = (newSlots, newCapacity);
    }
}
