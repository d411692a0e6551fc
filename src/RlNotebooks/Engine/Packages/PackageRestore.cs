using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security;
using System.Security.Cryptography;
using System.Text;
using RlNotebooks.Engine.Directives;

namespace RlNotebooks.Engine.Packages;

/// <summary>
/// Lets the SDK restore packages, so that sources, credentials and the cache are those of every other .NET project. One small project per set of
/// packages, kept, so that the same set is found at once the next time.
/// </summary>
internal static class PackageRestore
{
    // Its own project file says all; nothing from folders above may change it.
    private static readonly string[] Barriers = ["Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props"];

    /// <summary>This machine's kind in NuGet's words, for example <c>linux-x64</c>.</summary>
    public static string RuntimeIdentifier { get; } =
        $"{(OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux")}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";

    /// <summary>Restores a set of packages.</summary>
    /// <param name="packages">All of the session.</param>
    /// <param name="sources">Besides the configured ones.</param>
    /// <param name="folder">Of the notebook: its <c>nuget.config</c> counts, and relative sources are relative to it.</param>
    /// <param name="cancellation">Ends the restore.</param>
    /// <exception cref="PackageException">It could not be done; says why.</exception>
    public static PackageAssets Run(IReadOnlyList<PackageDirective> packages, IReadOnlyList<string> sources, string folder, CancellationToken cancellation)
    {
        var project = Project(packages, sources.Select(s => Source(s, folder)));
        var config = Above(folder).Select(f => Directory.EnumerateFiles(f).FirstOrDefault(n => Path.GetFileName(n).Equals("nuget.config", StringComparison.OrdinalIgnoreCase))).FirstOrDefault(f => f is not null);
        var home = Path.Combine(CacheFolder(), Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{project}\n{config}")))[..16]);
        var assets = Path.Combine(home, "obj", "project.assets.json");
        if (Restored(assets) is { } known && packages.All(p => !p.Version.Contains('*', StringComparison.Ordinal)))
        {
            return known;
        }

        Directory.CreateDirectory(home);
        foreach (var barrier in Barriers)
        {
            File.WriteAllText(Path.Combine(home, barrier), "<Project />");
        }

        File.WriteAllText(Path.Combine(home, "packages.csproj"), project);
        Restore(home, config, cancellation);
        return PackageAssets.Read(assets, RuntimeIdentifier);
    }

    /// <summary>The <c>dotnet</c> that runs this process.</summary>
    public static string DotNet { get; } = new[]
    {
        Environment.GetEnvironmentVariable("DOTNET_HOST_PATH"),
        Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet")),
    }.FirstOrDefault(File.Exists) ?? "dotnet";

    private static PackageAssets? Restored(string assets)
    {
        try
        {
            return File.Exists(assets) ? PackageAssets.Read(assets, RuntimeIdentifier) : null;
        }
        catch (Exception e) when (e is FileNotFoundException or System.Text.Json.JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return null; // The cache was cleared, or an earlier restore was cut off: it is done again.
        }
    }

    private static void Restore(string home, string? config, CancellationToken cancellation)
    {
        string[] arguments = ["restore", "packages.csproj", "--nologo", "--verbosity", "quiet", .. config is null ? Array.Empty<string>() : ["--configfile", config]];
        var start = new ProcessStartInfo(DotNet, arguments) { WorkingDirectory = home, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        start.Environment["DOTNET_NOLOGO"] = "1";
        using var process = Start(start);
        process.StandardInput.Close();
        using var stopping = cancellation.Register(() => process.Kill(entireProcessTree: true));
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        cancellation.ThrowIfCancellationRequested();
        if (process.ExitCode != 0)
        {
            var lines = $"{output}\n{errors.GetAwaiter().GetResult()}".Split('\n').Select(l => Message(l.Trim())).Where(l => l.Length > 0).Distinct();
            throw new PackageException(string.Join('\n', lines));
        }
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new PackageException($"#r \"nuget: …\" needs the .NET SDK: {start.FileName} could not be started ({e.Message}).");
        }
    }

    // "/cache/packages.csproj : error NU1101: Unable to find …" → from the code on.
    private static string Message(string line)
    {
        var at = line.IndexOf(": error ", StringComparison.Ordinal);
        return at < 0 ? line : line[(at + 2)..].Replace(" [", "\n[", StringComparison.Ordinal).Split('\n')[0];
    }

    private static string Project(IEnumerable<PackageDirective> packages, IEnumerable<string> sources) => $"""
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <TargetFramework>net{Environment.Version.Major}.0</TargetFramework>
            <RuntimeIdentifier>{RuntimeIdentifier}</RuntimeIdentifier>
            <SelfContained>false</SelfContained>
            <UseAppHost>false</UseAppHost>
            <DisableImplicitNuGetFallbackFolder>true</DisableImplicitNuGetFallbackFolder>
            <NuGetAudit>false</NuGetAudit>
            <RestoreAdditionalProjectSources>{SecurityElement.Escape(string.Join(';', sources))}</RestoreAdditionalProjectSources>
          </PropertyGroup>
          <ItemGroup>
        {string.Join('\n', packages.Select(p => $"    <PackageReference Include=\"{SecurityElement.Escape(p.Id)}\" Version=\"{SecurityElement.Escape(p.Version)}\" />"))}
          </ItemGroup>
        </Project>
        """;

    private static string Source(string source, string folder) => source.Contains("://", StringComparison.Ordinal) ? source : Path.GetFullPath(source, folder);

    private static IEnumerable<string> Above(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is { Exists: true }; at = at.Parent)
        {
            yield return at.FullName;
        }
    }

    private static string CacheFolder() => Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify) is { Length: > 0 } data ? data : Path.GetTempPath(),
        "rlnotebooks", "packages");
}

/// <summary>Packages that could not be had.</summary>
internal sealed class PackageException(string message) : Exception(message);
