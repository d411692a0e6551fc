namespace RlNotebooks.Serving;

/// <summary>What is served, and to whom.</summary>
/// <param name="Folder">The model's folder.</param>
internal sealed record ServerOptions(string Folder)
{
    /// <summary>The name that requests give; by default the folder's.</summary>
    public string ModelName { get; init; } = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(Folder)));

    /// <summary>Address to listen on.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>0 takes a free one.</summary>
    public int Port { get; init; } = 8000;

    /// <summary>Bearer token that requests must carry; null for none.</summary>
    public string? ApiKey { get; init; }

    /// <summary>"cpu", "cuda" …; null for CPU.</summary>
    public string? Device { get; init; }

    /// <summary>Sequences decoded at once.</summary>
    public int MaxConcurrency { get; init; } = 128;

    /// <summary>Whether requests may load adapters and weights from folders of this machine.</summary>
    public bool AllowWeightUpdates { get; init; }

    /// <summary>Adapters loaded at once; each is a copy of the model.</summary>
    public int MaxLoras { get; init; } = 4;
}
