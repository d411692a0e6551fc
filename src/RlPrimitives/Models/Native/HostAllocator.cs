using System.Runtime.InteropServices;

namespace RlPrimitives.Models.Native;

/// <summary>The C library's allocator, which the tensors on the processor come from.</summary>
internal static partial class HostAllocator
{
    // malloc.h
    private const int TrimThreshold = -1;
    private const int TopPad = -2;
    private const int MapThreshold = -3;

    private const int Kept = 1 << 30;
    private const int LargestKept = 32 << 20; // the most that glibc allows
    private const int WholeHeap = 128 << 20; // twice what a thread's heap may be: it is never given back for being empty

    /// <summary>Lets freed memory, up to a gigabyte, wait for the next tensor instead of going back to the system; tensors above 32 MB go back as before.</summary>
    /// <remarks>
    /// glibc gives back whatever lies free at the end of a step, and the next step touches it anew: ten thousand page faults, 1–3 % of a training step of a
    /// small model. Settings by the environment (<c>MALLOC_…_</c>, <c>GLIBC_TUNABLES</c>) stand, and other C libraries are left alone.
    /// </remarks>
    public static void KeepFreedMemory()
    {
        if (!OperatingSystem.IsLinux() || IsSetByUser())
        {
            return;
        }

        try
        {
            _ = Set(MapThreshold, LargestKept);
            _ = Set(TrimThreshold, Kept);
            _ = Set(TopPad, WholeHeap);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Not glibc.
        }
    }

    /// <summary>Whether the environment says how the allocator is to behave.</summary>
    public static bool IsSetByUser() => Environment.GetEnvironmentVariables().Keys.Cast<string>().Any(
        name => name == "GLIBC_TUNABLES" || (name.StartsWith("MALLOC_", StringComparison.Ordinal) && name.EndsWith('_')));

    [LibraryImport("libc.so.6", EntryPoint = "mallopt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Set(int parameter, int value);
}
