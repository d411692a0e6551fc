namespace RlPrimitives.Notebooks;

/// <summary>Where output goes: a notebook engine sets <see cref="NotebookHost.Current"/>, everything that shows itself uses it.</summary>
public interface INotebookHost
{
    /// <summary>Shows a value and returns a handle to replace it.</summary>
    /// <param name="bundle">MIME type → content, JSON types as JSON text. Holds at least <c>text/plain</c>.</param>
    INotebookOutput Display(IReadOnlyDictionary<string, string> bundle);
}

/// <summary>One shown output.</summary>
public interface INotebookOutput
{
    /// <summary>Replaces what is shown.</summary>
    /// <param name="bundle">As in <see cref="INotebookHost.Display"/>.</param>
    void Update(IReadOnlyDictionary<string, string> bundle);
}

/// <summary>The host that this process's output goes to.</summary>
public static class NotebookHost
{
    /// <summary>Set by a notebook engine; otherwise plain text to the console.</summary>
    public static INotebookHost Current { get; set; } = new ConsoleHost();

    private sealed class ConsoleHost : INotebookHost, INotebookOutput
    {
        public INotebookOutput Display(IReadOnlyDictionary<string, string> bundle)
        {
            Update(bundle);
            return this;
        }

        public void Update(IReadOnlyDictionary<string, string> bundle) => Console.WriteLine(bundle["text/plain"]);
    }
}
