namespace RlNotebooks.Engine;

/// <summary>Makes the paths in an error message relative to the notebook: an executed notebook is read on other machines.</summary>
internal static class MachinePaths
{
    public static string Remove(string text, string folder)
    {
        var up = "";
        for (var at = new DirectoryInfo(folder); at?.Parent is not null; at = at.Parent)
        {
            text = text.Replace(at.FullName + Path.DirectorySeparatorChar, up, StringComparison.Ordinal);
            up = $"../{up}";
        }

        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return home.Length > 1 ? text.Replace(home, "~", StringComparison.Ordinal) : text;
    }
}
