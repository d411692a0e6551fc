using System.Text.Json.Nodes;
using RlNotebooks.Documents;
using RlNotebooks.Running;

namespace RlNotebooks.Tests;

/// <summary>A temporary folder with a notebook, and what came of running it.</summary>
internal sealed class Workspace : IDisposable, IRunListener
{
    public Workspace() => Directory.CreateDirectory(Folder);

    public string Folder { get; } = Path.Combine(Path.GetTempPath(), $"rlnotebooks-{Guid.NewGuid():N}");

    public string NotebookPath => Path.Combine(Folder, "x.ipynb");

    public List<string> Displays { get; } = [];

    public Notebook Executed { get; private set; } = Notebook.Create();

    public string Page { get; private set; } = "";

    public static (string Source, string[] Tags) Tagged(string tag, string source) => (source, [tag]);

    public Task<RunReport> RunAsync(params string[] cells) => RunAsync(null, [.. cells.Select(c => (c, Array.Empty<string>()))]);

    public async Task<RunReport> RunAsync(Func<RunOptions, RunOptions>? configure, params (string Source, string[] Tags)[] cells)
    {
        var notebook = Notebook.Create();
        foreach (var (source, tags) in cells)
        {
            notebook.InsertCode(notebook.Cells.Count, $"c{notebook.Cells.Count}", source, tags);
        }

        notebook.Save(NotebookPath);
        var options = new RunOptions { OutputFolder = Path.Combine(Folder, "out") };
        var report = await new NotebookRunner(configure?.Invoke(options) ?? options, this).RunAsync(NotebookPath);
        Executed = Notebook.Load(report.NotebookPath);
        Page = await File.ReadAllTextAsync(report.PagePath!);
        return report;
    }

    public JsonObject Output(int cell, int index = 0) => (JsonObject)Executed.Cells[cell].Outputs[index]!;

    /// <summary>The text of an output: plain text of a value, a stream's text, or an error's traceback.</summary>
    public string Text(int cell, int index = 0) => Output(cell, index) switch
    {
        { } o when o["data"] is { } data => NotebookCell.Text(data["text/plain"]),
        { } o when o["text"] is { } text => NotebookCell.Text(text),
        { } o => string.Join('\n', o["traceback"]!.AsArray().Select(l => l!.ToString())),
    };

    public void NotebookStarted(string path, int cells)
    {
    }

    public void CellStarted(int number, string firstLine)
    {
    }

    public void Displayed(string text) => Displays.Add(text);

    public void CellFinished(int number, string firstLine, TimeSpan elapsed, CellOutcome outcome)
    {
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
