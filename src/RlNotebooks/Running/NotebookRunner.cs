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
        var saved = notebook.Cells.Select(c => c.IsCode ? (JsonArray)c.Outputs.DeepClone() : []).ToArray();
        var clock = Stopwatch.StartNew();
        void Save()
        {
            notebook.Save(target);
            if (page is not null)
            {
                File.WriteAllText(page, HtmlPage.Of(notebook, Path.GetFileNameWithoutExtension(source), Path.GetDirectoryName(source)!));
            }
        }

        var failure = await ExecuteAsync(notebook, path, source, Save, cancellation).ConfigureAwait(false);
        Save();
        return new RunReport(target, page, clock.Elapsed, failure) { Differences = options.Check && failure is null ? [.. Differences(notebook, saved)] : [] };
    }

    private IEnumerable<string> Differences(Notebook notebook, JsonArray[] saved)
    {
        var comparison = new OutputComparison(options.Tolerance);
        var (cells, number) = (notebook.Cells, 0);
        for (var i = 0; i < cells.Count; i++)
        {
            var cell = cells[i];
            number += cell.IsCode && cell.Source.Trim().Length > 0 ? 1 : 0;
            if (cell.IsCode && !cell.HasTag("skip-execution") && !OutputComparison.Tags.Any(cell.HasTag))
            {
                foreach (var difference in comparison.Differences(saved[i], cell.Outputs))
                {
                    yield return $"code cell {number} ({cell.FirstLine}): {difference}";
                }
            }
        }
    }

    private (string Notebook, string? Page) Targets(string source, string path)
    {
        var folder = Path.GetFullPath(options.OutputFolder);
        Directory.CreateDirectory(folder);
        var target = options.InPlace ? source : Path.Combine(folder, Path.GetFileName(source));
        if (!options.InPlace && target == source)
        {
            throw new NotebookException($"{path}: the output would overwrite it. Say --inplace if that is meant, or --output with another folder.");
        }

        return (target, options.WritesPage ? Path.Combine(folder, Path.ChangeExtension(Path.GetFileName(source), ".html")) : null);
    }

    private async Task<RunFailure?> ExecuteAsync(Notebook notebook, string path, string source, Action save, CancellationToken cancellation)
    {
        var folder = Path.GetDirectoryName(source)!;
        var before = Environment.CurrentDirectory;
        var collector = new OutputCollector(listener.Displayed);
        var session = new NotebookSession(folder);
        session.Output += collector.Add;
        var results = new Dictionary<int, CellResult>();
        void OnExit(object? sender, EventArgs e) => Ended(notebook, path, collector, results, save);
        AppDomain.CurrentDomain.ProcessExit += OnExit;
        try
        {
            Environment.CurrentDirectory = folder;
            return await CellsAsync(notebook, path, session, collector, results, cancellation).ConfigureAwait(false);
        }
        finally
        {
            AppDomain.CurrentDomain.ProcessExit -= OnExit;
            Environment.CurrentDirectory = before;
            session.Dispose();
        }
    }

    private async Task<RunFailure?> CellsAsync(Notebook notebook, string path, NotebookSession session, OutputCollector collector, Dictionary<int, CellResult> results, CancellationToken cancellation)
    {
        var cells = Runnable(notebook);
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
            return null; // It may throw; it need not.
        }

        return result.Error is { } error
            ? new RunFailure(number, error.Line, SourceLine(cell, error.Line), $"{error.Name}: {error.Message}", Cancelled: false)
            : null;
    }

    // A cell ended the process (Environment.Exit): what was shown so far is written all the same, and the run has failed.
    private static void Ended(Notebook notebook, string path, OutputCollector collector, Dictionary<int, CellResult> results, Action save)
    {
        var cells = Runnable(notebook);
        var last = Enumerable.Range(0, cells.Length).FirstOrDefault(i => !results.ContainsKey(i) && !cells[i].HasTag("skip-execution"), cells.Length - 1);
        var message = $"the cell ended the process (exit code {Environment.ExitCode})";
        results[last] = new CellResult(CellStatus.Failed, results.Count + 1, null, new CellError("ProcessExit", message, [$"ProcessExit: {message}"], null));
        foreach (var (i, result) in results)
        {
            Fill(cells[i], collector.Of($"{i}"), result);
        }

        save();
        Environment.ExitCode = Environment.ExitCode == 0 ? 1 : Environment.ExitCode;
        using var errors = new StreamWriter(Console.OpenStandardError());
        errors.WriteLine($"{path}: {new RunFailure(last + 1, null, cells[last].FirstLine, message, Cancelled: false)}");
    }

    private static NotebookCell[] Runnable(Notebook notebook) => [.. notebook.Cells.Where(c => c.IsCode && c.Source.Trim().Length > 0)];

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
