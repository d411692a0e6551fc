using System.Reflection;
using System.Runtime.InteropServices;

namespace RlPrimitives.Tests.Fuzzing;

/// <summary>
/// Branches of the library that an input takes, where the library was instrumented by the tool <c>sharpfuzz</c>: inputs that take new ones are worth changing further. README.md of
/// this folder says how. Without the instrumentation there is none, and outcomes alone lead.
/// </summary>
internal sealed unsafe class Coverage
{
    private const int Places = 1 << 16;

    private readonly byte* map;
    private readonly byte[] seen = new byte[Places];

    private Coverage(byte* map) => this.map = map;

    /// <summary>Null where the library is not instrumented.</summary>
    public static Coverage? Shared { get; } = Find();

    /// <summary>Before an input.</summary>
    public void Clear() => new Span<byte>(map, Places).Clear();

    /// <summary>Whether the input took a branch that none took before, or took one more often by an order of magnitude.</summary>
    public bool IsNew()
    {
        var found = false;
        for (var i = 0; i < Places; i++)
        {
            if (map[i] != 0)
            {
                var often = (byte)(1 << System.Numerics.BitOperations.Log2(map[i]));
                found |= (seen[i] & often) == 0;
                seen[i] |= often;
            }
        }

        return found;
    }

    // The instrumented library counts into memory that somebody must provide before its first branch.
    private static Coverage? Find()
    {
        if (Type.GetType("SharpFuzz.Common.Trace, SharpFuzz.Common")?.GetField("SharedMem", BindingFlags.Public | BindingFlags.Static) is not { } memory)
        {
            return null;
        }

        var map = (byte*)NativeMemory.AllocZeroed(Places);
        memory.SetValue(null, Pointer.Box(map, typeof(byte*)));
        return new Coverage(map);
    }
}
