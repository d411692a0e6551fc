namespace RlNotebooks.Kernel;

/// <summary>Where Jupyter clients look for kernels.</summary>
internal static class KernelFolders
{
    /// <summary>The folder of this user, where kernels are installed.</summary>
    public static string User => Path.Combine(UserData, "kernels");

    /// <summary>All folders that exist or could, this user's first.</summary>
    public static IReadOnlyList<string> All =>
    [
        .. PathVariable("JUPYTER_PATH").Select(p => Path.Combine(p, "kernels")).Prepend(User)
            .Concat(OperatingSystem.IsWindows() ? [Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.CommonApplicationData), "jupyter", "kernels")]
                : ["/usr/local/share/jupyter/kernels", "/usr/share/jupyter/kernels"]).Distinct(),
    ];

    private static string UserData
    {
        get
        {
            if (Environment.GetEnvironmentVariable("JUPYTER_DATA_DIR") is { Length: > 0 } named)
            {
                return named;
            }

            var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify);
            return OperatingSystem.IsWindows() ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData), "jupyter")
                : OperatingSystem.IsMacOS() ? Path.Combine(home, "Library", "Jupyter")
                : Path.Combine(Environment.GetEnvironmentVariable("XDG_DATA_HOME") is { Length: > 0 } data ? data : Path.Combine(home, ".local", "share"), "jupyter");
        }
    }

    private static string[] PathVariable(string name) =>
        (Environment.GetEnvironmentVariable(name) ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
