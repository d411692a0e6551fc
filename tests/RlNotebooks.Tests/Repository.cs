namespace RlNotebooks.Tests;

/// <summary>The repository that the tests were built from.</summary>
internal static class Repository
{
    /// <summary>Its root, found by walking up from the tests.</summary>
    public static string Root { get; } = Find();

    public static string Path(params string[] parts) => System.IO.Path.Combine([Root, .. parts]);

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "RlNotebooks.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"No RlNotebooks.sln above {AppContext.BaseDirectory}.");
    }
}
