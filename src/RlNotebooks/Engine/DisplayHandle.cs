using RlPrimitives.Notebooks;

namespace RlNotebooks.Engine;

/// <summary>One shown output of a cell.</summary>
internal sealed class DisplayHandle(CellContext context, string id) : INotebookOutput
{
    public NotebookSession Session => context.Session;

    public void Update(IReadOnlyDictionary<string, string> bundle) => context.Update(id, bundle);
}

/// <summary>Library code shows its output through this while a cell runs.</summary>
internal sealed class CellHost(INotebookHost outside) : INotebookHost
{
    public INotebookOutput Display(IReadOnlyDictionary<string, string> bundle) =>
        CellContext.Current is { } cell ? cell.Display(bundle) : outside.Display(bundle);
}
