using System.Text;
using Google.Protobuf;

namespace RlPrimitives.Tests.Tracking;

/// <summary>Fields of a protobuf message, read by Google.Protobuf's own decoder.</summary>
internal sealed class ProtoFields
{
    private readonly List<(int Field, object Value)> fields = [];

    public ProtoFields(byte[] message)
    {
        var input = new CodedInputStream(message);
        while (input.ReadTag() is var tag && tag != 0)
        {
            fields.Add((WireFormat.GetTagFieldNumber(tag), WireFormat.GetTagWireType(tag) switch
            {
                WireFormat.WireType.Varint => input.ReadInt64(),
                WireFormat.WireType.Fixed64 => input.ReadDouble(),
                WireFormat.WireType.Fixed32 => input.ReadFloat(),
                WireFormat.WireType.LengthDelimited => input.ReadBytes().ToByteArray(),
                var other => throw new InvalidDataException($"wire type {other}"),
            }));
        }
    }

    public bool Has(int field) => fields.Any(f => f.Field == field);

    public long Integer(int field) => (long)One(field);

    public double Real(int field) => (double)One(field);

    public float Single(int field) => (float)One(field);

    public string Text(int field) => Encoding.UTF8.GetString((byte[])One(field));

    public ProtoFields Message(int field) => new((byte[])One(field));

    public double[] Reals(int field) => [.. ((byte[])One(field)).Chunk(8).Select(b => BitConverter.ToDouble(b))];

    public IEnumerable<ProtoFields> Messages(int field) => All(field).Select(b => new ProtoFields(b));

    public IEnumerable<string> Texts(int field) => All(field).Select(Encoding.UTF8.GetString);

    /// <summary>Repeated { key 1, value_json 16 }.</summary>
    public Dictionary<string, string> Items(int field) => Messages(field).ToDictionary(m => m.Text(1), m => m.Text(16));

    private IEnumerable<byte[]> All(int field) => fields.Where(f => f.Field == field).Select(f => (byte[])f.Value);

    private object One(int field) => Assert.Single(fields, f => f.Field == field).Value;
}
