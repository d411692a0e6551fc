using System.Collections.Immutable;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Inference;

/// <summary>The text of a growing response as far as it is certain: what might be the beginning of a stop string is held back until it is known not to be one.</summary>
internal sealed class PieceText(IStreamingDecoder decoder, ImmutableArray<string> stops)
{
    private readonly int hold = stops.IsDefaultOrEmpty ? 0 : stops.Max(s => s.Length) - 1;
    private string pending = "";
    private int shown;

    /// <summary>What a further token makes certain.</summary>
    public string Append(int id)
    {
        pending += decoder.Append(id);
        if (pending.Length <= hold || (hold > 0 && stops.Any(s => pending.Contains(s, StringComparison.Ordinal))))
        {
            return "";
        }

        var piece = pending[..^hold];
        piece = char.IsHighSurrogate(piece[^1]) ? piece[..^1] : piece;
        pending = pending[piece.Length..];
        shown += piece.Length;
        return piece;
    }

    /// <summary>What is left of the whole text.</summary>
    public string Rest(string whole) => whole.Length > shown ? whole[shown..] : "";
}
