using System.Diagnostics;

namespace RlNotebooks.Kernel;

/// <summary>The end of a kernel's process, also when a cell does not want to end.</summary>
internal static class LastMoments
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>From now on the process has a moment for goodbyes; then it ends, whatever its threads do.</summary>
    public static void Begin() => new Thread(() =>
    {
        Thread.Sleep(Patience);
        Process.GetCurrentProcess().Kill();
    }) { IsBackground = true, Name = "last moments" }.Start();
}
