using RlPrimitives.Models;
using RlPrimitives.Models.Native;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Models.Native;

/// <summary>Freed memory waits for the next tensor.</summary>
[Collection(nameof(Alone))]
public class HostAllocatorTests
{
    [Fact]
    public void A_tensor_takes_the_memory_of_one_that_went()
    {
        if (!OperatingSystem.IsLinux() || HostAllocator.IsSetByUser())
        {
            return;
        }

        const int bytes = 16 << 20;
        var faults = TensorThread.RunOnce(() => Enumerable.Range(0, 6).Select(_ =>
        {
            var before = PageFaults();
            using (zeros(bytes / sizeof(float)))
            using (ones(bytes / sizeof(float)))
            {
            }

            return PageFaults() - before;
        }).Skip(1).Order().ToArray());
        Assert.InRange(faults[faults.Length / 2], 0, bytes / Environment.SystemPageSize / 4); // both anew would be twice that number of pages
    }

    // Minor faults of the whole process (proc(5)).
    private static long PageFaults() => long.Parse(File.ReadAllText("/proc/self/stat").Split(") ")[1].Split(' ')[7], System.Globalization.CultureInfo.InvariantCulture);
}
