using System.Buffers.Binary;
using System.IO.Hashing;

namespace RlPrimitives.Tracking;

/// <summary>
/// The file of an offline run of Weights &amp; Biases: a header of 7 bytes (<c>:W&amp;B</c>, 0xBEE1, 0), then records in the framing of LevelDB's log, blocks of 32 KiB into
/// which the header counts. A chunk is CRC-32 (IEEE, over type and data; not masked), length (uint16), type (full 1, first 2, middle 3, last 4) and data; fewer than 7 bytes left
/// in a block are zeros.
/// </summary>
internal sealed class TransactionLog : IDisposable
{
    private const int Block = 32 * 1024;
    private const int ChunkHeader = 7;
    private readonly AppendedFile file;

    public TransactionLog(string path)
    {
        file = new AppendedFile(path);
        if (file.Length == 0)
        {
            file.Append([(byte)':', (byte)'W', (byte)'&', (byte)'B', 0xE1, 0xBE, 0]);
        }
    }

    public void Append(ReadOnlySpan<byte> record)
    {
        using var chunks = new MemoryStream(record.Length + 64);
        ReadOnlySpan<byte> padding = [0, 0, 0, 0, 0, 0];
        var type = 1; // full, until it does not fit
        var isFirst = true;
        do
        {
            var left = Block - (int)((file.Length + chunks.Length) % Block);
            if (left < ChunkHeader)
            {
                chunks.Write(padding[..left]);
                left = Block;
            }

            var part = record[..Math.Min(record.Length, left - ChunkHeader)];
            var isLast = part.Length == record.Length;
            type = (isFirst, isLast) switch { (true, true) => 1, (true, false) => 2, (false, false) => 3, (false, true) => 4 };
            WriteChunk(chunks, (byte)type, part);
            record = record[part.Length..];
            isFirst = false;
        }
        while (type is 2 or 3);

        file.Append(chunks.GetBuffer().AsSpan(0, (int)chunks.Length));
    }

    public void Dispose() => file.Dispose();

    private static void WriteChunk(MemoryStream chunks, byte type, ReadOnlySpan<byte> data)
    {
        var crc = new Crc32();
        crc.Append([type]);
        crc.Append(data);
        Span<byte> header = stackalloc byte[ChunkHeader];
        BinaryPrimitives.WriteUInt32LittleEndian(header, crc.GetCurrentHashAsUInt32());
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], (ushort)data.Length);
        header[6] = type;
        chunks.Write(header);
        chunks.Write(data);
    }
}
