using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace RlPrimitives.Models.Native;

/// <summary>Runs managed loops on the OpenMP threads that libtorch itself computes with.</summary>
/// <remarks>
/// Between two operations those threads spin for a while, so that starting them costs a microsecond or two. A thread pool's would have to be woken, and would
/// then share the cores with the spinning ones. Where libtorch was built with another runtime than GNU's (or compatible), loops run on the calling thread.
/// </remarks>
internal static unsafe partial class ComputeTeam
{
    private static readonly delegate* unmanaged[Cdecl]<delegate* unmanaged[Cdecl]<IntPtr, void>, IntPtr, uint, uint, void> Parallel = Find();

    /// <summary>Whether several threads can be had.</summary>
    public static bool Exists => Parallel is not null;

    /// <summary>
    /// Runs <paramref name="body"/> for 0 … <paramref name="count"/>−1, each once, in any order and on any thread, and returns when all are done. Call it from a thread that
    /// computes with libtorch. What the body throws is thrown here, after all have ended.
    /// </summary>
    /// <param name="count">How many.</param>
    /// <param name="threads">Threads to take part, the caller included: 1, or as many as libtorch uses.</param>
    /// <param name="body">Must not call libtorch: that would ask for a team of its own.</param>
    public static void For(int count, int threads, Action<int> body)
    {
        var work = new Work(count, body);
        if (count > 1 && threads > 1 && Exists)
        {
            var handle = GCHandle.Alloc(work);
            // All of them, however few the work needs: the runtime ends the threads that a smaller team leaves out, and makes them anew for the next.
            Parallel(&Enter, GCHandle.ToIntPtr(handle), (uint)threads, 0);
            handle.Free();
        }
        else
        {
            work.Run();
        }

        work.ThrowIfFailed();
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Enter(IntPtr work) => ((Work)GCHandle.FromIntPtr(work).Target!).Run();

    // The runtime that is loaded already: another copy would bring threads of its own.
    private static delegate* unmanaged[Cdecl]<delegate* unmanaged[Cdecl]<IntPtr, void>, IntPtr, uint, uint, void> Find()
    {
        TorchLibrary.EnsureLoaded();
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        var paths = File.ReadLines("/proc/self/maps").Select(line => line.IndexOf('/') is >= 0 and var at ? line[at..] : "").Where(IsOpenMp).Distinct().ToArray();
        // Two may be there, the system's and libtorch's own, which lies beside it or carries a hash in its name.
        foreach (var path in paths.OrderByDescending(p => Path.GetFileName(p).StartsWith("libgomp-", StringComparison.Ordinal)))
        {
            if (NativeLibrary.TryLoad(path, out var library) && NativeLibrary.TryGetExport(library, "GOMP_parallel", out var address))
            {
                return (delegate* unmanaged[Cdecl]<delegate* unmanaged[Cdecl]<IntPtr, void>, IntPtr, uint, uint, void>)address;
            }
        }

        return null;

        static bool IsOpenMp(string path) => Path.GetFileName(path) is var name
            && (name.StartsWith("libgomp", StringComparison.Ordinal) || name.StartsWith("libiomp5", StringComparison.Ordinal) || name.StartsWith("libomp", StringComparison.Ordinal));
    }

    private sealed class Work(int count, Action<int> body)
    {
        private int next = -1;
        private Exception? error;

        public void Run()
        {
            // Nothing may be thrown into native code.
            try
            {
                for (var i = Interlocked.Increment(ref next); i < count; i = Interlocked.Increment(ref next))
                {
                    body(i);
                }
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref error, e, null);
            }
        }

        public void ThrowIfFailed()
        {
            if (error is not null)
            {
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(error);
            }
        }
    }
}
