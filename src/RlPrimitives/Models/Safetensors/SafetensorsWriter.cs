using System.Buffers.Binary;
using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>Writes safetensors files in the byte layout of the format's own library.</summary>
internal static class SafetensorsWriter
{
    private const long ChunkBytes = 64 << 20;
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private static readonly Dictionary<string, string> PyTorch = new() { ["format"] = "pt" };

    /// <param name="path">Where to.</param>
    /// <param name="tensors">Names and tensors.</param>
    /// <param name="metadata">Null for <c>format</c> = <c>pt</c>.</param>
    /// <param name="floatType">Floating-point tensors are converted to this type, one at a time; null keeps them.</param>
    public static void Write(
        string path, IEnumerable<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata, ScalarType? floatType)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        var items = tensors.Select(t => Item.Of(t.Name, t.Tensor, floatType)).ToList();
        items.Sort();
        if (items.GroupBy(i => i.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new ArgumentException($"The tensor '{twice.Key}' is given {twice.Count()} times.", nameof(tensors));
        }

        var header = Header(items, metadata ?? PyTorch);
        AtomicFile.Write(path, stream =>
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach (var item in items)
            {
                WriteTensor(stream, item);
            }
        });
    }

    private static void WriteTensor(Stream stream, Item item)
    {
        using var grad = no_grad();
        using var scope = NewDisposeScope();
        var flat = item.Tensor.detach().to(item.Type).cpu().contiguous().view(-1);
        var chunk = ChunkBytes / SafetensorsType.SizeOf(item.Type);
        for (var begin = 0L; begin < item.Elements; begin += chunk)
        {
            using var part = flat.narrow(0, begin, Math.Min(chunk, item.Elements - begin));
            stream.Write(part.bytes);
        }
    }

    private static byte[] Header(List<Item> items, IReadOnlyDictionary<string, string> metadata)
    {
        var json = new StringBuilder("{");
        if (metadata.Count > 0)
        {
            json.Append("\"__metadata__\":{");
            json.AppendJoin(',', metadata.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => $"{JsonText.Quote(m.Key)}:{JsonText.Quote(m.Value)}"));
            json.Append(items.Count > 0 ? "}," : "}");
        }

        var at = 0L;
        json.AppendJoin(',', items.Select(item =>
        {
            var begin = at;
            at += item.Elements * SafetensorsType.SizeOf(item.Type);
            var (type, shape) = (SafetensorsType.NameOf(item.Type), string.Join(',', item.Shape));
            return $"{JsonText.Quote(item.Name)}:{{\"dtype\":\"{type}\",\"shape\":[{shape}],\"data_offsets\":[{begin},{at}]}}";
        }));
        json.Append('}');
        var bytes = Utf8.GetBytes(json.ToString());
        var padded = new byte[(bytes.Length + 7) / 8 * 8]; // tensors begin at a multiple of 8
        bytes.CopyTo(padded, 0);
        padded.AsSpan(bytes.Length).Fill((byte)' ');
        return padded.Length <= SafetensorsHeader.LargestHeader
            ? padded
            : throw new ArgumentException($"The header would take {padded.Length} bytes; allowed are {SafetensorsHeader.LargestHeader}.");
    }

    private sealed record Item(string Name, byte[] Utf8Name, Tensor Tensor, ScalarType Type, long[] Shape, long Elements) : IComparable<Item>
    {
        public static Item Of(string name, Tensor tensor, ScalarType? floatType)
        {
            ArgumentNullException.ThrowIfNull(name);
            ArgumentNullException.ThrowIfNull(tensor);
            byte[] utf8;
            try
            {
                utf8 = Utf8.GetBytes(name);
            }
            catch (EncoderFallbackException e)
            {
                throw new ArgumentException($"The tensor name '{name}' is no valid Unicode.", nameof(name), e);
            }

            if (name == "__metadata__")
            {
                throw new ArgumentException("The name '__metadata__' is reserved by the safetensors format.", nameof(name));
            }

            var type = floatType is { } wanted && tensor.is_floating_point() ? wanted : tensor.dtype;
            if (tensor.is_sparse || SafetensorsType.NameOf(type) is null)
            {
                throw new NotSupportedException(
                    $"The tensor '{name}' is {(tensor.is_sparse ? "sparse" : $"of type {type}")}; supported are dense {SafetensorsType.Names}.");
            }

            return new Item(name, utf8, tensor, type, tensor.shape, tensor.numel());
        }

        public int CompareTo(Item? other) =>
            other is null ? 1
            : SafetensorsType.Rank(Type) != SafetensorsType.Rank(other.Type) ? SafetensorsType.Rank(Type).CompareTo(SafetensorsType.Rank(other.Type))
            : Utf8Name.AsSpan().SequenceCompareTo(other.Utf8Name);
    }
}
