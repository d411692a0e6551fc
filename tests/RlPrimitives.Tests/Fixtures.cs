namespace RlPrimitives.Tests;

/// <summary>Where the reference numbers lie.</summary>
internal static class Fixtures
{
    /// <summary>A copied fixture, under the output folder.</summary>
    public static string Path(string relative) => System.IO.Path.Combine(AppContext.BaseDirectory, "fixtures", relative);

    /// <summary>A file of shared/fixtures beside the repository; null where there is none.</summary>
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
}
