using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using RlNotebooks.Documents;
using RlNotebooks.Engine;

namespace RlNotebooks.Running;

/// <summary>Executes notebooks in this process and writes what came of it, also when a cell failed.</summary>
public sealed class NotebookRunner(RunOptions options, IRunListener listener)
{
    /// <summary>Runs one notebook from top to bottom.</summary>
    /// <exception cref="NotebookException">It cannot be read, or a parameter does not fit; nothing ran.</exception>
    public async Task<RunReport> RunAsync(string path, CancellationToken cancellation = default)
    {
        var source = Path.GetFullPath(path);
        var notebook = Notebook.Load(path);
        Parameters.Inject(notebook, options.Parameters, path);
        var (target, page) = Targets(source, path);
        var clock = Stopwatch.StartNew();
        var failure = await ExecuteAsync(notebook, path, source, cancellation).ConfigureAwait(false);
        notebook.Save(target);
        await File.WriteAllTextAsync(page, HtmlPage.Of(notebook, Path.GetFileNameWithoutExtension(source), Path.GetDirectoryName(source)!), CancellationToken.None).ConfigureAwait(false);
        return new RunReport(target, page, clock.Elapsed, failure);
    }

    private (string Notebook, string Page) Targets(string source, string path)
    {
        var folder = Path.GetFullPath(options.OutputFolder);
        Directory.CreateDirectory(folder);
        var target = options.InPlace ? source : Path.Combine(folder, Path.GetFileName(source));
        if (!options.InPlace && target == source)
        {
            throw new NotebookException($"{path}: the output would overwrite it. Say --inplace if that is meant, or --output with another folder.");
        }

        return (target, Path.Combine(folder, Path.ChangeExtension(Path.GetFileName(source), ".html")));
    }

    private async Task<RunFailure?> ExecuteAsync(Notebook notebook, string path, string source, CancellationToken cancellation)
    {
        var folder = Path.GetDirectoryName(source)!;
        var before = Environment.CurrentDirectory;
        var collector = new OutputCollector(listener.Displayed);
        var session = new NotebookSession(folder);
        session.Output += collector.Add;
        try
        {
            Environment.CurrentDirectory = folder;
            return await CellsAsync(notebook, path, session, collector, cancellation).ConfigureAwait(false);
        }
        finally
        {
            Environment.CurrentDirectory = before;
            session.Dispose();
        }
    }

    private async Task<RunFailure?> CellsAsync(Notebook notebook, string path, NotebookSession session, OutputCollector collector, CancellationToken cancellation)
    {
        var cells = notebook.Cells.Where(c => c.IsCode && c.Source.Trim().Length > 0).ToArray();
        foreach (var cell in notebook.Cells.Where(c => c.IsCode))
        {
            cell.Outputs.Clear();
            cell.SetExecutionCount(null);
        }

        listener.NotebookStarted(path, cells.Length);
        using var total = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        if (options.Timeout is { } limit)
        {
            total.CancelAfter(limit);
        }

        RunFailure? failure = null;
        var results = new Dictionary<int, CellResult>();
        for (var i = 0; i < cells.Length && failure is null; i++)
        {
            var (cell, number) = (cells[i], i + 1);
            if (cell.HasTag("skip-execution"))
            {
                listener.CellFinished(number, cell.FirstLine, TimeSpan.Zero, CellOutcome.Skipped);
                continue;
            }

            listener.CellStarted(number, cell.FirstLine);
            var clock = Stopwatch.StartNew();
            using var token = CancellationTokenSource.CreateLinkedTokenSource(total.Token);
            if (options.CellTimeout is { } cellLimit)
            {
                token.CancelAfter(cellLimit);
            }

            var result = await session.ExecuteAsync(new CellCode($"{i}", $"cell {number}", cell.Source), token.Token).ConfigureAwait(false);
            failure = FailureOf(cell, number, ref result, total.IsCancellationRequested, cancellation.IsCancellationRequested);
            results[i] = result;
            listener.CellFinished(number, cell.FirstLine, clock.Elapsed, failure is null ? CellOutcome.Done : CellOutcome.Failed);
        }

        // At the end, not cell by cell: updates and late text of earlier cells belong to those cells.
        foreach (var (i, result) in results)
        {
            Fill(cells[i], collector.Of($"{i}"), result);
        }

        return failure;
    }

    private RunFailure? FailureOf(NotebookCell cell, int number, ref CellResult result, bool totalEnded, bool userEnded)
    {
        if (result.Status == CellStatus.Cancelled)
        {
            var reason = userEnded ? "cancelled"
                : totalEnded ? $"the notebook's time limit of {Seconds(options.Timeout)} s is over (--timeout)"
                : $"the cell's time limit of {Seconds(options.CellTimeout)} s is over (--cell-timeout)";
            var name = userEnded ? "Cancelled" : "TimeLimit";
            result = result with { Error = new CellError(name, reason, [$"{name}: {reason}"], null) };
            return new RunFailure(number, null, cell.FirstLine, reason, userEnded);
        }

        if (cell.HasTag("raises-exception"))
        {
            return result.Status == CellStatus.Failed ? null
                : new RunFailure(number, null, cell.FirstLine, "it is tagged raises-exception, but nothing was thrown", Cancelled: false);
        }

        return result.Error is { } error
            ? new RunFailure(number, error.Line, SourceLine(cell, error.Line), $"{error.Name}: {error.Message}", Cancelled: false)
            : null;
    }

    private static void Fill(NotebookCell cell, IEnumerable<JsonObject> shown, CellResult result)
    {
        cell.SetExecutionCount(result.ExecutionCount);
        foreach (var output in shown)
        {
            cell.Outputs.Add((JsonNode)output);
        }

        if (result.Value is { } value)
        {
            cell.Outputs.Add((JsonNode)Outputs.Result(value, result.ExecutionCount));
        }

        if (result.Error is { } error)
        {
            cell.Outputs.Add((JsonNode)Outputs.Error(error.Name, error.Message, error.Traceback));
        }
    }

    private static string SourceLine(NotebookCell cell, int? line) =>
        line is { } number && cell.Source.Split('\n').ElementAtOrDefault(number - 1)?.Trim() is { Length: > 0 } text ? text : cell.FirstLine;

    private static string Seconds(TimeSpan? limit) => limit!.Value.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);
}
