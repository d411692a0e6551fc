using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace RlPrimitives.Tracking;

/// <summary>
/// A protobuf message written field by field (the wire format: tag = field·8 + type, then varint, eight bytes, four bytes, or length and bytes). The handful of messages needed here
/// is smaller than a generator's build step; tests read them with Google.Protobuf.
/// </summary>
internal sealed class ProtoMessage
{
    private const int Varint = 0;
    private const int Fixed64 = 1;
    private const int LengthDelimited = 2;
    private const int Fixed32 = 5;

    private readonly ArrayBufferWriter<byte> bytes = new();

    public ProtoMessage Integer(int field, long value)
    {
        Tag(field, Varint);
        Number((ulong)value);
        return this;
    }

    public ProtoMessage Real(int field, double value)
    {
        Tag(field, Fixed64);
        BinaryPrimitives.WriteDoubleLittleEndian(bytes.GetSpan(sizeof(double)), value);
        bytes.Advance(sizeof(double));
        return this;
    }

    public ProtoMessage Single(int field, float value)
    {
        Tag(field, Fixed32);
        BinaryPrimitives.WriteSingleLittleEndian(bytes.GetSpan(sizeof(float)), value);
        bytes.Advance(sizeof(float));
        return this;
    }

    public ProtoMessage Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    public ProtoMessage Message(int field, ProtoMessage value) => Bytes(field, value.bytes.WrittenSpan);

    public ProtoMessage Bytes(int field, ReadOnlySpan<byte> value)
    {
        Tag(field, LengthDelimited);
        Number((ulong)value.Length);
        bytes.Write(value);
        return this;
    }

    /// <summary>A packed repeated field.</summary>
    public ProtoMessage Reals(int field, double[] values)
    {
        Tag(field, LengthDelimited);
        Number((ulong)values.Length * sizeof(double));
        foreach (var value in values)
        {
            BinaryPrimitives.WriteDoubleLittleEndian(bytes.GetSpan(sizeof(double)), value);
            bytes.Advance(sizeof(double));
        }

        return this;
    }

    public byte[] ToArray() => bytes.WrittenSpan.ToArray();

    private void Tag(int field, int type) => Number(((ulong)field << 3) | (uint)type);

    private void Number(ulong value)
    {
        var span = bytes.GetSpan(10);
        var length = 0;
        for (; value >= 0x80; value >>= 7)
        {
            span[length++] = (byte)(value | 0x80);
        }

        span[length++] = (byte)value;
        bytes.Advance(length);
    }
}
