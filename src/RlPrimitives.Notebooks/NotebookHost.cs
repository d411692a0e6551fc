using RlPrimitives.Notebooks.Live;

namespace RlPrimitives.Notebooks;

/// <summary>Where output goes: a notebook engine sets <see cref="NotebookHost.Current"/>, everything that shows itself uses it.</summary>
public interface INotebookHost
{
    /// <summary>Shows a value and returns a handle to replace it.</summary>
    /// <param name="bundle">MIME type → content, JSON types as JSON text. Holds at least <c>text/plain</c>.</param>
    INotebookOutput Display(IReadOnlyDictionary<string, string> bundle);

    /// <summary>How often something live should replace what it shows.</summary>
    TimeSpan UpdateInterval => TimeSpan.FromMilliseconds(200);
}

/// <summary>One shown output.</summary>
public interface INotebookOutput
{
    /// <summary>Whether what is shown can be replaced; otherwise <see cref="Update"/> does nothing, and the end of something live is shown anew.</summary>
    bool CanUpdate => true;

    /// <summary>Replaces what is shown.</summary>
    /// <param name="bundle">As in <see cref="INotebookHost.Display"/>.</param>
    void Update(IReadOnlyDictionary<string, string> bundle);

    /// <summary>Says that what is shown is final.</summary>
    void Complete()
    {
    }
}

/// <summary>The host that this process's output goes to.</summary>
public static class NotebookHost
{
    private static INotebookHost? engine;

    /// <summary>Set by a notebook engine; otherwise .NET Interactive where a cell of it is running, else plain text to the console.</summary>
    public static INotebookHost Current
    {
        get => engine ?? (INotebookHost?)DotNetInteractiveHost.TryCreate() ?? ConsoleHost.Shared;
        set => engine = value;
    }
}
