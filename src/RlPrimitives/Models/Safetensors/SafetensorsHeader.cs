using System.Buffers.Binary;
using System.Text.Json;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>Reads and checks the header of a safetensors file; allocates no more than the header's own size.</summary>
/// <remarks>Layout: 8 bytes little-endian N, N bytes of JSON beginning with '{', then the tensors without gaps or overlaps.</remarks>
internal static class SafetensorsHeader
{
    /// <summary>Bound of the format's own library on the header.</summary>
    public const long LargestHeader = 100_000_000;

    private const string MetadataKey = "__metadata__";
    private const int MostDimensions = 64; // libtorch's limit for element-wise operations

    public static (Dictionary<string, SafetensorsEntry> Entries, Dictionary<string, string> Metadata) Read(string path, Stream stream)
    {
        var fileLength = stream.Length;
        if (fileLength < 8)
        {
            throw new InvalidDataException(
                $"{path}: expected at least 8 bytes (the header's length), found {fileLength}: not a safetensors file, or cut off.");
        }

        Span<byte> prefix = stackalloc byte[8];
        stream.ReadExactly(prefix);
        var claimed = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (claimed > LargestHeader)
        {
            throw new InvalidDataException(
                $"{path}: expected a header of at most {LargestHeader} bytes, found a length of {claimed}: not a safetensors file?");
        }

        if ((long)claimed > fileLength - 8)
        {
            throw new InvalidDataException(
                $"{path}: expected a header of {claimed} bytes, found {fileLength - 8} bytes after its length: the file is cut off.");
        }

        var json = new byte[claimed];
        stream.ReadExactly(json);
        if (json.Length == 0 || json[0] != (byte)'{')
        {
            throw new InvalidDataException(
                $"{path}: expected a header that begins with '{{', found {(json.Length == 0 ? "nothing" : $"byte 0x{json[0]:x2}")}.");
        }

        using var document = JsonFile.Parse(path, json);
        var dataStart = 8 + (long)claimed;
        var entries = new Dictionary<string, SafetensorsEntry>(StringComparer.Ordinal);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var property in document.RootElement.EnumerateObject())
        {
            if (property.Name == MetadataKey)
            {
                ReadMetadata(path, property.Value, metadata);
            }
            else
            {
                entries.Add(property.Name, ReadEntry(path, property.Name, property.Value, dataStart, fileLength));
            }
        }

