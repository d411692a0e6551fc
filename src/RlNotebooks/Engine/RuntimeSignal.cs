using System.Runtime.InteropServices;

namespace RlNotebooks.Engine;

/// <summary>
/// The signal with which the runtime stops a thread for a garbage collection or an interrupt. A program started by one that blocks it (some service
/// managers and build servers do) inherits the block; then a cell's endless loop could not be interrupted, and the next collection would wait
/// for it for ever. The mask belongs to a thread and is inherited by the threads and programs it starts. A thread that was interrupted keeps the block as
/// well: the exception left the signal's handler, which blocks it, on another way than the handler's end.
/// </summary>
internal static partial class RuntimeSignal
{
    // SIG_UNBLOCK on Linux; a signal set has 1,024 bits there.
    private const int Unblock = 1;
    private const int SetBytes = 128;

    /// <summary>Lets the signal reach the calling thread and those that it starts from now on.</summary>
    public static void Allow()
    {
        if (OperatingSystem.IsLinux())
        {
            Change(Unblock);
        }
    }

    /// <summary>What <c>pthread_sigmask</c> calls <paramref name="how"/>, for this signal and this thread.</summary>
    internal static unsafe void Change(int how)
    {
        var signal = FirstRealTimeSignal() - 1;
        var set = stackalloc byte[SetBytes];
        new Span<byte>(set, SetBytes).Clear();
        set[signal / 8] = (byte)(1 << (signal % 8));
        if (ChangeMask(how, set, null) is not 0 and var error)
        {
            throw new InvalidOperationException($"pthread_sigmask failed with error {error}.");
        }
    }

    [LibraryImport("libc", EntryPoint = "__libc_current_sigrtmin")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int FirstRealTimeSignal();

    [LibraryImport("libc", EntryPoint = "pthread_sigmask")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static unsafe partial int ChangeMask(int how, byte* set, byte* before);
}
