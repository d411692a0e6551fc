using System.Diagnostics;

namespace RlNotebooks.Tests;

/// <summary>Which libtorch is loaded, in processes of their own: a process loads it once.</summary>
public class NativeLoadingTests
{
    [Fact]
    public async Task The_folder_named_by_the_variable_is_used()
    {
        var folder = Path.GetDirectoryName(Directory.EnumerateFiles(AppContext.BaseDirectory, TorchFileName, SearchOption.AllDirectories).First())!;
        // Another folder with the same library under links, so that only the variable can have led there.
        var elsewhere = Directory.CreateTempSubdirectory("libtorch");
        foreach (var file in Directory.EnumerateFiles(folder, "lib*").Where(f => !Path.GetFileName(f).Contains("LibTorchSharp", StringComparison.Ordinal)))
        {
            File.CreateSymbolicLink(Path.Combine(elsewhere.FullName, Path.GetFileName(file)), file);
        }

        var (code, output, error) = await InfoAsync(elsewhere.FullName);
        Assert.True(code == 0, error);
        Assert.Contains($"from {elsewhere.FullName}", output, StringComparison.Ordinal);
        elsewhere.Delete(recursive: true);
    }

    [Fact]
    public async Task A_named_folder_without_libtorch_gives_one_message_with_the_remedy()
    {
        var empty = Directory.CreateTempSubdirectory("empty");
        var (code, _, error) = await InfoAsync(empty.FullName);
        Assert.NotEqual(0, code);
        Assert.Contains("RLNOTEBOOKS_LIBTORCH", error, StringComparison.Ordinal);
        Assert.Contains(empty.FullName, error, StringComparison.Ordinal);
        Assert.Contains("site-packages", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        empty.Delete();
    }

    private static string TorchFileName => OperatingSystem.IsWindows() ? "torch.dll" : OperatingSystem.IsMacOS() ? "libtorch.dylib" : "libtorch.so";

    private static async Task<(int Code, string Output, string Error)> InfoAsync(string folder)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "RlNotebooks.dll"), "info"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["RLNOTEBOOKS_LIBTORCH"] = folder;
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }
}
