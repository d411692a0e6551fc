using System.Buffers;
using System.Text;

namespace RlPrimitives.Models.Tokenizers;

/// <summary>
/// The 256 visible characters that stand for bytes in a byte-level vocabulary (GPT-2, Radford et al. 2019, <c>bytes_to_unicode</c>):
/// printable Latin-1 for itself, the other 68 bytes as U+0100 and up.
/// </summary>
internal static class ByteSymbols
{
    private static readonly char[] Symbols = MakeSymbols();
    private static readonly short[] Bytes = MakeBytes();

    public static char Of(byte value) => Symbols[value];

    /// <summary>The bytes of a token: through the symbols, or as UTF-8 where one of its characters is no symbol.</summary>
    public static byte[] BytesOf(string token)
    {
        var bytes = new byte[token.Length];
        for (var i = 0; i < token.Length; i++)
        {
            if (token[i] >= Bytes.Length || Bytes[token[i]] < 0)
            {
                return Encoding.UTF8.GetBytes(token);
            }

            bytes[i] = (byte)Bytes[token[i]];
        }

        return bytes;
    }

    /// <summary>The symbols of a text's UTF-8 bytes; an unpaired surrogate counts as U+FFFD.</summary>
    public static string FromText(ReadOnlySpan<char> text)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        var count = Encoding.UTF8.GetBytes(text, bytes);
        var symbols = string.Create(count, bytes, static (span, from) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                span[i] = Symbols[from[i]];
            }
        });
        ArrayPool<byte>.Shared.Return(bytes);
        return symbols;
    }

    private static char[] MakeSymbols()
    {
        var symbols = new char[256];
        var next = (char)256;
        for (var b = 0; b < 256; b++)
        {
            symbols[b] = (char)b is (>= '!' and <= '~') or (>= '¡' and <= '¬') or (>= '®' and <= 'ÿ') ? (char)b : next++;
        }

        return symbols;
    }

    private static short[] MakeBytes()
    {
        var bytes = new short[Symbols.Max() + 1];
        Array.Fill(bytes, (short)-1);
        for (var b = 0; b < 256; b++)
        {
            bytes[Symbols[b]] = (short)b;
        }

        return bytes;
    }
}
