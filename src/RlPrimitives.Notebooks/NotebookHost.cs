namespace RlPrimitives.Notebooks;

/// <summary>Where output goes: a notebook engine sets <see cref="Current"/>, everything that shows itself uses it.</summary>
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