        CheckLayout(path, entries.Values, dataStart, fileLength);
        return (entries, metadata);
    }

    private static void ReadMetadata(string path, JsonElement element, Dictionary<string, string> metadata)
    {
        if (element.ValueKind == JsonValueKind.Null)
        {
            return;
        }

        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidDataException($"{path}: {MetadataKey}: expected an object of strings, found {JsonFile.Show(element)}.");
        }

        foreach (var item in element.EnumerateObject())
        {
            metadata.Add(item.Name, item.Value.ValueKind == JsonValueKind.String && JsonFile.TextOf(item.Value) is { } text
                ? text
                : throw new InvalidDataException($"{path}: {MetadataKey}: '{item.Name}': expected a string, found {JsonFile.Show(item.Value)}."));
        }
    }

    private static SafetensorsEntry ReadEntry(string path, string name, JsonElement element, long dataStart, long fileLength)
    {
        InvalidDataException Fault(string expected, string found) => new($"{path}: tensor '{name}': expected {expected}, found {found}.");

        if (element.ValueKind != JsonValueKind.Object)
        {
            throw Fault("an object with dtype, shape and data_offsets", JsonFile.Show(element));
        }

        JsonElement Member(string key, JsonValueKind kind, string expected) =>
            !element.TryGetProperty(key, out var value) ? throw Fault($"{key}, {expected}", "none")
            : value.ValueKind != kind ? throw Fault($"{key} to be {expected}", JsonFile.Show(value))
            : value;

        var dtype = JsonFile.TextOf(Member("dtype", JsonValueKind.String, "a string")) ?? throw Fault("dtype to be valid Unicode", "half of a surrogate pair");
        var dimensions = Member("shape", JsonValueKind.Array, "an array of integers");
        var offsets = Member("data_offsets", JsonValueKind.Array, "an array of two integers");
        var type = SafetensorsType.Find(dtype)
            ?? throw new NotSupportedException($"{path}: tensor '{name}': dtype '{dtype}' is not supported; supported are {SafetensorsType.Names}.");

        var rank = dimensions.GetArrayLength();
        if (rank > MostDimensions)
        {
            throw Fault($"at most {MostDimensions} dimensions", $"{rank}");
        }

        var shape = new long[rank];
        for (var d = 0; d < rank; d++)
        {
            if (!dimensions[d].IsInteger(out shape[d]) || shape[d] < 0)
            {
                throw Fault($"shape[{d}] to be an integer from 0 to {long.MaxValue}", JsonFile.Show(dimensions[d]));
            }
        }

        if (offsets.GetArrayLength() != 2)
        {
            throw Fault("data_offsets to be two integers", JsonFile.Show(offsets));
        }

        if (!offsets[0].IsInteger(out var begin) || !offsets[1].IsInteger(out var end) || begin < 0 || end < 0)
        {
            throw Fault("data_offsets to be integers of at least 0", JsonFile.Show(offsets));
        }

        if (begin > end)
        {
            throw Fault("data_offsets with begin ≤ end", $"[{begin}, {end}]");
        }

        if (end > fileLength - dataStart)
        {
            throw Fault($"data_offsets within the {fileLength - dataStart} bytes after the header", $"[{begin}, {end}]: the file is cut off or damaged");
        }

        var bytes = Bytes(shape, SafetensorsType.SizeOf(type)) ?? throw Fault("a size of less than 2^63 bytes", $"{dtype} of shape {Show(shape)}");
        return bytes == end - begin
            ? new SafetensorsEntry(name, type, shape, dataStart + begin, bytes)
            : throw Fault($"{bytes} bytes for {dtype} of shape {Show(shape)}", $"{end - begin} bytes at [{begin}, {end}]");
    }

    // The format allows neither holes nor overlaps nor trailing bytes: nothing can hide in a file, and a damaged header shows.
    private static void CheckLayout(string path, IEnumerable<SafetensorsEntry> entries, long dataStart, long fileLength)
    {
        var at = dataStart;
        var previous = "the header";
        foreach (var entry in entries.OrderBy(e => e.Offset).ThenBy(e => e.Length))
        {
            if (entry.Offset != at)
            {
                throw new InvalidDataException($"{path}: tensor '{entry.Name}': expected to begin at data offset {at - dataStart}, where {previous} ends, " +
                    $"found {entry.Offset - dataStart}: {(entry.Offset > at ? $"a hole of {entry.Offset - at} bytes" : "the two overlap")}.");
            }

            at += entry.Length;
            previous = $"'{entry.Name}'";
        }

        if (at != fileLength)
        {
            throw new InvalidDataException($"{path}: expected the file to end where {previous} ends, at byte {at}, found {fileLength - at} more bytes.");
        }
    }

    private static bool IsInteger(this JsonElement element, out long value)
    {
        value = 0;
        return element.ValueKind == JsonValueKind.Number && element.TryGetInt64(out value);
    }

    /// <summary>Elements × size; null where it, or the stride of an empty tensor, overflows.</summary>
    private static long? Bytes(long[] shape, int size)
    {
        var strides = (UInt128)size;
        foreach (var dimension in shape)
        {
            strides *= (UInt128)Math.Max(dimension, 1);
            if (strides > long.MaxValue)
            {
                return null;
            }
        }

        return shape.Contains(0) ? 0 : (long)strides;
    }

    private static string Show(long[] shape) => $"[{string.Join(", ", shape)}]";
}
