using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>What the header of a safetensors file says about one tensor.</summary>
/// <param name="Name">The tensor's name, unique in the file.</param>
/// <param name="Type">Element type as stored.</param>
/// <param name="Shape">Dimensions; empty for a single number.</param>
/// <param name="Offset">First byte, counted from the beginning of the file.</param>
/// <param name="Length">Number of bytes: elements × element size.</param>
public sealed record SafetensorsEntry(string Name, ScalarType Type, long[] Shape, long Offset, long Length);
