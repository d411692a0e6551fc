using System.Diagnostics;

namespace RlNotebooks.Tests;

/// <summary>What a model, a data set or a notebook of a stranger wrote is shown, and does not run: looked at in a browser.</summary>
[Collection(ProcessStateCollection.Name)]
public sealed class HostileTextTests : IDisposable
{
    // Each way a text could run; the page's title would change.
    private const string Payload = "</td></script><script>document.title='ran'</script><img src=x onerror=\\\"document.title='ran'\\\"><svg/onload=document.title='ran'><a href='javascript:document.title=1'>l</a>";

    private readonly Workspace work = new();

    public void Dispose() => work.Dispose();

    [SkippableFact]
    public async Task A_script_in_a_completion_does_not_run_in_the_notebooks_page()
    {
        var library = typeof(RlPrimitives.Notebooks.NotebookHost).Assembly.Location.Replace("\\", "/", StringComparison.Ordinal);
        var report = await work.RunAsync(
            $"#r \"{library}\"\nusing RlPrimitives.Environments; using RlPrimitives.Inference; using RlPrimitives.Rollouts; using RlPrimitives.Notebooks; using RlPrimitives.Algorithms;\nusing RlPrimitives.Backprop;\nvar evil = \"{Payload}\";",
            "var bad = new Trajectory(new Problem(evil, evil, evil, new Dictionary<string, string> { [evil] = evil }), 0, 0, [new Turn([1], [2], [-1f], evil, StopReason.StopToken, 1)], TrajectoryStatus.Failed, evil);\nShow.Trajectories([bad, bad with { Error = null, Status = TrajectoryStatus.Terminated }])",
            "var step = new TrainStep(1, 1, [1f, 0], new Dictionary<string, Summary> { [evil] = Summary.Of([1.0, 0]) }, [1f, -1], 0, new UpdateStatistics(), RolloutStatistics.Of([bad]), 1) { Alarms = [new Alarm(evil, evil, evil)] };\nShow.Training().Report(step);",
            "var history = new TrainingHistory(evil, [step, step with { Iteration = 2 }]);\nShow.RewardCurve(history)",
            "Show.Diagnostics(history)",
            "Console.WriteLine(evil); Console.Error.WriteLine(evil); evil",
            "bad",
            "throw new InvalidOperationException(evil);");
        Assert.Contains("InvalidOperationException", report.Failure!.Error, StringComparison.Ordinal);
        Assert.Contains("ran", work.Page, StringComparison.Ordinal); // it is there, as text
        AssertNothingRan(Dom(report.PagePath!), outputs: 8);
    }

    [SkippableFact]
    public void A_notebook_of_a_stranger_runs_nothing_by_its_texts()
    {
        var evil = Payload.Replace("\\\"", "\"", StringComparison.Ordinal);
        var json = System.Text.Json.JsonSerializer.Serialize(evil);
        var notebook = Documents.Notebook.Parse($$$"""
            {"cells": [{"cell_type": "markdown", "id": {{{json}}}, "metadata": {}, "source": {{{json}}}, "attachments": {"a": { {{{json}}}: {{{json}}} } } },
              {"cell_type": "markdown", "metadata": {}, "id": "b", "source": "# <script>document.title='ran'</script>\n![x](attachment:a) [y](javascript:document.title='ran') ![z](javascript:1) <javascript:document.title='ran'>"},
              {"cell_type": "code", "id": "c", "metadata": {}, "execution_count": {{{json}}}, "source": {{{json}}}, "outputs": [
                {"output_type": "stream", "name": {{{json}}}, "text": {{{json}}} }, {"output_type": "error", "ename": "e", "evalue": "", "traceback": [{{{json}}}]},
                {"output_type": "display_data", "metadata": {}, "data": {"text/plain": {{{json}}} } }, {"output_type": "display_data", "metadata": {}, "data": {"text/markdown": {{{json}}} } },
                {"output_type": "display_data", "metadata": {}, "data": {"image/png": {{{json}}} } }, {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": {{{json}}} } }]}],
             "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
            """, "stranger.ipynb");
        var page = Path.Combine(work.Folder, "stranger.html");
        File.WriteAllText(page, Documents.HtmlPage.Of(notebook, evil, work.Folder));
        AssertNothingRan(Dom(page), outputs: 5);
    }

    private static void AssertNothingRan(string dom, int outputs)
    {
        var title = dom[dom.IndexOf("<title>", StringComparison.Ordinal)..dom.IndexOf("</title>", StringComparison.Ordinal)];
        Assert.DoesNotContain("ran<", title + "<", StringComparison.Ordinal);
        Assert.NotEqual("<title>ran", title);
        Assert.NotEqual("<title>1", title);
        Assert.DoesNotContain("<script>document", dom, StringComparison.Ordinal);
        Assert.DoesNotContain("<img src=\"x\"", dom, StringComparison.Ordinal);
        Assert.DoesNotContain("href=\"javascript:", dom, StringComparison.Ordinal);
        Assert.True(dom.Split("class=\"output").Length > outputs - 3, dom); // the page was not cut short
    }

    // The page as a browser has it after its scripts ran.
    private static string Dom(string page)
    {
        var browser = new[] { "chromium", "chromium-browser", "google-chrome" }.SelectMany(name => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(p => Path.Combine(p, name))).FirstOrDefault(File.Exists);
        Skip.If(browser is null, "There is no Chromium on this machine.");
        var profile = Directory.CreateTempSubdirectory("rlnotebooks-browser-").FullName;
        try
        {
            using var process = Process.Start(new ProcessStartInfo(browser, [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                $"--user-data-dir={profile}", "--virtual-time-budget=4000", "--dump-dom", new Uri(page).AbsoluteUri]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            var dom = process.StandardOutput.ReadToEndAsync();
            if (!process.WaitForExit(TimeSpan.FromMinutes(2)))
            {
                process.Kill(entireProcessTree: true);
            }

            Skip.If(!dom.Result.Contains("</html>", StringComparison.Ordinal), "Chromium does not start on this machine.");
            return dom.Result;
        }
        finally
        {
            Delete(profile);
        }
    }

    // Processes of the browser may outlive it by a moment, and write into its profile still.
    private static void Delete(string profile)
    {
        for (var attempt = 0; attempt < 20 && Directory.Exists(profile); attempt++)
        {
            try
            {
                Directory.Delete(profile, recursive: true);
            }
            catch (IOException)
            {
                Thread.Sleep(250);
            }
        }
    }
}
