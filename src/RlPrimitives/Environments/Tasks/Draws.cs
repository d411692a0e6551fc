using RlPrimitives.Inference;

namespace RlPrimitives.Environments;

/// <summary>Numbers drawn one after another from a stream: the same on every platform.</summary>
internal sealed class Draws(RandomStream stream)
{
    private ulong next;

    /// <summary>A whole number in [low, high].</summary>
    public int Between(int low, int high) => low + (int)(stream.NextUniform(next++) * ((long)high - low + 1));

    /// <summary>One of several.</summary>
    public T From<T>(IReadOnlyList<T> items) => items[Between(0, items.Count - 1)];

    /// <summary>True with a probability.</summary>
    public bool Chance(double probability) => stream.NextUniform(next++) < probability;

    /// <summary>Puts items in a random order.</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = Between(0, i);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
