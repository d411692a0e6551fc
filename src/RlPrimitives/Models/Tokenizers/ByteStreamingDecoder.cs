using System.Text;

namespace RlPrimitives.Models.Tokenizers;

/// <summary>Feeds the bytes of ids to a UTF-8 decoder that remembers an unfinished character.</summary>
internal sealed class ByteStreamingDecoder(Func<int, byte[]> bytesOf) : IStreamingDecoder
{
    private readonly Decoder decoder = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false).GetDecoder();

    public string Append(int id) => Convert(bytesOf(id), flush: false);

    public string Finish() => Convert([], flush: true);

    private string Convert(byte[] bytes, bool flush)
    {
        Span<char> buffer = stackalloc char[256];
        var count = decoder.GetCharCount(bytes, flush);
        var chars = count <= buffer.Length ? buffer[..count] : new char[count];
        return new string(chars[..decoder.GetChars(bytes, chars, flush)]);
    }
}
