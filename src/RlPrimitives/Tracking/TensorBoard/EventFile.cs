using System.Buffers.Binary;
using System.Numerics;

namespace RlPrimitives.Tracking;

/// <summary>
/// A TensorBoard event file: TFRecords of <c>Event</c> messages. A record is the length (uint64), its masked CRC-32C, the message and its masked CRC-32C, all little-endian;
/// the mask is rotate right by 15 and add 0xa282ead8.
/// </summary>
internal sealed class EventFile(string path) : IDisposable
{
    private readonly AppendedFile file = new(path);

    public void Append(ProtoMessage message)
    {
        var data = message.ToArray();
        var record = new byte[data.Length + 16];
        BinaryPrimitives.WriteInt64LittleEndian(record, data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(8), MaskedCrc(record.AsSpan(0, 8)));
        data.CopyTo(record, 12);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(12 + data.Length), MaskedCrc(data));
        file.Append(record);
    }

    public void Dispose() => file.Dispose();

    internal static uint MaskedCrc(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        for (; data.Length >= 8; data = data[8..])
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
        }

        foreach (var value in data)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return BitOperations.RotateRight(~crc, 15) + 0xa282ead8;
    }
}
