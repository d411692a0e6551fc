using System.Diagnostics;
using System.IO.Compression;
using System.Xml.Linq;
using RlNotebooks.Engine.Directives;
using RlNotebooks.Engine.Packages;

namespace RlNotebooks.Tests;

/// <summary>What <c>dotnet pack</c> gives.</summary>
public sealed class PackageTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("rl-pack-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void The_packages_name_no_machine_and_set_a_notebook_up()
    {
        foreach (var project in new[] { "RlPrimitives", "RlPrimitives.Notebooks" })
        {
            Pack(project);
            using var package = ZipFile.OpenRead(Directory.EnumerateFiles(folder, $"{project}.?.*.nupkg").Single());
            Assert.NotNull(package.GetEntry($"lib/net10.0/{project}.xml"));
            using var spec = package.GetEntry($"{project}.nuspec")!.Open();
            var dependencies = XDocument.Load(spec).Descendants().Where(e => e.Name.LocalName == "dependency").Select(e => e.Attribute("id")!.Value).ToArray();
            Assert.Contains("TorchSharp", dependencies);
            Assert.DoesNotContain(dependencies, d => d.StartsWith("libtorch", StringComparison.Ordinal) || d.StartsWith("TorchSharp-", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task The_extension_brings_the_namespaces_of_the_bootstrap_cell()
    {
        Pack("RlPrimitives.Notebooks");
        using var package = ZipFile.OpenRead(Directory.EnumerateFiles(folder, "*.nupkg").Single());
        using var reader = new StreamReader(package.GetEntry(DibFile.ExtensionPath)!.Open());
        var setUp = Assert.Single(DibFile.CodeCells(await reader.ReadToEndAsync(), "extension.dib", 1));
        using var work = new Workspace();
        var report = await work.RunAsync(
            $"#r \"{typeof(RlPrimitives.Notebooks.Show).Assembly.Location.Replace('\\', '/')}\"\n{setUp}",
            "(nameof(Show), nameof(InferenceModule), nameof(RolloutManager), nameof(GrpoAlgorithm), nameof(RewardComputer), nameof(BackpropModule), nameof(TrackingConfig))");
        Assert.Null(report.Failure);
    }

    private void Pack(string project)
    {
        var configuration = AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ? "Release" : "Debug";
        using var process = Process.Start(new ProcessStartInfo(PackageRestore.DotNet,
            ["pack", Repository.Path("src", project), "--no-build", "--configuration", configuration, "--output", folder, "--nologo"]) { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output);
    }
}
