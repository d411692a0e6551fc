using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace RlNotebooks.Kernel;

/// <summary>The client that started the kernel: when it is gone, nobody can reach the kernel any more, and it has to end.</summary>
internal static partial class ParentProcess
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Calls back once when the parent has ended.</summary>
    public static void OnEnd(Action ended)
    {
        if (OperatingSystem.IsWindows())
        {
            OnWindowsEnd(ended);
            return;
        }

        var parent = ParentId();
        if (parent > 1)
        {
            Start(() =>
            {
                // An orphan is given another parent.
                while (ParentId() == parent)
                {
                    Thread.Sleep(Interval);
                }

                ended();
            });
        }
    }

    // A client hands its own process handle down in this variable.
    private static void OnWindowsEnd(Action ended)
    {
        if (nint.TryParse(Environment.GetEnvironmentVariable("JPY_PARENT_PID"), CultureInfo.InvariantCulture, out var handle) && handle > 0)
        {
            Start(() =>
            {
                using var parent = new ManualResetEvent(false) { SafeWaitHandle = new SafeWaitHandle(handle, ownsHandle: false) };
                parent.WaitOne();
                ended();
            });
        }
    }

    private static void Start(ThreadStart watch) => new Thread(watch) { IsBackground = true, Name = "parent process" }.Start();

    [LibraryImport("libc", EntryPoint = "getppid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ParentId();
}
