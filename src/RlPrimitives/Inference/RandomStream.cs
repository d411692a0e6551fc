namespace RlPrimitives.Inference;

/// <summary>
/// Uniform numbers addressed by position instead of drawn in turn: u = f(seed, stream, counter), so the answer does not depend on
/// which thread asks, in what order, or what else is in the batch.
/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", SC'11), with the seed as its key
/// and (counter, stream) as its 128-bit counter.
/// </summary>
/// <param name="Seed">Chosen once per run.</param>
/// <param name="Stream">One of 2⁶⁴ independent sequences under the same seed.</param>
public readonly record struct RandomStream(ulong Seed, ulong Stream)
{
    /// <summary>The stream of a place in a run, such as (iteration, problem, member, turn).</summary>
    /// <param name="seed">Chosen once per run.</param>
    /// <param name="keys">Where in the run; their order and number matter: (1, 2), (2, 1) and (1, 2, 0) are three streams.</param>
    public static RandomStream For(ulong seed, params ReadOnlySpan<ulong> keys)
    {
        // Philox is its own hash: each key is enciphered under what came before it.
        var stream = (ulong)keys.Length;
        for (var i = 0; i < keys.Length; i++)
        {
            stream = Low(Philox.Block(keys[i], (ulong)i, stream));
        }

        return new RandomStream(seed, stream);
    }

    /// <summary>The uniform number at a position: 53 random bits, a multiple of 2⁻⁵³ in [0, 1).</summary>
    /// <param name="counter">Position in the stream, such as the index of the sampled token.</param>
    public double NextUniform(ulong counter) => (Low(Philox.Block(counter, Stream, Seed)) >> 11) * (1.0 / (1UL << 53));

    private static ulong Low((uint X0, uint X1, uint X2, uint X3) block) => ((ulong)block.X1 << 32) | block.X0;
}

/// <summary>The block function of Philox4x32-10.</summary>
internal static class Philox
{
    /// <summary>Ten rounds over a 128-bit counter under a 64-bit key; words from least to most significant.</summary>
    public static (uint X0, uint X1, uint X2, uint X3) Block(ulong counterLow, ulong counterHigh, ulong key)
    {
        var (x0, x1, x2, x3) = ((uint)counterLow, (uint)(counterLow >> 32), (uint)counterHigh, (uint)(counterHigh >> 32));
        var (k0, k1) = ((uint)key, (uint)(key >> 32));
        for (var round = 0; round < 10; round++)
        {
            var p0 = 0xD2511F53UL * x0;
            var p1 = 0xCD9E8D57UL * x2;
            (x0, x1, x2, x3) = ((uint)(p1 >> 32) ^ x1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ x3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9; // golden ratio
            k1 += 0xBB67AE85; // √3 − 1
        }

        return (x0, x1, x2, x3);
    }
}
