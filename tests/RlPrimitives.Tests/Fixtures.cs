using System.Text.Json;

namespace RlPrimitives.Tests;

/// <summary>Recorded numbers of other implementations.</summary>
internal static class Fixtures
{
    /// <summary>Full path of a fixture that travels with the tests.</summary>
    public static string Path(string relative) => System.IO.Path.Combine(AppContext.BaseDirectory, "fixtures", relative);

    /// <summary>The folder of the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Full path of a fixture kept in shared/fixtures beside the repository; null where that is absent.</summary>
    public static string? Shared(string relative)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var path = System.IO.Path.Combine(folder.FullName, "shared", "fixtures", relative);
            if (System.IO.Path.Exists(path))
            {
                return path;
            }
        }

        return null;
    }

    /// <summary>A fixture that travels with the tests, parsed.</summary>
    public static JsonElement Json(string relative) => JsonElement.Parse(File.ReadAllBytes(Path(relative)));

    /// <summary>Numbers, where "NaN", "Infinity" and "-Infinity" are strings.</summary>
    public static float[] Floats(JsonElement array) =>
        [.. array.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.String
            ? float.Parse(e.GetString()!, System.Globalization.CultureInfo.InvariantCulture)
            : e.GetSingle())];

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "RlNotebooks.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException($"RlNotebooks.sln is in no folder above {AppContext.BaseDirectory}.");
    }
}
