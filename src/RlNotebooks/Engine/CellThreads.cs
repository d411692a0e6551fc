using System.Runtime.ExceptionServices;

namespace RlNotebooks.Engine;

/// <summary>Threads that cells start: an exception that ends one of them must not end the process with everybody's variables.</summary>
internal static class CellThreads
{
    private static readonly Lazy<bool> Installed = new(Install);

    /// <summary>From now on such an exception is shown in the cell it came from.</summary>
    public static void SurviveTheirExceptions() => _ = Installed.Value;

    private static bool Install()
    {
        ExceptionHandling.SetUnhandledExceptionHandler(Handle);
        return true;
    }

    private static bool Handle(Exception exception)
    {
        // A timer's or the pool's thread has left its cell's flow before anybody is asked.
        if ((CellContext.Current ?? CellContext.Latest) is not { } cell)
        {
            return false;
        }

        cell.ShowLostException(exception);
        return true;
    }
}
