using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>
/// Refuses what the machine's memory cannot hold before any of it is taken: once memory is gone the system may end the process. A device of its own says so itself, by an
/// exception, when it is asked for too much.
/// </summary>
internal static class MemoryPlan
{
    /// <summary>Refuses a plan.</summary>
    /// <param name="bytes">What it would take.</param>
    /// <param name="device">Where.</param>
    /// <param name="what">Its name in the message.</param>
    /// <param name="remedy">What would take less.</param>
    /// <exception cref="InsufficientMemoryException">It takes more than there is; the message has both numbers and the remedy.</exception>
    public static void Check(long bytes, Device device, string what, string remedy)
    {
        if (device.type == DeviceType.CPU && bytes > Available())
        {
            throw new InsufficientMemoryException(string.Create(CultureInfo.InvariantCulture,
                $"{what} would take {bytes / 1e9:0.0} GB of memory; there are {Available() / 1e9:0.0} GB. Nothing was begun: {remedy}."));
        }
    }

    /// <summary>Bytes that can still be had: what the system says it could give, within the limit of a container.</summary>
    public static long Available()
    {
        var most = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        const string meminfo = "/proc/meminfo";
        var line = File.Exists(meminfo) ? File.ReadLines(meminfo).FirstOrDefault(l => l.StartsWith("MemAvailable:", StringComparison.Ordinal)) : null;
        return line?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, var kilobytes, ..] && long.TryParse(kilobytes, NumberStyles.None, CultureInfo.InvariantCulture, out var available)
            ? Math.Min(most, available * 1024) : most;
    }
}
