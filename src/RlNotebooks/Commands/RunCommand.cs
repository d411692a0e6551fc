using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using RlNotebooks.Documents;
using RlNotebooks.Running;

namespace RlNotebooks.Commands;

/// <summary><c>run</c>: executes notebooks and leaves executed copies and pages.</summary>
internal static class RunCommand
{
    public const int Failed = 1;
    public const int Unusable = 2;
    public const int Cancelled = 130;

    public static Command Create()
    {
        var notebooks = new Argument<string[]>("notebooks") { Description = "Notebook files (.ipynb).", Arity = ArgumentArity.OneOrMore };
        var parameters = new Option<string[]>("--parameter", "-p")
        {
            Description = "name=value for the cell tagged 'parameters'; may be repeated.",
            Arity = ArgumentArity.OneOrMore,
        };
        var output = new Option<string>("--output", "-o") { Description = "Folder for the executed notebook and the page.", DefaultValueFactory = _ => "out" };
        var inPlace = new Option<bool>("--inplace") { Description = "Write the executed notebook over its source; the page still goes to the output folder." };
        var cellTimeout = Limit("--cell-timeout", "Time limit of one cell, in seconds.");
        var timeout = Limit("--timeout", "Time limit of one notebook, in seconds.");
        var html = new Option<bool>("--html") { Description = "Leave a self-contained page beside the executed notebook (--html false: do not).", DefaultValueFactory = _ => true };
        var check = new Option<bool>("--check") { Description = "Compare the new outputs with the saved ones; times, speeds, dates and cells tagged 'volatile-output' are left out." };
        var tolerance = new Option<double>("--tolerance") { Description = "Largest relative difference of two numbers for --check.", DefaultValueFactory = _ => 0.01 };
        var parallel = new Option<int>("--parallel") { Description = "Notebooks run at the same time, each in a process of its own.", DefaultValueFactory = _ => 1 };
        parallel.Validators.Add(r => AtLeast(r, "--parallel", 1));
        tolerance.Validators.Add(r => AtLeast(r, "--tolerance", 0));
        parameters.Validators.Add(CheckNames);
        var command = new Command("run", "Executes notebooks from top to bottom; leaves an executed .ipynb and a self-contained .html of each.")
        {
            notebooks, parameters, output, inPlace, html, check, tolerance, parallel, cellTimeout, timeout,
        };
        command.SetAction((parsed, cancellation) => RunAllAsync(parsed.GetValue(notebooks)!, parsed.GetValue(parallel), new RunOptions
        {
            WritesPage = parsed.GetValue(html),
            Check = parsed.GetValue(check),
            Tolerance = parsed.GetValue(tolerance),
            OutputFolder = Path.GetFullPath(parsed.GetValue(output)!),
            InPlace = parsed.GetValue(inPlace),
            Parameters = (parsed.GetValue(parameters) ?? []).Select(p => p.Split('=', 2)).ToDictionary(p => p[0].Trim(), p => p[1]),
            CellTimeout = parsed.GetValue(cellTimeout) is { } c ? TimeSpan.FromSeconds(c) : null,
            Timeout = parsed.GetValue(timeout) is { } t ? TimeSpan.FromSeconds(t) : null,
        }, cancellation));
        return command;
    }

    private static async Task<int> RunAllAsync(string[] paths, int parallel, RunOptions options, CancellationToken cancellation)
    {
        if (paths.GroupBy(Path.GetFileName).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            await Console.Error.WriteLineAsync($"{string.Join(" and ", twice)} would write the same files. Run them one at a time with different --output folders.");
            return Unusable;
        }

        if (parallel > 1 && paths.Length > 1)
        {
            return await ParallelRuns.RunAsync(paths, parallel, options, cancellation);
        }

        // The terminal's own writers, taken before the console is routed to cells.
        var (terminal, errors) = (Console.Out, Console.Error);
        var worst = 0;
        foreach (var path in paths)
        {
            worst = Math.Max(worst, await RunOneAsync(path, options, terminal, errors, cancellation));
            // The finished notebook's variables, and with them its tensors, go before the next begins.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            GC.Collect();
            if (cancellation.IsCancellationRequested)
            {
                return Cancelled;
            }
        }

        return worst;
    }

    private static async Task<int> RunOneAsync(string path, RunOptions options, TextWriter terminal, TextWriter errors, CancellationToken cancellation)
    {
        try
        {
            RunReport report;
            using (var progress = RunProgress.For(terminal))
            {
                report = await new NotebookRunner(options, progress).RunAsync(path, cancellation);
            }

            if (report.Failure is { } failure)
            {
                await errors.WriteLineAsync($"{path}: {failure}");
            }

            foreach (var difference in report.Differences)
            {
                await errors.WriteLineAsync($"{path}: {difference}");
            }

            if (options.Check && report.Failure is null)
            {
                await terminal.WriteLineAsync(report.Differences.Count == 0 ? "the outputs are those that were saved" : $"{report.Differences.Count} difference(s) from the saved outputs");
            }

            await terminal.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{(report.Failure is null ? "done" : "stopped")} after {report.Elapsed.TotalSeconds:0.0} s"));
            await terminal.WriteLineAsync($"  notebook  {report.NotebookPath}{(report.PagePath is { } page ? $"\n  page      {page}" : "")}");
            return report.Failure switch { null => report.Differences.Count == 0 ? 0 : Failed, { Cancelled: true } => Cancelled, _ => Failed };
        }
        catch (NotebookException e)
        {
            await errors.WriteLineAsync(e.Message);
            return Unusable;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await errors.WriteLineAsync($"{path}: the output could not be written to {options.OutputFolder}: {e.Message} Choose another folder with --output.");
            return Unusable;
        }
    }

    private static Option<double?> Limit(string name, string description)
    {
        var option = new Option<double?>(name) { Description = description, HelpName = "seconds" };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && !(double.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out var s) && s is > 0 and < 1e6))
            {
                result.AddError($"{name} is '{result.Tokens[0].Value}'; give a number of seconds above 0.");
            }
        });
        return option;
    }

    private static void AtLeast(OptionResult result, string name, double least)
    {
        if (result.Tokens.Count == 1 && !(double.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out var n) && n >= least && n < 1e6))
        {
            result.AddError($"{name} is '{result.Tokens[0].Value}'; give a number from {least} on.");
        }
    }

    private static void CheckNames(OptionResult result)
    {
        foreach (var token in result.Tokens.Where(t => t.Value.IndexOf('=', StringComparison.Ordinal) <= 0))
        {
            result.AddError($"-p '{token.Value}': give name=value, for example -p seed=3.");
        }

        if (result.Tokens.GroupBy(t => t.Value.Split('=')[0].Trim()).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            result.AddError($"-p {twice.Key} is given twice.");
        }
    }
}
