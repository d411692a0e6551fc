namespace RlPrimitives.Tracking;

/// <summary>The commit that a folder's code is at, read from its <c>.git</c>: no program is run.</summary>
internal static class GitCommit
{
    /// <summary>40 or 64 hexadecimal digits; null where there is no repository, or it cannot be read.</summary>
    /// <param name="folder">Any folder in it.</param>
    public static string? Of(string folder)
    {
        try
        {
            for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
            {
                var git = Path.Combine(at.FullName, ".git");
                if (File.Exists(git) && File.ReadAllText(git) is var link && link.StartsWith("gitdir: ", StringComparison.Ordinal))
                {
                    git = Path.GetFullPath(link["gitdir: ".Length..].Trim(), at.FullName); // a work tree
                }

                if (File.Exists(Path.Combine(git, "HEAD")))
                {
                    return Resolve(git, File.ReadAllText(Path.Combine(git, "HEAD")).Trim());
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null; // not known: a run is not refused for that
        }

        return null;
    }

    private static string? Resolve(string git, string head)
    {
        if (!head.StartsWith("ref: refs/", StringComparison.Ordinal))
        {
            return Commit(head);
        }

        var name = head["ref: ".Length..];
        var shared = Path.Combine(git, "commondir");
        string[] roots = File.Exists(shared) ? [git, Path.GetFullPath(File.ReadAllText(shared).Trim(), git)] : [git];
        foreach (var root in roots)
        {
            var path = Path.GetFullPath(name, root);
            if (path.StartsWith(Path.GetFullPath(root) + Path.DirectorySeparatorChar, StringComparison.Ordinal) && File.Exists(path))
            {
                return Commit(File.ReadAllText(path).Trim());
            }

            var packed = Path.Combine(root, "packed-refs");
            if (File.Exists(packed) && File.ReadLines(packed).FirstOrDefault(l => l.EndsWith(' ' + name, StringComparison.Ordinal)) is { } line)
            {
                return Commit(line.Split(' ')[0]);
            }
        }

        return null;
    }

    private static string? Commit(string text) => text.Length is 40 or 64 && text.All(char.IsAsciiHexDigitLower) ? text : null;
}
