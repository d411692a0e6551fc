namespace RlPrimitives.Tracking;

/// <summary>What <see cref="JsonLinesTracker"/> has written so far, of a run that is over or still alive. Reading runs no code and never fails for a line: damaged ones are named.</summary>
/// <param name="Runs">Beginnings, oldest first: more than one where a run was continued.</param>
/// <param name="Steps">By step, ascending; of steps recorded twice (a run that went back to a checkpoint) the later.</param>
/// <param name="Completions">Rows in the order of the file; of iterations recorded twice only the later.</param>
/// <param name="Outcome">How it ended; null while it is alive, or where it was killed.</param>
/// <param name="Damaged">Lines that could not be read: file, line and reason.</param>
public sealed record RecordedRun(
    IReadOnlyList<RunInfo> Runs, IReadOnlyList<StepMetrics> Steps, IReadOnlyList<CompletionRow> Completions, RunOutcome? Outcome, IReadOnlyList<string> Damaged)
{
    /// <summary>Name of the file of steps.</summary>
    public const string StepsFile = "steps.jsonl";

    /// <summary>Name of the file of completions.</summary>
    public const string CompletionsFile = "completions.jsonl";

    /// <summary>Reads a folder.</summary>
    /// <param name="folder">The folder of one run.</param>
    /// <exception cref="FileNotFoundException">There is no record in it.</exception>
    public static RecordedRun Load(string folder)
    {
        var path = Path.Combine(folder, StepsFile);
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"'{folder}' holds no recorded run: it has no {StepsFile}.", path);
        }

        var (runs, steps, damaged) = (new List<RunInfo>(), new SortedDictionary<int, StepMetrics>(), new List<string>());
        RunOutcome? outcome = null;
        foreach (var line in Lines(path, damaged))
        {
            switch (line)
            {
                case RunInfo run:
                    runs.Add(run);
                    outcome = null;
                    break;
                case StepMetrics step:
                    steps[step.Step] = step;
                    break;
                case RunOutcome end:
                    outcome = end;
                    break;
                default:
                    damaged.Add($"{StepsFile}: a completion does not belong there");
                    break;
            }
        }

        var completions = Path.Combine(folder, CompletionsFile);
        return new RecordedRun(runs, [.. steps.Values], File.Exists(completions) ? Latest(Lines(completions, damaged).OfType<CompletionRow>()) : [], outcome, damaged);
    }

    // The batch of an iteration stands together; when an iteration comes again later, its rows replace the earlier ones.
    private static List<CompletionRow> Latest(IEnumerable<CompletionRow> rows)
    {
        var batches = new Dictionary<int, List<CompletionRow>>();
        int? current = null;
        foreach (var row in rows)
        {
            if (row.Iteration != current)
            {
                batches.Remove(row.Iteration);
                batches[row.Iteration] = [];
                current = row.Iteration;
            }

            batches[row.Iteration].Add(row);
        }

        return [.. batches.OrderBy(b => b.Key).SelectMany(b => b.Value)];
    }

    private static IEnumerable<object> Lines(string path, List<string> damaged)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(stream);
        for (var number = 1; reader.ReadLine() is { } text; number++)
        {
            object? line = null;
            try
            {
                line = JsonLinesFormat.Parse(text);
            }
            catch (InvalidDataException e)
            {
                damaged.Add($"{Path.GetFileName(path)}, line {number}: {e.Message}");
            }

            if (line is not null)
            {
                yield return line;
            }
        }
    }
}
