using RlPrimitives.Models.Native;

namespace RlPrimitives.Tests.Models.Native;

public class ElfVersionNeedsTests
{
    private const string Version = "GLIBCXX_3.4.32";

    [SkippableFact]
    public void One_flag_of_the_shipped_library_changes_and_nothing_else()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "The version need is a matter of Linux libraries.");
        var original = File.ReadAllBytes(Directory.EnumerateFiles(AppContext.BaseDirectory, "libLibTorchSharp.so", SearchOption.AllDirectories).First());
        var relaxed = original.ToArray();

        Assert.Equal(1, ElfVersionNeeds.Relax(relaxed, Version));

        var changed = Enumerable.Range(0, original.Length).Where(i => original[i] != relaxed[i]).ToArray();
        Assert.Single(changed);
        Assert.Equal(2, relaxed[changed[0]] ^ original[changed[0]]); // VER_FLG_WEAK
    }

    [SkippableFact]
    public void A_version_that_is_not_needed_changes_nothing()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "The version need is a matter of Linux libraries.");
        var library = File.ReadAllBytes(Directory.EnumerateFiles(AppContext.BaseDirectory, "libLibTorchSharp.so", SearchOption.AllDirectories).First());
        Assert.Equal(0, ElfVersionNeeds.Relax(library, "GLIBCXX_9.9.99"));
    }

    [Fact]
    public void Bytes_that_are_no_library_change_nothing()
    {
        var random = new Random(1);
        foreach (var length in new[] { 0, 1, 63, 64, 65, 4096 })
        {
            var bytes = new byte[length];
            random.NextBytes(bytes);
            Assert.Equal(0, ElfVersionNeeds.Relax(bytes, Version));
            if (length >= 64)
            {
                // A header that promises tables which are not there.
                new byte[] { 0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1 }.CopyTo(bytes, 0);
                Assert.Equal(0, ElfVersionNeeds.Relax(bytes, Version));
            }
        }
    }
}
