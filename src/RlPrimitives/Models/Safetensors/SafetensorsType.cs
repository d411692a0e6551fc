using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>The element types of the safetensors format that libtorch has too.</summary>
internal static class SafetensorsType
{
    // In the order in which the format's own library lays them out: most strictly aligned first, so that every offset is aligned.
    private static readonly (string Name, ScalarType Type, int Size)[] Known =
    [
        ("I64", ScalarType.Int64, 8), ("F64", ScalarType.Float64, 8), ("F32", ScalarType.Float32, 4), ("I32", ScalarType.Int32, 4),
        ("BF16", ScalarType.BFloat16, 2), ("F16", ScalarType.Float16, 2), ("I16", ScalarType.Int16, 2),
        ("I8", ScalarType.Int8, 1), ("U8", ScalarType.Byte, 1), ("BOOL", ScalarType.Bool, 1),
    ];

    /// <summary>All names, for messages.</summary>
    public static string Names { get; } = string.Join(", ", Known.Select(k => k.Name));

    public static ScalarType? Find(string name) => Array.FindIndex(Known, k => k.Name == name) is >= 0 and var i ? Known[i].Type : null;

    public static string? NameOf(ScalarType type) => Rank(type) is >= 0 and var i ? Known[i].Name : null;

    public static int SizeOf(ScalarType type) => Known[Rank(type)].Size;

    /// <summary>Position in the layout order; −1 where the format has no such type.</summary>
    public static int Rank(ScalarType type) => Array.FindIndex(Known, k => k.Type == type);
}
